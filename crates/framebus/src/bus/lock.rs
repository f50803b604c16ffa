//! The named lock of a bus: exactly one producer, and nobody removes what is alive.
//!
//! It guards creation, replacement and removal, never a frame. Held for the producer's life; the system frees it when
//! the holder dies, however it dies.

use std::time::Duration;

use super::BusName;
use crate::system::{LockError, LockFile, Permissions};

/// The lock of a bus, held; freed when dropped.
#[derive(Debug)]
pub(crate) struct BusLock {
    file: LockFile,
}

/// What a producer goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// The generation of the segment.
    pub(crate) generation: u64,
    /// The newest sequence.
    pub(crate) sequence: u64,
    /// Since when they have been counted, ms since 1970-01-01 UTC.
    pub(crate) epoch_ms: u64,
}

/// How often a producer looks whether the lock is free, and how long it waits in between: longer than anybody looks.
pub(super) const LOOKS: u32 = 25;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// No note is longer.
const NOTE_LEN: usize = 80;

impl BusLock {
    /// Whether somebody holds the lock of a bus. Leaves its file as it is.
    pub(crate) fn is_held(bus: &BusName) -> Result<bool, LockError> {
        LockFile::is_held(bus)
    }

    /// The process that holds the lock of a bus, where it can be seen from here.
    pub(crate) fn holder(bus: &BusName) -> Option<u32> {
        LockFile::holder(bus)
    }

    /// Whether there is anything of the lock of a bus.
    pub(crate) fn has_file(bus: &BusName) -> bool {
        LockFile::has_file(bus)
    }

    /// Takes the lock of a bus, also if somebody is just looking at it: whoever lists buses or tidies up holds it for a
    /// moment, which must not keep a producer from starting.
    pub(crate) fn acquire(bus: &BusName) -> Result<BusLock, LockError> {
        for _ in 1..LOOKS {
            match Self::try_acquire(bus) {
                Err(LockError::Held) => std::thread::sleep(BETWEEN_LOOKS),
                taken => return taken,
            }
        }
        Self::try_acquire(bus)
    }

    /// Takes the lock of a bus if it is free.
    pub(crate) fn try_acquire(bus: &BusName) -> Result<BusLock, LockError> {
        LockFile::try_acquire(bus).map(|file| BusLock { file })
    }

    /// Whether what is locked still has its name: nobody else can take this bus then.
    pub(crate) fn has_its_name(&self) -> bool {
        self.file.has_its_name()
    }

    /// Lets those see who holds the lock who may use the bus, and nobody else.
    pub(crate) fn let_in(&self, permissions: Permissions) {
        self.file.let_in(permissions);
    }

    /// Notes what to go on from, before the segment that says so is removed: whoever is killed
    /// before there is another one does not take them with it. As well as can be; a full disk does not stop a producer.
    pub(crate) fn remember(&self, count: Count) {
        let note = format!(
            "{} {} {}\n",
            count.generation, count.sequence, count.epoch_ms
        );
        self.file.write_note(note.as_bytes());
    }

    /// What a holder noted that was killed.
    pub(crate) fn recall(&self) -> Option<Count> {
        let mut note = [0; NOTE_LEN];
        let len = self.file.read_note(&mut note).ok()?;
        let text = std::str::from_utf8(note.get(..len)?).ok()?;
        let mut numbers = text.strip_suffix('\n')?.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Count {
            generation: next()?,
            sequence: next()?,
            epoch_ms: next()?,
        })
    }

    /// Frees the lock and leaves what it is about as it was found, with the note in it.
    pub(crate) fn give_back(self) {
        self.file.give_back();
    }
}

#[cfg(all(test, unix))]
#[path = "lock_tests.rs"]
mod tests;
