//! Who watches which bus. A viewer says when it wants a picture; the bus's thread makes each picture once for all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::eye::Eye;
use super::route::Rendering;
use super::want::{Viewer, Want};
use framebus::bus::BusName;

/// In how many ways the newest frame is made a picture at most: sizes, qualities, colours.
const RENDERINGS: usize = 12;
/// Of how many slots there are pictures at most.
const SLOTS: usize = 24;

/// All buses that are watched.
#[derive(Debug, Default)]
pub(super) struct Cameras {
    all: RefCell<BTreeMap<BusName, Arc<Camera>>>,
}

/// A bus that is watched, or was.
#[derive(Debug)]
pub(super) struct Camera {
    pub(super) bus: BusName,
    watched: Mutex<Watched>,
}

#[derive(Debug, Default)]
struct Watched {
    wants: Vec<Arc<Want>>,
    /// Whether a thread looks at the bus.
    is_looked_at: bool,
}

/// More different pictures than can be made.
#[derive(Debug)]
pub(super) struct TooMany;

impl Cameras {
    /// Watches a bus until the viewer is dropped.
    pub(super) fn watch(&self, bus: &BusName, rendering: Rendering) -> Result<Viewer, TooMany> {
        let mut all = self.all.borrow_mut();
        all.retain(|_, camera| camera.lock().is_looked_at);
        let camera = all.entry(bus.clone()).or_insert_with(|| {
            Arc::new(Camera {
                bus: bus.clone(),
                watched: Mutex::default(),
            })
        });
        let mut watched = camera.lock();
        watched.leave_out();
        let known = watched
            .wants
            .iter()
            .find(|want| want.rendering == rendering)
            .cloned();
        let want = match known {
            Some(want) => want,
            None if !watched.has_room(&rendering) => return Err(TooMany),
            None => {
                let want = Arc::new(Want::new(rendering));
                watched.wants.push(Arc::clone(&want));
                want
            }
        };
        let viewer = Viewer::of(want);
        if !watched.is_looked_at {
            let camera = Arc::clone(camera);
            let look = move || look(&camera);
            let thread = std::thread::Builder::new().name("eye".into()).spawn(look);
            watched.is_looked_at = thread.is_ok();
        }
        drop(watched);
        Ok(viewer)
    }
}

/// What the thread of a bus does while somebody watches.
fn look(camera: &Camera) {
    let mut eye = Eye::new(camera.bus.clone());
    loop {
        let wants = {
            let mut watched = camera.lock();
            watched.leave_out();
            if watched.wants.is_empty() {
                watched.is_looked_at = false;
                return;
            }
            watched.wants.clone()
        };
        std::thread::sleep(eye.look(&wants));
    }
}

impl Camera {
    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Forgets what nobody wants any more.
    fn leave_out(&mut self) {
        self.wants
            .retain(|want| want.is_wanted() || want.was_wanted());
    }

    /// Whether there may be one more; what nobody watches now makes place.
    fn has_room(&mut self, rendering: &Rendering) -> bool {
        let of_slot = rendering.slot.is_some();
        let most = if of_slot { SLOTS } else { RENDERINGS };
        let same = |want: &&Arc<Want>| want.rendering.slot.is_some() == of_slot;
        if self.wants.iter().filter(same).count() >= most {
            self.wants.retain(|want| want.is_wanted());
        }
        self.wants.iter().filter(same).count() < most
    }
}

/// When the next picture of a stream is due.
#[derive(Debug)]
pub(super) struct Due {
    period: Option<std::time::Duration>,
    next: Instant,
}

impl Due {
    pub(super) fn new(fps: Option<f64>) -> Due {
        Due {
            period: fps.map(|fps| std::time::Duration::from_secs_f64(1.0 / fps)),
            next: Instant::now(),
        }
    }

    /// Waits for it. What was late is not made up for.
    pub(super) async fn wait(&mut self) {
        if let Some(period) = self.period {
            tokio::time::sleep_until(self.next).await;
            self.next = (self.next + period).max(Instant::now());
        }
    }
}
