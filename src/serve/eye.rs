//! Looks at a bus, and makes the pictures that are wanted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::shot::{Moment, Scratch, shoot};
use super::want::{Takes, Want};
use framebus::bus::{BusName, Observer};

/// How long it sleeps between two looks at the number of the newest frame.
const PAUSE: Duration = Duration::from_millis(3);
/// The same where there is no bus, or no frame has come for a while.
const LONG_PAUSE: Duration = Duration::from_millis(50);
/// How often it is looked whether the bus was made anew, and from when on no frame is unusual.
const LINKED_EVERY: Duration = Duration::from_millis(200);
/// How long there may be no frame before somebody asks whether the producer lives.
const SILENT: Duration = Duration::from_secs(2);

/// Looks at a bus.
#[derive(Debug)]
pub(super) struct Eye {
    bus: BusName,
    observer: Option<Observer>,
    /// Counts what was opened.
    segment: u64,
    newest: Option<u64>,
    /// When the newest frame was another one.
    moved: Instant,
    asked: Instant,
    /// Whether its pictures are of now, as far as is known.
    is_alive: bool,
    scratch: Scratch,
}

impl Eye {
    pub(super) fn new(bus: BusName) -> Eye {
        let now = Instant::now();
        Eye {
            bus,
            observer: None,
            segment: 0,
            newest: None,
            moved: now,
            asked: now,
            is_alive: true,
            scratch: Scratch::default(),
        }
    }

    /// Makes what is wanted of the newest frame; returns how long to sleep.
    pub(super) fn look(&mut self, wants: &[Arc<Want>]) -> Duration {
        self.follow();
        let Some(observer) = &self.observer else {
            return LONG_PAUSE;
        };
        let newest = observer.newest();
        if newest != self.newest {
            (self.newest, self.moved) = (newest, Instant::now());
            self.is_alive = true;
        }
        // A picture of a camera that is gone is not one of now.
        if !self.is_alive || observer.check().is_err() {
            return LONG_PAUSE;
        }
        for want in wants {
            let sequence = match want.rendering.slot {
                Some(slot) => observer.sequence_in(slot),
                None => newest,
            };
            let Some(sequence) = sequence else {
                continue;
            };
            let segment = self.segment;
            let of = Moment { segment, sequence };
            match want.takes(of) {
                Takes::Nothing => {}
                Takes::Again => want.show_again(),
                Takes::New => match shoot(observer, segment, &want.rendering, &mut self.scratch) {
                    Some(shot) => want.show(shot),
                    None => want.missed(),
                },
            }
        }
        if self.moved.elapsed() > LINKED_EVERY {
            LONG_PAUSE / 5
        } else {
            PAUSE
        }
    }

    /// Opens the bus, and again when it was made anew.
    fn follow(&mut self) {
        if self.observer.is_some() && self.asked.elapsed() < LINKED_EVERY {
            return;
        }
        self.asked = Instant::now();
        let observer = self.observer.as_ref();
        let usable = observer.filter(|observer| !observer.has_ended() && observer.check().is_ok());
        if let Some(observer) = usable
            && observer.is_linked()
        {
            let silent = self.moved.elapsed() > SILENT;
            self.is_alive = !silent || observer.has_producer();
            return;
        }
        match Observer::open(&self.bus) {
            Ok(observer) => {
                self.is_alive = !observer.has_ended() && observer.has_producer();
                self.observer = Some(observer);
                self.segment += 1;
                self.newest = None;
            }
            Err(_) => self.is_alive = usable.is_some_and(Observer::has_producer),
        }
    }
}
