//! One receiver, as its sender sees it: its credit, and a thread that puts its frames on their way.
//!
//! A receiver asks for so many frames of a run. The thread may wait in the link for as long as a frame takes; the others do
//! not. What nobody has asked for is not taken off the bus.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::stop::Stop;
use zenoh::bytes::ZBytes;
use zenoh::pubsub::Publisher;
use zenoh::qos::{CongestionControl, Priority};
use zenoh::{Session, Wait};

use crate::wire::{Ask, FrameHeader};

/// How long credit is good for without a word of the receiver.
const LAPSE_NS: u64 = 1_000_000_000;
/// How long a silent receiver is remembered. Without one the bus is let go, before its observers call the bridge stuck.
const FORGET_NS: u64 = 3_000_000_000;
/// The most receivers of a bus: a stranger who asks in many names gets no more.
const MOST: usize = 64;
/// Frames that wait for the thread: the next one, while it puts one.
const QUEUED: usize = 2;

/// A frame for a receiver.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) header: FrameHeader,
    pub(crate) payload: ZBytes,
}

/// What a receiver may get.
#[derive(Debug, Default)]
struct Credit {
    run: u32,
    upto: u32,
    /// Of this run.
    given: u32,
    heard_ns: u64,
    /// When the next frame may go, where there is a limit.
    due_ns: u64,
    queue: VecDeque<Parcel>,
    /// Whether the thread is putting a frame.
    busy: bool,
    closed: bool,
    sent: u64,
}

impl Credit {
    fn hear(&mut self, ask: &Ask, now_ns: u64) {
        if ask.run != self.run {
            (self.run, self.given) = (ask.run, ask.got);
        }
        self.upto = ask.upto;
        self.heard_ns = now_ns;
    }

    fn is_ready(&self, now_ns: u64) -> bool {
        self.given < self.upto
            && now_ns.saturating_sub(self.heard_ns) < LAPSE_NS
            && self.queue.len() + usize::from(self.busy) < QUEUED
    }
}

#[derive(Debug, Default)]
struct Outlet {
    credit: Mutex<Credit>,
    more: Condvar,
}

impl Outlet {
    fn credit(&self) -> MutexGuard<'_, Credit> {
        self.credit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts frames on their way, until the receiver is forgotten.
    fn work(&self, publisher: &Publisher<'_>, wake: &Wake) {
        loop {
            let mut credit = self.credit();
            let mut parcel = loop {
                if let Some(parcel) = credit.queue.pop_front() {
                    break parcel;
                }
                if credit.closed {
                    return;
                }
                credit = self
                    .more
                    .wait(credit)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            credit.busy = true;
            drop(credit);
            parcel.header.sent_ns = monotonic_ns();
            let put = publisher.put(parcel.payload);
            // It fails when the link goes, and the receiver then asks anew.
            let put = put.attachment(parcel.header.write()).wait();
            let mut credit = self.credit();
            credit.busy = false;
            credit.sent += u64::from(put.is_ok());
            drop(credit);
            wake.wake();
        }
    }
}

/// Wakes the loop of a bus when a receiver may have become ready.
#[derive(Debug)]
struct Wake {
    stop: Stop,
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    fn wake(&self) {
        *self.woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self, time: Duration) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if !*woken && !self.stop.is_set() {
            (woken, _) = self
                .changed
                .wait_timeout(woken, time)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *woken = false;
    }
}

/// The receivers of a bus.
#[derive(Debug)]
pub(crate) struct Outlets {
    session: Session,
    /// The key of a receiver, without its name.
    to: String,
    period_ns: u64,
    all: Mutex<HashMap<String, Arc<Outlet>>>,
    wake: Arc<Wake>,
}

/// A receiver's place in a run.
pub(crate) struct Place {
    pub(crate) id: String,
    pub(crate) run: u32,
    pub(crate) index: u32,
}

impl Outlets {
    pub(crate) fn new(session: Session, to: String, max_fps: Option<f64>, stop: Stop) -> Outlets {
        let period = max_fps.filter(|fps| *fps > 0.0).map(|fps| 1e9 / fps);
        Outlets {
            session,
            to,
            period_ns: period.map_or(0, |period| period as u64),
            all: Mutex::default(),
            wake: Arc::new(Wake {
                stop,
                woken: Mutex::new(false),
                changed: Condvar::new(),
            }),
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Arc<Outlet>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A receiver has asked. `false` when there are too many.
    pub(crate) fn hear(&self, id: &str, ask: &Ask) -> bool {
        let mut all = self.all();
        let outlet = match all.get(id) {
            Some(outlet) => Arc::clone(outlet),
            None => {
                if all.len() >= MOST {
                    return false;
                }
                let Some(outlet) = self.start(id) else {
                    return false;
                };
                tracing::info!("{} asks for frames of {}", short(id), bus_of(&self.to));
                all.insert(id.to_owned(), Arc::clone(&outlet));
                outlet
            }
        };
        drop(all);
        outlet.credit().hear(ask, monotonic_ns());
        self.wake.wake();
        true
    }

    fn start(&self, id: &str) -> Option<Arc<Outlet>> {
        let publisher = self
            .session
            .declare_publisher(format!("{}{id}", self.to))
            .congestion_control(CongestionControl::Block)
            .priority(Priority::Data)
            .express(true)
            .wait()
            .ok()?;
        let outlet = Arc::new(Outlet::default());
        let (own, wake) = (Arc::clone(&outlet), Arc::clone(&self.wake));
        std::thread::Builder::new()
            .name(format!("to {}", short(id)))
            .spawn(move || own.work(&publisher, &wake))
            .ok()?;
        Some(outlet)
    }

    /// Waits until a receiver may be ready, or the time is over.
    pub(crate) fn wait(&self, time: Duration) {
        self.wake.wait(time);
    }

    /// Whether a receiver has credit, whatever its pace.
    pub(crate) fn is_wanted(&self) -> bool {
        let now_ns = monotonic_ns();
        self.all()
            .values()
            .any(|outlet| outlet.credit().is_ready(now_ns))
    }

    /// How long it is until the first receiver that has credit may get a frame; `None` when none has.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        let now_ns = monotonic_ns();
        let all = self.all();
        let due = |outlet: &Arc<Outlet>| {
            let credit = outlet.credit();
            credit.is_ready(now_ns).then_some(credit.due_ns)
        };
        let first = all.values().filter_map(due).min()?;
        Some(Duration::from_nanos(first.saturating_sub(now_ns)))
    }

    /// Takes a credit of each receiver that may get a frame now.
    pub(crate) fn take(&self) -> Vec<Place> {
        let now_ns = monotonic_ns();
        let all = self.all();
        let mut places = Vec::new();
        for (id, outlet) in all.iter() {
            let mut credit = outlet.credit();
            if !credit.is_ready(now_ns) || now_ns < credit.due_ns {
                continue;
            }
            credit.given += 1;
            // On a grid, so that a frame that comes late does not slow down those after it.
            let grid_ns = credit.due_ns.saturating_add(self.period_ns);
            credit.due_ns = match grid_ns > now_ns.saturating_sub(self.period_ns) {
                true if credit.due_ns != 0 => grid_ns,
                _ => now_ns.saturating_add(self.period_ns),
            };
            places.push(Place {
                id: id.clone(),
                run: credit.run,
                index: credit.given,
            });
        }
        places
    }

    /// How many receivers there are.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    pub(crate) fn put(&self, id: &str, parcel: Parcel) {
        let outlet = self.all().get(id).cloned();
        if let Some(outlet) = outlet {
            outlet.credit().queue.push_back(parcel);
            outlet.more.notify_one();
        }
    }

    /// Tells those who still ask something short, such as that there are no frames.
    pub(crate) fn tell(&self, bytes: &[u8]) {
        let now_ns = monotonic_ns();
        let heard = |outlet: &Outlet| now_ns.saturating_sub(outlet.credit().heard_ns) < LAPSE_NS;
        let ids: Vec<String> = self
            .all()
            .iter()
            .filter(|(_, outlet)| heard(outlet))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.answer(&id, bytes.to_vec());
        }
    }

    /// Says something short to one receiver; where the link is full it is lost.
    pub(crate) fn answer(&self, id: &str, bytes: Vec<u8>) {
        let put = self.session.put(format!("{}{id}", self.to), [0u8; 0]);
        let _ = put
            .attachment(bytes)
            .congestion_control(CongestionControl::Drop)
            .priority(Priority::RealTime)
            .express(true)
            .wait();
    }

    /// Forgets those who have not asked for a long time.
    pub(crate) fn forget(&self) {
        let now_ns = monotonic_ns();
        self.all().retain(|id, outlet| {
            let mut credit = outlet.credit();
            let stays = now_ns.saturating_sub(credit.heard_ns) < FORGET_NS;
            if !stays {
                credit.closed = true;
                outlet.more.notify_one();
                let sent = credit.sent;
                tracing::info!("{} is gone, it had {sent} frames", short(id));
            }
            stays
        });
    }

    /// Frames that were sent to those who are there.
    pub(crate) fn sent(&self) -> u64 {
        self.all().values().map(|outlet| outlet.credit().sent).sum()
    }
}

impl Drop for Outlets {
    fn drop(&mut self) {
        for outlet in self.all().values() {
            outlet.credit().closed = true;
            outlet.more.notify_one();
        }
    }
}

/// A receiver as it is logged.
fn short(id: &str) -> String {
    format!("receiver {}", id.get(..8).unwrap_or(id))
}

fn bus_of(key: &str) -> String {
    crate::keys::of_key(key).map_or_else(String::new, |(bus, _)| bus.to_string())
}

/// Whether a text can be a receiver's name: what Zenoh calls a session.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn credit_is_good_for_a_second_and_asking_again_gives_no_more() {
        let mut credit = Credit::default();
        assert!(!credit.is_ready(0));
        let ask = Ask {
            run: 1,
            got: 0,
            upto: 2,
            ping_ns: 0,
        };
        credit.hear(&ask, SECOND);
        assert!(credit.is_ready(SECOND));
        credit.given = 2;
        credit.hear(&ask, SECOND);
        assert!(!credit.is_ready(SECOND), "it has had its two");
        credit.hear(&Ask { run: 2, ..ask }, SECOND);
        assert!(credit.is_ready(SECOND), "a new run starts anew");
        assert!(!credit.is_ready(2 * SECOND), "it has lapsed");
        credit.hear(&Ask { run: 2, ..ask }, 2 * SECOND);
        credit.busy = true;
        assert!(credit.is_ready(2 * SECOND), "one waits for the other");
        credit.hear(
            &Ask {
                run: 2,
                got: 0,
                upto: 0,
                ping_ns: 0,
            },
            2 * SECOND,
        );
        assert!(!credit.is_ready(2 * SECOND), "it asks for none");
    }
}
