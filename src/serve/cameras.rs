//! Who watches which bus. A viewer says when it wants a picture; the bus's thread makes each picture once for all of them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use super::eye::Eye;
use super::route::Rendering;
use super::shot::{Moment, Shot};
use framebus::bus::BusName;

/// How many pictures of a frame are made at most: sizes, qualities, colours, and one for each slot that is looked at.
const RENDERINGS: usize = 12;

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

/// A picture that is wanted, with all who want it.
#[derive(Debug)]
pub(super) struct Want {
    pub(super) rendering: Rendering,
    /// The last one.
    shots: watch::Sender<Option<Arc<Shot>>>,
    /// Somebody has the last one and waits for the next.
    hungry: AtomicBool,
    /// Somebody wants the one of now, even if it was made already.
    fresh: AtomicBool,
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
            .find(|want| want.rendering == rendering);
        let want = match known {
            Some(want) => Arc::clone(want),
            None if watched.wants.len() >= RENDERINGS + usize::from(rendering.slot.is_some()) * RENDERINGS => {
                return Err(TooMany);
            }
            None => {
                let want = Arc::new(Want::new(rendering));
                watched.wants.push(Arc::clone(&want));
                want
            }
        };
        let shots = want.shots.subscribe();
        if !watched.is_looked_at {
            let camera = Arc::clone(camera);
            let look = move || look(&camera);
            let thread = std::thread::Builder::new().name("eye".into()).spawn(look);
            watched.is_looked_at = thread.is_ok();
        }
        drop(watched);
        Ok(Viewer {
            want,
            shots,
            sent: None,
        })
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
        self.wants.retain(|want| want.shots.receiver_count() > 0);
    }
}

impl Want {
    fn new(rendering: Rendering) -> Want {
        Want {
            rendering,
            shots: watch::channel(None).0,
            hungry: AtomicBool::new(false),
            fresh: AtomicBool::new(false),
        }
    }

    /// Whether a picture is wanted of a frame; asks for no other.
    pub(super) fn takes(&self, of: Moment) -> Takes {
        let last = self.shots.borrow().as_ref().map(|shot| shot.of);
        let is_new = last != Some(of);
        let fresh = self.fresh.swap(false, Ordering::Relaxed);
        if is_new && (self.hungry.swap(false, Ordering::Relaxed) || fresh) {
            Takes::New
        } else if fresh {
            Takes::Again
        } else {
            Takes::Nothing
        }
    }

    /// Asks again for what could not be made.
    pub(super) fn missed(&self) {
        self.fresh.store(true, Ordering::Relaxed);
    }

    pub(super) fn show(&self, shot: Shot) {
        self.shots.send_replace(Some(Arc::new(shot)));
    }

    pub(super) fn show_again(&self) {
        self.shots.send_modify(|_| ());
    }
}

/// What is to be done for those who want a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    New,
    /// The last one is the one of now.
    Again,
}

/// Somebody who watches.
#[derive(Debug)]
pub(super) struct Viewer {
    want: Arc<Want>,
    shots: watch::Receiver<Option<Arc<Shot>>>,
    sent: Option<Moment>,
}

impl Viewer {
    /// The newest picture that this viewer has not had: for the first time the one of now, after that the next.
    pub(super) async fn next(&mut self) -> Option<Arc<Shot>> {
        let last = self.shots.borrow_and_update().as_ref().map(|shot| shot.of);
        // What was made meanwhile may be of now still; the thread knows.
        let flag = if self.sent.is_none() || last != self.sent {
            &self.want.fresh
        } else {
            &self.want.hungry
        };
        flag.store(true, Ordering::Relaxed);
        loop {
            self.shots.changed().await.ok()?;
            let shot = self.shots.borrow_and_update().clone();
            if let Some(shot) = shot.filter(|shot| Some(shot.of) != self.sent) {
                self.sent = Some(shot.of);
                return Some(shot);
            }
        }
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
