//! One bus and who asks for its frames.

use std::sync::Arc;
use std::time::Duration;

use framebus::bus::{AttachError, BusName, ConsumerOptions, Observer};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::observe::{Baseline, BusState, Sampler, Thresholds};
use framebus::stop::Stop;
use framebus::{Consumer, Waited};
use framebus_tools::bridging::Sending;
use zenoh::{Session, Wait};

use crate::about::{Answering, answer};
use crate::keys::{hash, key, of_key};
use crate::outlet::{Outlets, Parcel, is_id};
use crate::pack::{PackOptions, PackScratch, Plan};
use crate::pool::Pool;
use crate::wire::{Ask, FrameHeader, Pong, Quiet};
use framebus_tools::far_bus::FarBus;

/// How long the loop may sleep: it notices a request to stop no later.
const STEP: Duration = Duration::from_millis(100);
/// How long a bus may be silent before receivers are told.
const SILENCE_NS: u64 = 1_000_000_000;
/// How often the log has a line.
const LINE_NS: u64 = 60_000_000_000;

/// Who sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sender {
    /// When it was started, ns since 1970.
    pub(crate) id: u64,
    /// Whose clock it has.
    pub(crate) clock: u64,
}

impl Sender {
    pub(crate) fn here() -> Sender {
        let boot = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Sender {
            id: wall_ns(),
            clock: hash(&[&boot]),
        }
    }
}

/// A bus and its receivers.
pub(crate) struct Desk {
    bus: BusName,
    far: FarBus,
    sender: Sender,
    options: PackOptions,
    outlets: Arc<Outlets>,
    stop: Stop,
    pool: Pool,
    scratch: PackScratch,
    sampler: Sampler,
    /// What receivers were told last.
    quiet: Option<String>,
    told_ns: u64,
    line_ns: u64,
    /// Held while it is declared.
    _asks: Box<dyn Send>,
}

impl Desk {
    pub(crate) fn open(
        session: &Session,
        sender: Sender,
        far: FarBus,
        bus: BusName,
        sending: &Sending,
        stop: &Stop,
    ) -> anyhow::Result<Desk> {
        let to = key(&far, "to/");
        let outlets = Outlets::new(session.clone(), to, sending.max_fps, stop.clone());
        let outlets = Arc::new(outlets);
        let heard = Arc::clone(&outlets);
        let asks = session
            .declare_subscriber(key(&far, "ask/*"))
            .callback(move |sample| {
                let came_ns = monotonic_ns();
                hear(&heard, sender, &sample, came_ns);
            })
            .wait();
        let asks = asks.map_err(|error| anyhow::anyhow!("{far} cannot be sent: {error}"))?;
        let answering = Answering {
            far: far.clone(),
            bus: bus.clone(),
            outlets: Arc::clone(&outlets),
        };
        let answers = answer(session, answering)?;
        let thresholds = Thresholds::default();
        Ok(Desk {
            sampler: Sampler::new(bus.clone(), Baseline::FirstLook, thresholds),
            bus,
            far,
            sender,
            options: PackOptions {
                quality: sending.quality,
                scale: sending.scale,
                planes: sending.planes.clone(),
            },
            outlets,
            stop: stop.clone(),
            pool: Pool::default(),
            scratch: PackScratch::default(),
            quiet: None,
            told_ns: 0,
            line_ns: monotonic_ns(),
            _asks: Box::new((asks, answers)),
        })
    }

    pub(crate) fn run(&mut self) -> anyhow::Result<()> {
        let mut said = false;
        if let Err(error) = Observer::open(&self.bus) {
            said = true;
            tracing::info!("{error}: waiting for it");
        }
        while !self.stop.is_set() {
            // An index of the bus is taken when somebody wants frames: a consumer that takes none would be a finding.
            if self.outlets.count() == 0 {
                self.outlets.wait(STEP);
                continue;
            }
            let options = ConsumerOptions::new(self.bus.clone()).name("bridge");
            let attached = Consumer::attach(options, Some(STEP), &self.stop, |_| {});
            let mut consumer = match attached {
                Ok(consumer) => consumer,
                Err(AttachError::Stopped { .. }) => break,
                Err(error) if error.is_passing() || is_full(&error) => {
                    if !said {
                        said = true;
                        tracing::info!("{error}: waiting for it");
                    }
                    self.tell_quiet(&error.to_string());
                    self.outlets.forget();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            said = false;
            let ended = self.take(&mut consumer)?;
            let bus = &self.bus;
            match ended {
                Waited::Ended => tracing::info!("bus {bus} has ended: waiting for it"),
                Waited::Lost => {
                    tracing::warn!("the producer of bus {bus} was lost: waiting for it")
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes frames of an attachment until it ends.
    fn take(&mut self, consumer: &mut Consumer) -> anyhow::Result<Waited> {
        let mut plan = self.plan(consumer);
        let mut frame_ns = monotonic_ns();
        loop {
            if self.stop.is_set() {
                return Ok(Waited::Stopped);
            }
            self.keep_up(frame_ns, consumer, plan.as_ref().err());
            if self.outlets.count() == 0 {
                return Ok(Waited::TimedOut);
            }
            let wanted = match self.outlets.due_in() {
                // The one lease is with a receiver's thread: it wakes this loop.
                Some(_) if consumer.holds_frame() => None,
                Some(due) if due.is_zero() => Some(()),
                Some(due) => {
                    self.outlets.wait(due.min(STEP));
                    continue;
                }
                None => None,
            };
            if wanted.is_none() {
                self.outlets.wait(STEP);
            }
            let time = if wanted.is_some() {
                STEP
            } else {
                Duration::ZERO
            };
            match consumer.wait(Some(time))? {
                Waited::Frame => {
                    frame_ns = monotonic_ns();
                    if wanted.is_some() {
                        self.send_newest(consumer, plan.as_ref().ok());
                    }
                }
                Waited::Renewed => plan = self.plan(consumer),
                Waited::TimedOut => {}
                ended => return Ok(ended),
            }
        }
    }

    fn plan(&mut self, consumer: &Consumer) -> Result<Plan, String> {
        let stream = consumer.stream();
        match Plan::new(&self.options, &stream.planes, stream.geometry) {
            Ok(plan) => {
                tracing::info!("{} is sent as {}", self.far, plan.words());
                if !plan.left_out.is_empty() {
                    let names = plan.left_out.join(", ");
                    tracing::warn!("{} cannot be sent of bus {}", names, self.bus);
                }
                Ok(plan)
            }
            Err(error) => {
                let why = format!("bus {} cannot be sent: {error}", self.bus);
                tracing::warn!("{why}");
                self.tell_quiet(&why);
                Err(why)
            }
        }
    }

    /// Leases the newest frame and hands it to who may have it.
    fn send_newest(&mut self, consumer: &mut Consumer, plan: Option<&Plan>) {
        let Some(plan) = plan else {
            // Taken all the same, or the loop would spin.
            drop(consumer.acquire());
            return;
        };
        let stream = consumer.stream();
        let Ok(Some(frame)) = consumer.acquire_owned() else {
            return;
        };
        let places = self.outlets.take();
        if places.is_empty() {
            return;
        }
        let info = *frame.info();
        let metadata = &frame.metadata()[..frame.metadata().len().min(plan.metadata_room as usize)];
        let metadata = metadata.to_vec();
        let pixels = |index: usize| Some(frame.plane_at(index)?.data);
        let packed = match plan.pack(frame.bus_planes(), pixels, &mut self.scratch) {
            Ok(packed) => packed,
            Err(error) => {
                tracing::warn!("frame {} cannot be sent: {error}", info.sequence);
                return;
            }
        };
        let (images, bytes): (Vec<_>, Vec<_>) = packed.into_iter().unzip();
        let header = FrameHeader {
            sender: self.sender.id,
            clock: self.sender.clock,
            epoch_ms: stream.epoch_ms,
            generation: stream.generation,
            sequence: info.sequence,
            origin: info.origin,
            capture_ns: info.capture_ns,
            wall_ns: info.wall_ns,
            source_frame: info.source_frame,
            sent_ns: 0,
            run: 0,
            index: 0,
            geometry: plan.geometry,
            millihertz: (stream.nominal_fps.unwrap_or(0.0) * 1000.0) as u32,
            metadata_room: plan.metadata_room,
            metadata_len: metadata.len() as u32,
            images,
        };
        let alone = self.outlets.count() == 1;
        let payload = self.pool.payload(frame, bytes, metadata, alone);
        self.quiet = None;
        for place in places {
            let header = FrameHeader {
                run: place.run,
                index: place.index,
                ..header.clone()
            };
            let payload = payload.clone();
            self.outlets.put(&place.id, Parcel { header, payload });
        }
    }

    /// What is to be done now and then.
    fn keep_up(&mut self, frame_ns: u64, consumer: &Consumer, unsendable: Option<&String>) {
        let now_ns = monotonic_ns();
        if now_ns.saturating_sub(self.told_ns) >= SILENCE_NS {
            self.told_ns = now_ns;
            self.outlets.forget();
            let is_silent = now_ns.saturating_sub(frame_ns) >= SILENCE_NS;
            if (is_silent || unsendable.is_some()) && self.outlets.is_wanted() {
                let reason = unsendable.cloned().unwrap_or_else(|| self.reason());
                self.tell_now(&reason);
            }
        }
        if now_ns.saturating_sub(self.line_ns) >= LINE_NS {
            self.line_ns = now_ns;
            let stats = consumer.stats();
            tracing::info!(
                "{}: {} receivers, {} frames sent, {} went by",
                self.far,
                self.outlets.count(),
                self.outlets.sent(),
                stats.skipped
            );
        }
    }

    /// Why the bus gives no frames.
    fn reason(&mut self) -> String {
        let snapshot = self.sampler.glance();
        let reason = snapshot.producer.and_then(|producer| producer.stall_reason);
        match (snapshot.state, reason) {
            (BusState::Stalled, Some(reason)) => reason,
            (BusState::Stalled, None) => "its source gives no frames".to_owned(),
            (BusState::Gone, _) => "its producer gives no sign of life".to_owned(),
            _ => String::new(),
        }
    }

    fn tell_quiet(&mut self, reason: &str) {
        let now_ns = monotonic_ns();
        if self.quiet.as_deref() == Some(reason) && now_ns.saturating_sub(self.told_ns) < SILENCE_NS
        {
            return;
        }
        self.told_ns = now_ns;
        self.tell_now(reason);
    }

    fn tell_now(&mut self, reason: &str) {
        let quiet = Quiet {
            sender: self.sender.id,
            reason: reason.to_owned(),
        };
        self.outlets.tell(&quiet.write());
        self.quiet = Some(reason.to_owned());
    }
}

/// A bus whose places are all taken may have one later.
fn is_full(error: &AttachError) -> bool {
    matches!(error, AttachError::AllInUse { .. })
}

/// Hears what a receiver asks for, and answers at once where it wants the time.
fn hear(outlets: &Outlets, sender: Sender, sample: &zenoh::sample::Sample, came_ns: u64) {
    let key = sample.key_expr().as_str();
    let Some((_, what)) = of_key(key) else {
        return;
    };
    let Some(id) = what.strip_prefix("ask/").filter(|id| is_id(id)) else {
        return;
    };
    let bytes = sample.payload().to_bytes();
    let ask = match Ask::read(&bytes) {
        Ok(ask) => ask,
        Err(error) => {
            tracing::debug!("what came for {key} is left out: {error}");
            return;
        }
    };
    if !outlets.hear(id, &ask) || ask.ping_ns == 0 {
        return;
    }
    let pong = Pong {
        sender: sender.id,
        clock: sender.clock,
        ping_ns: ask.ping_ns,
        came_ns,
        said_ns: monotonic_ns(),
    };
    outlets.answer(id, pong.write());
}
