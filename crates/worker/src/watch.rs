//! `peek --show`: what the seed's DEBUG_WINDOWS show, the BGR image and every slot, as an observer sees them.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use framebus::bus::{BusName, Observer};
use framebus::clock::monotonic_ns;
use framebus::layout::{Format, Geometry, SegmentState};
use framebus::stop::Stop;
use framebus_tools::exit::{EXIT_NO_BUS, stopped};
use framebus_tools::job::{OPEN, Watching};
use framebus_tools::sink::Pixels;

use crate::show::Windows;

/// People see no more, and each look copies every slot.
const LOOK_EVERY_NS: u64 = 100_000_000;
/// How long a key or a closed window may wait.
const HANDLE_EVERY_NS: u64 = 15_000_000;
/// A producer that has been silent for this long may be dead; only then is it looked for.
const SILENT_NS: u64 = 1_000_000_000;

/// The size of images that are still to come; the first window's place does not depend on it.
const NOT_KNOWN: Geometry = Geometry {
    width: 1,
    height: 1,
};

/// Why it is over.
enum End {
    /// Somebody closed a window, or the producer ended.
    Done,
    /// The producer died.
    Lost,
    /// Somebody asked to stop.
    Stopped,
}

/// A bus in windows.
pub(crate) struct Watch {
    bus: BusName,
    stop: Stop,
    /// Whether a producer's own: such windows stay while it lives, also before there is a bus.
    of_producer: bool,
    windows: Windows,
    observer: Option<Observer>,
    names: BTreeSet<String>,
    image: Vec<u8>,
}

impl Watch {
    /// Opens the bus and the first window.
    pub(crate) fn start(watching: Watching) -> anyhow::Result<Watch> {
        if let Some(producer) = watching.of_producer {
            end_with(producer)?;
        }
        let (bus, of_producer) = (watching.bus, watching.of_producer.is_some());
        let stop = Stop::on_signals()?;
        // Without a bus to look at nobody needs a window; a producer's is still to come.
        let observer = if of_producer {
            None
        } else {
            Some(Observer::open(&bus)?)
        };
        let mut windows = Windows::display()?;
        // Every bus has a slot 0.
        let first = slot_name(&bus, 0);
        let geometry = observer.as_ref().map(|observer| observer.layout().geometry);
        windows.open(&first, geometry.unwrap_or(NOT_KNOWN))?;
        if of_producer {
            tracing::info!("{OPEN}");
        }
        let mut watch = Watch {
            bus,
            stop,
            of_producer,
            windows,
            observer: None,
            names: BTreeSet::from([first]),
            image: Vec::new(),
        };
        if let Some(observer) = observer {
            watch.turn_to(observer)?;
        }
        Ok(watch)
    }

    /// Shows the bus until somebody has enough or the producer is gone.
    pub(crate) fn run(mut self) -> anyhow::Result<ExitCode> {
        Ok(match self.show()? {
            End::Done => ExitCode::SUCCESS,
            End::Stopped => stopped(&self.stop),
            End::Lost => {
                tracing::error!("the producer of bus {} was lost", self.bus);
                ExitCode::from(EXIT_NO_BUS)
            }
        })
    }

    fn show(&mut self) -> anyhow::Result<End> {
        let mut next_look_ns = 0;
        loop {
            let now = monotonic_ns();
            if now >= next_look_ns {
                next_look_ns = now + LOOK_EVERY_NS;
                if let Some(end) = self.look()? {
                    return Ok(end);
                }
                self.draw()?;
            }
            if !self.windows.go_on()? {
                return Ok(End::Done);
            }
            if self.stop.sleep_until(monotonic_ns() + HANDLE_EVERY_NS) {
                return Ok(End::Stopped);
            }
        }
    }

    /// Sees to it that the bus's present segment is the one that is shown.
    fn look(&mut self) -> anyhow::Result<Option<End>> {
        if let Some(observer) = &self.observer {
            let ended = observer.state() == Some(SegmentState::Ended);
            if ended && !self.of_producer {
                return Ok(Some(End::Done));
            }
            let silent = observer.heartbeat_age_ns() > SILENT_NS;
            if let Err(error) = observer.check()
                && !self.of_producer
            {
                return Err(error.into());
            }
            if observer.is_linked() {
                let lost = silent && !self.of_producer && !observer.has_producer();
                return Ok(lost.then_some(End::Lost));
            }
            // Between two generations there may be no segment for a moment.
            if silent && !self.of_producer && Observer::open(&self.bus).is_err() {
                return Ok(Some(End::Lost));
            }
        }
        if let Ok(observer) = Observer::open(&self.bus) {
            self.turn_to(observer)?;
        }
        Ok(None)
    }

    /// Shows this segment from now on, and closes what it does not have: a bus that was started again may have fewer slots,
    /// or no colour. The picture in colour has its place beside the first slot's, whatever is drawn first.
    fn turn_to(&mut self, observer: Observer) -> anyhow::Result<()> {
        let (bus, layout) = (&self.bus, observer.layout());
        let mut there: BTreeSet<String> =
            (0..layout.slots).map(|slot| slot_name(bus, slot)).collect();
        if layout.best_bgr().is_some() {
            let name = bgr_name(bus);
            self.windows.open(&name, layout.geometry)?;
            self.names.insert(name.clone());
            there.insert(name);
        }
        for name in self.names.difference(&there) {
            self.windows.close(name)?;
        }
        self.names.retain(|name| there.contains(name));
        self.observer = Some(observer);
        Ok(())
    }

    fn draw(&mut self) -> anyhow::Result<()> {
        let Some(observer) = &self.observer else {
            return Ok(());
        };
        let layout = observer.layout();
        let (geometry, bus) = (layout.geometry, &self.bus);
        let gray = layout.full(Format::GRAY8);
        for slot in 0..layout.slots {
            // An empty slot, or one that is being written, is shown next time.
            if gray.is_some_and(|gray| observer.copy_slot(gray, slot, &mut self.image).is_ok()) {
                let name = slot_name(bus, slot);
                self.windows
                    .draw(&name, geometry, Pixels::Gray(&self.image))?;
                self.names.insert(name);
            }
        }
        let bgr = layout.best_bgr();
        if bgr.is_some_and(|bgr| observer.copy_latest(bgr, &mut self.image).is_ok()) {
            let name = bgr_name(bus);
            self.windows
                .draw(&name, geometry, Pixels::Bgr(&self.image))?;
            self.names.insert(name);
        }
        Ok(())
    }
}

fn slot_name(bus: &BusName, slot: u8) -> String {
    format!("{bus} slot {slot}")
}

fn bgr_name(bus: &BusName) -> String {
    format!("{bus} BGR")
}

/// Has the kernel end this process with the producer that has started it.
fn end_with(producer: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .context("the windows cannot be tied to their producer")?;
    // It may have died before the kernel was asked.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if parent != Some(producer) {
        anyhow::bail!("the producer of these windows is gone");
    }
    Ok(())
}
