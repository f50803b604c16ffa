//! The names by which others find a bus: its segment, its named lock and its named pipes. They are the producer's, but others
//! can remove them: a logout (systemd's RemoveIPC, the login's runtime directory), Python's `SharedMemory`, an `rm`.
//!
//! The control thread looks at them with each heartbeat and puts back what is gone. A segment cannot get its name back
//! (linkat(2) refuses a file that has none left), so the producer begins a new generation with its next frame
//! (`restore.rs`). While names are gone another producer may take the bus, when nothing is left that answers; then it is
//! that one's, and this one ends.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use super::BusName;
use super::alive::names_live_producer;
use super::lock::BusLock;
use super::options::ProducerOptions;
use crate::layout::write_text;
use crate::shm::{ObserverSegment, OwnedSegment};
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::system::{LockError, Permissions, PipesDir, object_owner, own_uid};
use crate::trigger::{NameKeeper, Rebind};

/// The names of a bus, shared by its producer and the control thread.
#[derive(Debug)]
pub(crate) struct Names {
    bus: BusName,
    permissions: Permissions,
    segment_lost: AtomicU32,
    /// The producer that has the bus now; 0 is nobody.
    taken_by: AtomicU32,
    /// What could not be put back, for saying it once.
    trouble: Mutex<Trouble>,
    // Dropped in this order: the lock is freed last.
    pipes: Mutex<PipesDir>,
    lock: Mutex<BusLock>,
}

#[derive(Debug, Default)]
struct Trouble {
    said: String,
    /// How often the lock was held by somebody else, in a row.
    held: u32,
}

/// Somebody who only looks holds the lock for a moment.
const HELD_FOR_LONG: u32 = 5;

impl Names {
    pub(super) fn new(options: &ProducerOptions, lock: BusLock, pipes: PipesDir) -> Arc<Names> {
        Arc::new(Names {
            bus: options.bus.clone(),
            permissions: options.permissions(),
            segment_lost: AtomicU32::new(0),
            taken_by: AtomicU32::new(0),
            trouble: Mutex::default(),
            pipes: Mutex::new(pipes),
            lock: Mutex::new(lock),
        })
    }

    /// The names of a bus that has no segment: its lock is taken, and its pipes have a directory.
    #[cfg(all(test, unix))]
    pub(crate) fn without_segment(options: &ProducerOptions) -> Arc<Names> {
        let lock = BusLock::acquire(&options.bus).expect("a lock");
        let pipes = PipesDir::create(&options.bus, options.permissions());
        Names::new(options, lock, pipes.expect("a directory"))
    }

    /// The directory of the named pipes.
    pub(super) fn pipes_dir(&self) -> PathBuf {
        locked(&self.pipes).path().to_owned()
    }

    /// The lock, for whoever replaces the segment: the control thread does not look meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, BusLock> {
        locked(&self.lock)
    }

    /// Whether the segment's name is gone, or another thing's.
    #[inline]
    pub(super) fn is_segment_lost(&self) -> bool {
        self.segment_lost.load(Relaxed) != 0
    }

    pub(super) fn segment_is_back(&self) {
        self.segment_lost.store(0, Relaxed);
    }

    /// The process that has taken the bus while its names were gone.
    pub(super) fn taken_by(&self) -> Option<u32> {
        Some(self.taken_by.load(Acquire)).filter(|pid| *pid != 0)
    }

    fn tell(&self, lost: &[String]) {
        let what = match lost {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => lost.concat(),
        };
        let then = if self.is_segment_lost() {
            "goes on: its next frame begins a new segment"
        } else {
            "has put back what was gone"
        };
        tracing::warn!(
            "somebody (a logout, an rm?) has removed {what} of bus {} under its producer, which {then}",
            self.bus
        );
    }

    /// Takes the lock again whose file is gone. `None` when somebody else has it.
    fn lock_again(&self, segment: &OwnedSegment) -> Option<BusLock> {
        match BusLock::try_acquire(&self.bus) {
            Ok(again) => {
                again.let_in(self.permissions);
                locked(&self.trouble).held = 0;
                Some(again)
            }
            Err(_) if self.is_taken(segment) => None,
            Err(LockError::Held) => {
                let held = {
                    let mut trouble = locked(&self.trouble);
                    trouble.held += 1;
                    trouble.held
                };
                if held == HELD_FOR_LONG {
                    let holder = BusLock::holder(&self.bus);
                    let by = holder.map_or(String::new(), |pid| format!(" by pid {pid}"));
                    self.say(format!(
                        "the named lock of bus {} had been removed and is held{by} now",
                        self.bus
                    ));
                }
                None
            }
            Err(error) => {
                self.say(format!(
                    "the named lock of bus {} had been removed and cannot be taken again: {error}",
                    self.bus
                ));
                None
            }
        }
    }

    /// Whether the segment's name means another producer's, who lives.
    fn is_taken(&self, segment: &OwnedSegment) -> bool {
        if segment.is_linked() || object_owner(&self.bus) != Some(own_uid()) {
            return false;
        }
        let Ok(other) = ObserverSegment::open(&self.bus) else {
            return false;
        };
        let pid = other.regions().header().producer_pid.load(Relaxed);
        if pid == 0 || !names_live_producer(other.regions()) {
            return false;
        }
        self.taken_by.store(pid, Release);
        true
    }

    fn put_pipes_back(&self, segment: &OwnedSegment, rebind: Rebind<'_>) -> Result<usize, String> {
        let mut pipes = locked(&self.pipes);
        if !pipes.has_its_name() {
            let again = PipesDir::create(&self.bus, self.permissions);
            let again = again.map_err(|error| {
                format!(
                    "the named pipes of bus {} had been removed: {error}",
                    self.bus
                )
            })?;
            std::mem::replace(&mut *pipes, again).disown();
            // A login's runtime directory is not made again by its user: then they are elsewhere.
            write_text(
                &segment.regions().header().pipes,
                &pipes.path().display().to_string(),
            );
        }
        rebind(pipes.path()).map_err(|error| error.to_string())
    }

    /// Warns of something that stays as it is, once.
    fn say(&self, text: String) {
        let mut trouble = locked(&self.trouble);
        if trouble.said != text {
            tracing::warn!("{text}");
            trouble.said = text;
        }
    }
}

impl NameKeeper for Names {
    fn permissions(&self) -> Permissions {
        self.permissions
    }

    fn pipes_dir(&self) -> PathBuf {
        self.pipes_dir()
    }

    fn look(&self, segment: &dyn Fn() -> Arc<OwnedSegment>, rebind: Rebind<'_>) {
        let mut lock = match self.lock.try_lock() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // The producer is just replacing the segment.
            Err(TryLockError::WouldBlock) => return,
        };
        if self.taken_by().is_some() {
            return;
        }
        let segment = segment();
        let mut lost = Vec::new();
        if !lock.has_its_name() {
            match self.lock_again(&segment) {
                Some(again) => *lock = again,
                None => return,
            }
            lost.push("the named lock".to_owned());
        }
        if !segment.is_linked() {
            if self.is_taken(&segment) {
                return;
            }
            if self.segment_lost.swap(1, Relaxed) == 0 {
                lost.push("the segment".to_owned());
            }
        }
        match self.put_pipes_back(&segment, rebind) {
            Ok(0) => locked(&self.trouble).said.clear(),
            Ok(1) => lost.push("a named pipe".to_owned()),
            Ok(_) => lost.push("the named pipes".to_owned()),
            Err(trouble) => self.say(trouble),
        }
        if !lost.is_empty() {
            self.tell(&lost);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
