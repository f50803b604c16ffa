//! A picture that is wanted, and those who want it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::watch;

use super::route::Rendering;
use super::shot::{Moment, Shot};
use framebus::clock::monotonic_ns;

/// How long a picture is kept for who asks for it again and again.
const LINGER_NS: u64 = 1_000_000_000;

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
    /// When somebody asked last, on the monotonic clock.
    asked_ns: AtomicU64,
}

impl Want {
    pub(super) fn new(rendering: Rendering) -> Want {
        Want {
            rendering,
            shots: watch::channel(None).0,
            hungry: AtomicBool::new(false),
            fresh: AtomicBool::new(false),
            asked_ns: AtomicU64::new(monotonic_ns()),
        }
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.shots.receiver_count() > 0
    }

    /// Whether somebody wanted it a moment ago.
    pub(super) fn was_wanted(&self) -> bool {
        let asked_ns = self.asked_ns.load(Ordering::Relaxed);
        monotonic_ns().saturating_sub(asked_ns) < LINGER_NS
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
    pub(super) fn of(want: Arc<Want>) -> Viewer {
        Viewer {
            shots: want.shots.subscribe(),
            want,
            sent: None,
        }
    }

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
        let asked_ns = &self.want.asked_ns;
        asked_ns.store(monotonic_ns(), Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::shot::shot_of;

    const PLAIN: Rendering = Rendering {
        slot: None,
        color: false,
        width: None,
        quality: 80,
    };

    fn moment(sequence: u64) -> Moment {
        Moment {
            segment: 1,
            sequence,
        }
    }

    fn viewer(want: &Arc<Want>) -> Viewer {
        Viewer::of(Arc::clone(want))
    }

    /// What a viewer has after it was asked for its next picture and `meanwhile` happened.
    async fn next(viewer: &mut Viewer, meanwhile: impl FnOnce()) -> Option<Arc<Shot>> {
        use std::future::Future as _;
        let mut meanwhile = Some(meanwhile);
        let mut asking = std::pin::pin!(viewer.next());
        std::future::poll_fn(|context| {
            let polled = asking.as_mut().poll(context);
            if polled.is_pending()
                && let Some(meanwhile) = meanwhile.take()
            {
                meanwhile();
                return asking.as_mut().poll(context);
            }
            polled
        })
        .await
    }

    #[test]
    fn a_picture_is_made_once_for_all_who_want_it_and_only_then() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(made_once());
    }

    async fn made_once() {
        let want = Arc::new(Want::new(PLAIN));
        let (mut one, mut other) = (viewer(&want), viewer(&want));
        assert_eq!(want.takes(moment(1)), Takes::Nothing, "nobody has asked");
        let made = next(&mut one, || {
            assert_eq!(want.takes(moment(1)), Takes::New);
            want.show(shot_of(moment(1)));
        });
        let made = made.await.expect("a picture");
        let same = next(&mut other, || {
            assert_eq!(want.takes(moment(1)), Takes::Again);
            want.show_again();
        });
        let same = same.await.expect("a picture");
        assert!(Arc::ptr_eq(&made, &same));
        assert_eq!(want.takes(moment(2)), Takes::Nothing, "both have theirs");
        let after = next(&mut one, || {
            assert_eq!(want.takes(moment(1)), Takes::Nothing, "it had that one");
            assert_eq!(want.takes(moment(2)), Takes::New);
            want.show(shot_of(moment(2)));
        });
        assert_eq!(after.await.expect("a picture").of, moment(2));
        // It comes late, and what is new then is what it gets.
        let late = next(&mut other, || {
            assert_eq!(want.takes(moment(9)), Takes::New);
            want.show(shot_of(moment(9)));
        });
        assert_eq!(late.await.expect("a picture").of, moment(9));
    }

    #[test]
    fn the_same_number_on_another_segment_is_another_picture() {
        let want = Want::new(PLAIN);
        want.missed();
        assert_eq!(want.takes(moment(1)), Takes::New);
        want.show(shot_of(moment(1)));
        want.missed();
        let again = Moment {
            segment: 2,
            sequence: 1,
        };
        assert_eq!(want.takes(again), Takes::New);
    }
}
