//! What comes from one far bus: asked for, looked at, and published here.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use framebus::bus::BusName;
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::stop::Stop;
use framebus_tools::bridging::Receiving;
use zenoh::bytes::ZBytes;
use zenoh::pubsub::{Publisher, Subscriber};
use zenoh::qos::{CongestionControl, Priority};
use zenoh::{Session, Wait};

use crate::credit::Credits;
use crate::incoming::{Incoming, Teller, hand_over};
use crate::keys::key;
use crate::local::{LocalBus, Published, is_final};
use crate::offset::{Exchange, FarClock};
use crate::wire::{FrameHeader, Message, Pong};
use framebus_tools::far_bus::FarBus;

/// Frames that wait here: as many as a window has.
const QUEUED: usize = 8;
/// How long nothing may come before the bus counts as stalled, at least; and how many times the way between frames.
const SILENCE_NS: u64 = 2_000_000_000;
const SILENCE_GAPS: u64 = 4;
const SECOND: u64 = 1_000_000_000;
/// How often the log has a line.
const LINE_NS: u64 = 60 * SECOND;
/// Of how many frames that are too old the log says so.
const OLD_LINE: u64 = 100;
/// Ages that the source line is about.
const AGES: usize = 64;

/// One far bus.
pub(crate) struct Intake {
    far: FarBus,
    bus: BusName,
    receiving: Receiving,
    stop: Stop,
    told: Receiver<Incoming>,
    asks: Publisher<'static>,
    _frames: Subscriber<()>,
    credits: Credits,
    clock: FarClock,
    local: Option<LocalBus>,
    /// The sender whose frames are taken.
    sender: u64,
    heard_ns: u64,
    second_ns: u64,
    line_ns: u64,
    ages: VecDeque<u64>,
    /// Frames that were too old, and that came after newer ones.
    old: u64,
    late: u64,
    /// What was said last of frames that are none.
    said_ns: u64,
    /// Why there are no frames, as it was said last before there was a bus.
    told_reason: String,
    /// Whether a bus that cannot be made ends the program.
    alone: bool,
    retry_ns: u64,
}

impl Intake {
    pub(crate) fn open(
        session: &Session,
        far: FarBus,
        bus: BusName,
        receiving: &Receiving,
        alone: bool,
        stop: &Stop,
    ) -> anyhow::Result<(Intake, Teller)> {
        let (tell, told) = sync_channel(QUEUED);
        let id = session.zid().to_string();
        let frames = tell.clone();
        let failed = |error| anyhow::anyhow!("{far} cannot be received: {error}");
        let bad = AtomicU64::new(0);
        let whose = far.clone();
        let subscriber = session
            .declare_subscriber(key(&far, &format!("to/{id}")))
            .callback(move |sample| {
                let came_ns = monotonic_ns();
                hand_over(&frames, &sample, came_ns, &whose, &bad);
            })
            .wait()
            .map_err(failed)?;
        let asks = session
            .declare_publisher(key(&far, &format!("ask/{id}")))
            .congestion_control(CongestionControl::Drop)
            .priority(Priority::RealTime)
            .express(true)
            .wait()
            .map_err(failed)?;
        let now_ns = monotonic_ns();
        // Another number at each start, and not 0, with which a sender begins.
        let run = (wall_ns() >> 20) as u32 | 1;
        let intake = Intake {
            far,
            bus,
            receiving: receiving.clone(),
            stop: stop.clone(),
            told,
            asks,
            _frames: subscriber,
            credits: Credits::new(run, now_ns),
            clock: FarClock::default(),
            local: None,
            sender: 0,
            heard_ns: now_ns,
            second_ns: now_ns,
            line_ns: now_ns,
            ages: VecDeque::new(),
            old: 0,
            late: 0,
            said_ns: 0,
            told_reason: String::new(),
            alone,
            retry_ns: 0,
        };
        Ok((intake, tell))
    }

    /// Receives until somebody asks to stop.
    pub(crate) fn run(&mut self) -> anyhow::Result<()> {
        while !self.stop.is_set() {
            self.ask();
            let rest = Duration::from_nanos(self.credits.rest_ns());
            match self.told.recv_timeout(rest) {
                Ok(incoming) => self.take(incoming)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.keep_up()?;
        }
        // The bus ends as any other; nobody is to send to nobody.
        Ok(())
    }

    fn ask(&mut self) {
        if let Some(ask) = self.credits.ask(monotonic_ns()) {
            // One that is lost is said again.
            let _ = self.asks.put(ask.write()).wait();
        }
    }

    fn take(&mut self, incoming: Incoming) -> anyhow::Result<()> {
        match incoming {
            Incoming::Up(true) => {
                let now_ns = monotonic_ns();
                tracing::debug!("{} is sent", self.far);
                self.credits.begin(now_ns);
                self.heard_ns = now_ns;
            }
            Incoming::Up(false) => self.stall(&format!("{} is not sent any more", self.far)),
            Incoming::Message {
                message,
                payload,
                came_ns,
            } => match message {
                Message::Pong(pong) => self.note(&pong, came_ns),
                Message::Quiet(quiet) => {
                    if self.is_from(quiet.sender) {
                        self.heard_ns = came_ns;
                        self.credits.quiet(came_ns);
                        if !quiet.reason.is_empty() {
                            self.stall(&quiet.reason);
                            self.say_nothing_yet(&quiet.reason);
                        }
                    }
                }
                Message::Frame(header) => {
                    if self.is_from(header.sender) {
                        self.frame(&header, &payload, came_ns)?;
                    }
                }
            },
        }
        Ok(())
    }

    /// Whether this sender is the one that was started last: another one of the same name is not listened to.
    fn is_from(&mut self, sender: u64) -> bool {
        if sender > self.sender {
            self.sender = sender;
        }
        sender == self.sender
    }

    fn note(&mut self, pong: &Pong, came_ns: u64) {
        if !self.is_from(pong.sender) {
            return;
        }
        let exchange = Exchange {
            asked_ns: pong.ping_ns,
            came_ns: pong.came_ns,
            said_ns: pong.said_ns,
            heard_ns: came_ns,
        };
        self.clock.note(pong.clock, exchange);
        if let Some(round_ns) = self.clock.round_trip_ns() {
            self.credits.pong(round_ns);
        }
    }

    fn frame(
        &mut self,
        header: &FrameHeader,
        payload: &ZBytes,
        came_ns: u64,
    ) -> anyhow::Result<()> {
        self.heard_ns = came_ns;
        let offset = self
            .clock
            .offset(came_ns)
            .filter(|_| self.clock.is(header.clock));
        let transit = offset.map(|offset| came_ns.saturating_sub(offset.here_ns(header.sent_ns)));
        let (run, index) = (header.run, header.index);
        if let Some(window) = self.credits.frame(run, index, transit, came_ns) {
            tracing::debug!("{} is asked for {window} frames at a time", self.far);
        }
        // The next one is on its way while this one is unpacked.
        self.ask();
        let capture_ns = offset.map_or(came_ns, |offset| offset.here_ns(header.capture_ns));
        let age_ns = came_ns.saturating_sub(capture_ns);
        if u128::from(age_ns) > self.receiving.max_age.as_nanos() {
            self.old += 1;
            self.say_old(age_ns, came_ns);
            return Ok(());
        }
        if self
            .local
            .as_ref()
            .is_some_and(|local| local.has_passed(header))
        {
            self.late += 1;
            return Ok(());
        }
        if !self.is_suited(header)? {
            return Ok(());
        }
        let Some(local) = &mut self.local else {
            return Ok(());
        };
        let was_stalled = local.is_stalled();
        match local.publish(header, payload, capture_ns) {
            Published::Yes => {
                if was_stalled {
                    tracing::info!("{} sends frames again", self.far);
                }
                if self.ages.len() == AGES {
                    self.ages.pop_front();
                }
                self.ages
                    .push_back(monotonic_ns().saturating_sub(capture_ns));
            }
            Published::Late => self.late += 1,
            Published::Dropped(None) => {}
            Published::Dropped(Some(why)) => {
                if came_ns.saturating_sub(self.said_ns) >= SECOND {
                    self.said_ns = came_ns;
                    let (far, sequence) = (&self.far, header.sequence);
                    tracing::warn!("frame {sequence} of {far} is dropped: {why}");
                }
                local.check()?;
            }
        }
        Ok(())
    }

    /// One that is too old comes after every cut; a link on which all of them are has to be known of.
    fn say_old(&mut self, age_ns: u64, now_ns: u64) {
        if self.old % OLD_LINE == 2 && now_ns.saturating_sub(self.said_ns) >= SECOND {
            self.said_ns = now_ns;
            let (far, most) = (&self.far, self.receiving.max_age);
            let age = show_ms(age_ns);
            tracing::warn!(
                "frames of {far} are dropped: they are older than --max-age {most:?} when they come ({age})"
            );
        }
    }

    /// Makes the bus, or makes it anew, where this frame needs that.
    fn is_suited(&mut self, header: &FrameHeader) -> anyhow::Result<bool> {
        let now_ns = monotonic_ns();
        if now_ns < self.retry_ns {
            return Ok(false);
        }
        let made = match &mut self.local {
            Some(local) => local.suit(header).map(|anew| anew.then_some(())),
            None => LocalBus::create(&self.far, &self.bus, &self.receiving, header).map(|local| {
                self.local = Some(local);
                Some(())
            }),
        };
        match made {
            Ok(None) => return Ok(true),
            Ok(Some(())) => {
                self.announce();
                return Ok(true);
            }
            Err(error) if self.alone && is_final(&error) => return Err(error.into()),
            Err(error) => tracing::warn!("{} cannot be received: {error}", self.far),
        }
        // A bus that could not be made anew is lost: its consumers wait for the next one.
        if let Some(mut local) = self.local.take() {
            local.producer().fail();
        }
        self.retry_ns = now_ns + 5 * SECOND;
        Ok(false)
    }

    fn announce(&mut self) {
        let Some(local) = &mut self.local else {
            return;
        };
        let producer = local.producer();
        let (options, layout) = (producer.options(), producer.layout());
        tracing::info!(
            "bus {}: {}, {} {}, {} slots for {} consumers, generation {}",
            self.bus,
            self.far,
            options.geometry,
            layout.planes,
            layout.slots,
            layout.consumers,
            producer.generation()
        );
    }

    fn stall(&mut self, reason: &str) {
        if let Some(local) = &mut self.local
            && local.stall(reason)
        {
            tracing::warn!("bus {} is stalled: {reason}", self.bus);
        }
    }

    /// Before the first frame there is no bus that could say why.
    fn say_nothing_yet(&mut self, reason: &str) {
        if self.local.is_none() && self.told_reason != reason {
            reason.clone_into(&mut self.told_reason);
            tracing::info!("{} gives no frames: {reason}", self.far);
        }
    }

    /// What is to be done now and then.
    fn keep_up(&mut self) -> anyhow::Result<()> {
        let now_ns = monotonic_ns();
        let gap_ns = self.credits.gap_ns().unwrap_or(0);
        let silence_ns = now_ns.saturating_sub(self.heard_ns);
        if silence_ns > SILENCE_NS.max(SILENCE_GAPS.saturating_mul(gap_ns)) {
            // Whoever speaks next is listened to: its clock may be behind, and what was said before may have been a lie.
            self.sender = 0;
            let seconds = silence_ns as f64 / 1e9;
            self.stall(&format!(
                "nothing has come from {} for {seconds:.1} s",
                self.far
            ));
        }
        if now_ns.saturating_sub(self.second_ns) < SECOND {
            return Ok(());
        }
        self.second_ns = now_ns;
        let text = self.words(now_ns);
        if let Some(local) = &mut self.local {
            local.check()?;
            local.producer().set_source(&text);
        }
        if now_ns.saturating_sub(self.line_ns) >= LINE_NS {
            self.line_ns = now_ns;
            let passed = match (self.old, self.late) {
                (0, 0) => String::new(),
                (old, late) => format!(", {old} too old, {late} after newer ones"),
            };
            tracing::info!("bus {}: {text}{passed}", self.bus);
        }
        Ok(())
    }

    /// From where, how late, how much is missing.
    fn words(&self, now_ns: u64) -> String {
        let mut words = self.far.to_string();
        let mut ages: Vec<u64> = self.ages.iter().copied().collect();
        ages.sort_unstable();
        if let Some(age) = ages.get(ages.len() / 2) {
            words += &format!(", {} late", show_ms(*age));
        }
        if let Some(offset) = self.clock.offset(now_ns) {
            words += &format!(" ±{}", show_ms(offset.error_ns));
        }
        if let Some(local) = &self.local {
            let (came, lost) = local.counts();
            words += &format!(", {lost} of {} missing", came + lost);
        }
        words
    }
}

fn show_ms(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}
