//! A producer at work.

use std::process::ExitCode;

use super::super::notify::Notify;
use super::super::status::Status;
use super::super::units::show_bytes;
use super::super::{deadline, stopped};
use super::viewer::Viewer;
use super::{BoxedSource, ProduceArgs};
use crate::source::Pacer;
use framebus::bus::{FrameMeta, Producer};
use framebus::clock::monotonic_ns;
use framebus::source::{Arrival, Capture, Filled};
use framebus::stop::Stop;

/// A producer at work.
pub(super) struct Run<'a> {
    args: &'a ProduceArgs,
    source: BoxedSource,
    stop: Stop,
    producer: Producer,
    pacer: Pacer,
    status: Status,
    notify: Notify,
    stalled: bool,
    /// What the source had lost when it was last asked.
    lost: u64,
    /// When the BGR debugging image is due again.
    bgr_due_ns: u64,
    /// The last field: the bus is gone before its windows are, which may take a moment.
    viewer: Option<Viewer>,
}

impl<'a> Run<'a> {
    pub(super) fn start(
        args: &'a ProduceArgs,
        source: BoxedSource,
        stop: Stop,
        viewer: Option<Viewer>,
    ) -> anyhow::Result<Run<'a>> {
        let info = source.info();
        if args.color && !info.bgr {
            anyhow::bail!(
                "{} has no colour: {} needs a source that gives BGR",
                info.description,
                args.color_by.as_deref().unwrap_or("--color")
            );
        }
        let producer = Producer::create(args.options(&info))?;
        announce(&producer);
        let notify = Notify::from_environment();
        notify.ready(&format!(
            "{} on bus {}",
            info.description,
            producer.options().bus
        ));
        let pacer = Pacer::new(args.pace(&info));
        let status = Status::new(producer.stats().sequence);
        Ok(Run {
            args,
            source,
            stop,
            producer,
            pacer,
            status,
            notify,
            stalled: false,
            lost: 0,
            bgr_due_ns: 0,
            viewer,
        })
    }

    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        let result = self.work();
        if result.is_err() {
            self.producer.fail();
        }
        result
    }

    fn work(&mut self) -> anyhow::Result<ExitCode> {
        let end_ns = deadline(self.args.duration);
        let mut frames = 0;
        while self.args.count.is_none_or(|count| frames < count)
            && end_ns.is_none_or(|end_ns| monotonic_ns() < end_ns)
        {
            if self.pacer.wait_before(end_ns, &self.stop) {
                break;
            }
            let arrival = self.source.wait(&self.stop)?;
            let lost = self.source.lost();
            self.producer.count_source_dropped(lost - self.lost);
            self.lost = lost;
            match arrival {
                Arrival::Frame(capture) => frames += u64::from(self.publish(capture)?),
                Arrival::Resized => self.renew()?,
                Arrival::Stalled(reason) => self.stall(&reason),
                Arrival::End | Arrival::Stopped => break,
            }
            self.status.update(&self.producer);
            self.notify.alive();
            self.watch_viewer();
            self.watch_names()?;
        }
        self.notify.stopping();
        self.status.clear();
        self.producer.check()?;
        let stats = self.producer.stats();
        tracing::info!(
            "bus {} ended: {frames} frames published, {} dropped, {} starved{}",
            self.producer.options().bus,
            stats.dropped,
            stats.starved,
            match self.lost {
                0 => String::new(),
                lost => format!(", {lost} lost by the source"),
            }
        );
        Ok(stopped(&self.stop))
    }

    /// Writes a frame into a slot and publishes it; `false` when it was lost.
    fn publish(&mut self, capture: Capture) -> anyhow::Result<bool> {
        if self.stalled {
            self.stalled = false;
            self.producer.set_stalled(false);
            self.status.clear();
            tracing::info!("{} gives frames again", self.source.info().description);
        }
        let bgr = self.bgr_is_due(capture.capture_ns);
        let Some(mut claim) = self.producer.claim()? else {
            return Ok(false);
        };
        let mut target = claim.target();
        if !bgr {
            target.bgr = None;
        }
        let filled = match self.source.fill(&mut target) {
            Ok(filled) => filled,
            Err(error) => {
                drop(claim);
                // What cannot be written into a segment that was cut short is not the source's fault.
                self.producer.check()?;
                return Err(error.into());
            }
        };
        if filled == Filled::Gray || !bgr {
            claim.leave_bgr();
        }
        if filled == Filled::Unfinished {
            return Ok(false);
        }
        if filled == Filled::Damaged {
            drop(claim);
            // A frame of another size is not lost: the source keeps it until the bus has that size.
            if self.source.info().geometry == self.producer.options().geometry {
                self.producer.count_dropped();
            }
            return Ok(false);
        }
        claim.publish(FrameMeta {
            capture_ns: capture.capture_ns,
            wall_ns: capture.wall_ns,
            source_frame: capture.source_frame,
        });
        Ok(true)
    }

    /// Whether the BGR debugging image is to be renewed with a frame.
    fn bgr_is_due(&mut self, capture_ns: u64) -> bool {
        let Some(fps) = self.args.bgr_fps().filter(|fps| *fps > 0.0) else {
            return true;
        };
        if capture_ns < self.bgr_due_ns {
            return false;
        }
        self.bgr_due_ns = capture_ns + (1e9 / fps) as u64;
        true
    }

    /// Also while the source gives no frames: the segment's name may be gone. Ends when the bus is another producer's now.
    fn watch_names(&mut self) -> anyhow::Result<()> {
        self.producer.keep_names();
        if let Some(pid) = self.producer.taken_by() {
            self.status.clear();
            anyhow::bail!(
                "bus {} was taken over by pid {pid} while its names were gone: this producer ends",
                self.producer.options().bus
            );
        }
        Ok(())
    }

    /// Says once that the windows are gone, where somebody wanted them.
    fn watch_viewer(&mut self) {
        if let Some(why) = self.viewer.as_mut().and_then(Viewer::failure) {
            self.status.clear();
            tracing::warn!("the windows are gone: {why}; the bus goes on without them");
        }
    }

    fn renew(&mut self) -> anyhow::Result<()> {
        let info = self.source.info();
        let old = self.producer.options().geometry;
        self.producer.renew(self.args.options(&info).frames())?;
        self.status.clear();
        tracing::info!(
            "frames are {} now, not {old}: generation {}",
            info.geometry,
            self.producer.generation()
        );
        Ok(())
    }

    fn stall(&mut self, reason: &str) {
        if !self.stalled {
            self.stalled = true;
            self.producer.set_stall_reason(reason);
            self.producer.set_stalled(true);
            self.status.clear();
            tracing::warn!("{reason}");
        }
    }
}

/// The one line at start.
fn announce(producer: &Producer) {
    let options = producer.options();
    let fps = options
        .nominal_fps
        .map_or(String::new(), |fps| format!(" at {fps} fps"));
    let layout = producer.layout();
    let color = match (options.color, options.bgr_image) {
        (true, _) => " gray+bgr",
        (_, true) => " gray, bgr image",
        _ => " gray",
    };
    // Most sources name their size themselves.
    let size = options.geometry.to_string();
    let size = if options.source.contains(&size) {
        String::new()
    } else {
        format!(" {size}")
    };
    tracing::info!(
        "bus {}: {}{size}{color}{fps}, {} slots for {} consumers, {} in /dev/shm/framebus.{}, pipes in {}",
        options.bus,
        options.source,
        layout.slots,
        layout.consumers,
        show_bytes(producer.segment_len()),
        options.bus,
        producer.pipes_dir().display()
    );
}
