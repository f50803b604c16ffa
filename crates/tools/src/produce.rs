//! A producer at work: its bus, and what it says meanwhile.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use framebus::bus::{Producer, ProducerOptions, SlowConsumer};
use framebus::layout::{Geometry, Plane};
use framebus::pump::{self, FeedError, FeedOptions, Feeder};
use framebus::source::{FrameSource, Progress, SourceError, SourceInfo};
use framebus::stop::Stop;
use framebus::units::show_bytes;

use crate::exit::{EXIT_NO, stopped};
use crate::notify::Notify;
use crate::production::Production;
use crate::status::Status;
use crate::system::where_it_is;
use crate::viewer::Viewer;

/// A source of any kind.
pub type BoxedSource = Box<dyn FrameSource>;

impl Production {
    /// Opens the windows, where they are wanted, then the source, and publishes its frames until something ends. `worker`
    /// is the program that has the windows, by its path.
    ///
    /// # Errors
    /// One sentence for a person.
    pub fn run(
        &self,
        stop: &Stop,
        worker: impl FnOnce() -> anyhow::Result<PathBuf>,
        open: impl FnOnce(&Stop) -> Result<Option<BoxedSource>, SourceError>,
    ) -> anyhow::Result<ExitCode> {
        let mut viewer = None;
        if self.show {
            viewer = Viewer::start(&worker()?, &self.bus, stop)?;
            if viewer.is_none() {
                return Ok(stopped(stop));
            }
        }
        match open(stop)? {
            Some(source) => self.feed(source, viewer, stop),
            None => Ok(stopped(stop)),
        }
    }

    fn feed(
        &self,
        source: BoxedSource,
        viewer: Option<Viewer>,
        stop: &Stop,
    ) -> anyhow::Result<ExitCode> {
        let info = source.info();
        if self.color && !info.bgr && info.native.is_none() {
            anyhow::bail!(
                "{} has no colour: {} needs a source that gives colours",
                info.description,
                self.color_by.as_deref().unwrap_or("--color")
            );
        }
        let options = FeedOptions::default()
            .fps(self.pace(&info))
            .shared_fps(self.bgr_fps.filter(|fps| *fps > 0.0))
            .count(self.count)
            .duration(self.duration)
            .lockstep(self.lockstep)
            .consumers_within(self.awaited.as_ref().map(|awaited| awaited.within));
        let feeder = Told {
            production: self,
            status: None,
            notify: Notify::from_environment(),
            viewer,
            missing: None,
            losses: Losses::default(),
        };
        match pump::feed(source, feeder, &options, stop) {
            Ok(_) => Ok(stopped(stop)),
            // Said by the feeder, who knows whom it waited for.
            Err(FeedError::Alone { .. }) => Ok(ExitCode::from(EXIT_NO)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Tells people and the service manager how it goes.
struct Told<'a> {
    production: &'a Production,
    /// Once there is a bus.
    status: Option<Status>,
    notify: Notify,
    /// Who has not attached yet, of those that the first frame waits for.
    missing: Option<String>,
    losses: Losses,
    /// The last field: the bus is gone before its windows are, which may take a moment.
    viewer: Option<Viewer>,
}

/// What was lost. A bus counts it anew in each generation.
#[derive(Default)]
struct Losses {
    /// Dropped, starved, lost by the source: in the generations before this one, and in this one.
    before: [u64; 3],
    now: [u64; 3],
}

impl Losses {
    fn look(&mut self, producer: &Producer) {
        let stats = producer.stats();
        let now = [stats.dropped, stats.starved, stats.source_dropped];
        // Names that were put back are a new generation, too.
        if now.iter().zip(self.now).any(|(now, before)| *now < before) {
            self.begin_again();
        }
        self.now = now;
    }

    fn begin_again(&mut self) {
        self.before = self.all();
        self.now = [0; 3];
    }

    fn all(&self) -> [u64; 3] {
        std::array::from_fn(|at| self.before[at] + self.now[at])
    }
}

impl Feeder for Told<'_> {
    fn options(&mut self, info: &SourceInfo) -> ProducerOptions {
        self.production.options(info)
    }

    fn created(&mut self, info: &SourceInfo, producer: &Producer) {
        announce(producer);
        self.notify.ready(&format!(
            "{} on bus {}",
            info.description,
            producer.options().bus
        ));
        let production = self.production;
        self.status = Some(Status::new(
            production.progress,
            production.count,
            production.duration,
            producer.stats().sequence,
        ));
    }

    fn stalled(&mut self, reason: &str) {
        tracing::warn!("{reason}");
    }

    fn resumed(&mut self, info: &SourceInfo) {
        tracing::info!("{} gives frames again", info.description);
    }

    fn renewed(&mut self, old: Geometry, producer: &Producer) {
        self.losses.begin_again();
        tracing::info!(
            "frames are {} now, not {old}: generation {}",
            producer.options().geometry,
            producer.generation()
        );
    }

    fn enough(&mut self, attached: &[String]) -> bool {
        let Some(awaited) = &self.production.awaited else {
            return true;
        };
        let missing = awaited.missing(attached);
        if missing != self.missing {
            let within = awaited.within;
            match &missing {
                Some(missing) => tracing::info!("waiting for {missing}, for at most {within:?}"),
                None => tracing::info!("all consumers are there: {}", attached.join(", ")),
            }
            self.missing = missing;
        }
        self.missing.is_none()
    }

    fn alone(&mut self) {
        let missing = self.missing.as_deref().unwrap_or("consumers");
        tracing::error!(
            "no frame is published: {missing} did not attach to bus {} within {:?} (--wait-timeout)",
            self.production.bus,
            self.production
                .awaited
                .as_ref()
                .map_or(Duration::ZERO, |awaited| awaited.within)
        );
    }

    fn left_out(&mut self, slow: &SlowConsumer) {
        let did = match slow.holds {
            true => "has held one frame",
            false => "has not taken the next frame",
        };
        tracing::warn!(
            "consumer {} {} {did} for {:?} (--lockstep-limit): it is left out until it attaches anew, and the others go on",
            slow.index,
            slow.name,
            self.production.lockstep.unwrap_or_default()
        );
    }

    fn begins(&mut self, producer: &Producer) {
        if let Some(status) = &mut self.status {
            status.begin(producer.stats().sequence);
        }
    }

    fn advanced(&mut self, frames: u64, progress: Option<Progress>) {
        // What starts again does not come to an end.
        let progress = progress.filter(|_| !self.production.looped);
        if let Some(status) = &mut self.status {
            status.advanced(frames, progress);
        }
    }

    fn turn(&mut self, producer: &Producer) {
        self.losses.look(producer);
        if let Some(status) = &mut self.status {
            status.update(producer);
        }
        self.notify.alive();
        // Said once, where somebody wanted windows.
        if let Some(why) = self.viewer.as_mut().and_then(Viewer::failure) {
            tracing::warn!("the windows are gone: {why}; the bus goes on without them");
        }
    }

    fn ending(&mut self) {
        self.notify.stopping();
        self.status = None;
    }

    fn ended(&mut self, frames: u64, producer: &Producer) {
        self.losses.look(producer);
        let [dropped, starved, of_source] = self.losses.all();
        tracing::info!(
            "bus {} ended: {frames} frames published, {dropped} dropped, {starved} starved{}",
            producer.options().bus,
            match of_source {
                0 => String::new(),
                lost => format!(", {lost} lost by the source"),
            }
        );
    }
}

/// The one line at start.
fn announce(producer: &Producer) {
    let options = producer.options();
    let fps = options
        .nominal_fps
        .map_or(String::new(), |fps| format!(" at {fps} fps"));
    let layout = producer.layout();
    let in_slots = layout.planes.iter().filter(|plane| !plane.one_for_all);
    let named = |plane: &Plane| match options.geometry.width / plane.width.max(1) {
        smaller @ 2.. if plane.size().is_some() => format!("{}/{smaller}", plane.format),
        _ => plane.format.to_string(),
    };
    let names: Vec<String> = in_slots.map(named).collect();
    let image = layout.planes.one_for_all();
    let color = format!(
        " {}{}",
        names.join("+"),
        image.map_or(String::new(), |image| format!(", {} image", image.format))
    );
    // Most sources name their size themselves.
    let size = options.geometry.to_string();
    let size = if options.source.contains(&size) {
        String::new()
    } else {
        format!(" {size}")
    };
    tracing::info!(
        "bus {}: {}{size}{color}{fps}, {} slots for {} consumers, {} {}, pipes in {}",
        options.bus,
        options.source,
        layout.slots,
        layout.consumers,
        show_bytes(producer.segment_len()),
        where_it_is(options.bus.as_str()),
        producer.pipes_dir().display()
    );
}
