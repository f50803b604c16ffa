//! Frames for unmodified programs of the published sample (the "seed"): a mapping, a mutex and pipes as these know them
//! (`docs/layout.md`). Behind `framebus consume --seed`, and no part of the interface.
//!
//! Its programs write to the mapping and may die with the mutex or with a buffer. All that can be harmed by that is this copy:
//! nothing here waits longer than 50 ms, and counts that nobody gives back are given back.

mod shape;
mod users;

use std::fmt;
use std::time::Duration;

pub use crate::system::SeedError;

use crate::layout::Geometry;
use crate::system::{SeedGuard, SeedMemory, SeedMutex, SeedPipe};
use shape::{NEWEST, Shape};
use users::Users;

/// The most programs: the number of buffers is one byte, and there are two more than programs.
pub const MAX_PROGRAMS: u8 = 250;
/// How long the mutex is waited for. A program holds it while it changes one byte.
const LIMIT: Duration = Duration::from_millis(50);
/// How long every buffer is in use before counts are taken for those of dead programs.
const PATIENCE_NS: u64 = 2_000_000_000;
/// Pixels of gray that become BGR at once.
const PIXELS: usize = 1024;

/// What is shared, and under which names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedOptions {
    /// How many programs there may be, each with a pipe.
    pub programs: u8,
    /// What stands before the sample's own names.
    pub prefix: String,
}

/// What has become of frames and triggers so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Counts {
    /// Programs that there may be.
    pub programs: u8,
    /// Programs that have their pipe open.
    pub connected: u8,
    /// Frames that programs could take.
    pub copied: u64,
    /// Frames skipped because every buffer was in use.
    pub no_buffer: u64,
    /// Frames skipped because somebody held the mutex.
    pub mutex_held: u64,
    /// Triggers written.
    pub triggered: u64,
    /// Triggers not written because one was waiting.
    pub coalesced: u64,
    /// Counts of users that were given back for programs that are gone.
    pub given_back: u64,
    /// How often the mutex was taken from a program that died with it, where the system says so.
    pub abandoned: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} programs, copied {}, triggers {}, coalesced {}",
            self.connected, self.programs, self.copied, self.triggered, self.coalesced
        )?;
        let trouble = [
            ("no buffer free", self.no_buffer),
            ("mutex held", self.mutex_held),
            ("given back", self.given_back),
            ("mutex abandoned", self.abandoned),
        ];
        for (what, count) in trouble.iter().filter(|(_, count)| *count > 0) {
            write!(f, ", {what} {count}")?;
        }
        Ok(())
    }
}

/// What the sample's programs attach to; gone when dropped.
#[derive(Debug)]
pub struct Seed {
    // Names go in this order: whoever finds the memory free finds the others, too.
    pipes: Vec<SeedPipe>,
    mutex: SeedMutex,
    memory: SeedMemory,
    shape: Shape,
    users: Users,
    /// Since when every buffer has been in use.
    full_since_ns: Option<u64>,
    counts: Counts,
}

impl Seed {
    /// Makes mapping, mutex and pipes for frames of one size, or takes over what a killed process has left of them.
    ///
    /// # Errors
    /// Fails when the names are somebody else's, or cannot be had.
    pub fn create(options: &SeedOptions, geometry: Geometry) -> Result<Seed, SeedError> {
        let named = |name: &str| format!("{}{name}", options.prefix);
        let programs = options.programs.min(MAX_PROGRAMS);
        let shape = Shape::new(geometry, programs);
        let memory = SeedMemory::take(&named("SharedMemory"), shape.len())?;
        let mutex = SeedMutex::take(&named("ARMutex"))?;
        let pipes = (0..programs).map(|number| SeedPipe::take(&named(&format!("pipe{number}"))));
        let pipes = pipes.collect::<Result<Vec<SeedPipe>, SeedError>>()?;
        if !shape.is_of(memory.bytes()) {
            shape.write(memory.bytes());
        }
        Ok(Seed {
            pipes,
            mutex,
            memory,
            shape,
            users: Users::new(shape.buffers()),
            full_since_ns: None,
            counts: Counts {
                programs,
                ..Counts::default()
            },
        })
    }

    /// What the mapping is called in messages.
    #[must_use]
    pub fn name(options: &SeedOptions) -> String {
        SeedMemory::shown(&format!("{}SharedMemory", options.prefix))
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Copies a frame for the programs and triggers them. Without `bgr` the colour image is the gray one. Images of another size
    /// than the mapping's are not copied.
    ///
    /// # Errors
    /// Fails when the memory or the mutex cannot be used any more.
    pub fn put(&mut self, gray: &[u8], bgr: Option<&[u8]>, now_ns: u64) -> Result<(), SeedError> {
        self.look()?;
        let Some(buffer) = self.claim(now_ns)? else {
            return Ok(());
        };
        // Not under the mutex: nobody takes a buffer that is not the newest. The colour image can tear, as in the sample.
        let bytes = self.memory.bytes();
        if gray.len() == self.shape.geometry().gray_len() {
            bytes.write(self.shape.gray_at(buffer), gray);
        }
        match bgr {
            Some(bgr) if bgr.len() == self.shape.geometry().bgr_len() => {
                bytes.write(self.shape.bgr_at(), bgr);
            }
            _ => self.write_gray_as_bgr(gray),
        }
        if self.publish(buffer)? {
            self.counts.copied += 1;
            for pipe in &mut self.pipes {
                if pipe.trigger() {
                    self.counts.triggered += 1;
                } else if pipe.is_connected() {
                    self.counts.coalesced += 1;
                }
            }
        }
        self.memory.check()
    }

    /// Looks which programs there are. When there is none, nobody uses a buffer.
    ///
    /// # Errors
    /// As [`Seed::put`].
    pub fn look(&mut self) -> Result<(), SeedError> {
        self.memory.check()?;
        let connected = self.pipes.iter_mut().filter_map(|pipe| {
            let is_there = pipe.is_connected();
            is_there.then_some(1u8)
        });
        self.counts.connected = connected.sum();
        if self.counts.connected > 0 || self.users_now().iter().all(|count| *count == 0) {
            return Ok(());
        }
        if let Some(_guard) = lock(&self.mutex, &mut self.counts)? {
            for (buffer, count) in self.users_now().into_iter().enumerate() {
                self.counts.given_back += u64::from(count);
                self.memory.bytes().set(self.shape.user_at(buffer), 0);
            }
        }
        Ok(())
    }

    /// A buffer that nobody uses, and nobody will: it is not the newest.
    fn claim(&mut self, now_ns: u64) -> Result<Option<usize>, SeedError> {
        let Some(_guard) = lock(&self.mutex, &mut self.counts)? else {
            self.counts.mutex_held += 1;
            return Ok(None);
        };
        let newest = self.newest();
        let mut counts = self.users_now();
        if let Some(buffer) = self.users.free(&counts, newest) {
            self.full_since_ns = None;
            return Ok(Some(buffer));
        }
        let since = *self.full_since_ns.get_or_insert(now_ns);
        if now_ns.saturating_sub(since) >= PATIENCE_NS {
            let connected = usize::from(self.counts.connected);
            self.counts.given_back += self.users.give_back(&mut counts, newest, connected);
            for (buffer, count) in counts.iter().enumerate() {
                self.memory.bytes().set(self.shape.user_at(buffer), *count);
            }
            self.full_since_ns = None;
        }
        let buffer = self.users.free(&counts, newest);
        self.counts.no_buffer += u64::from(buffer.is_none());
        Ok(buffer)
    }

    /// Makes a buffer the newest; `false` when somebody held the mutex.
    fn publish(&mut self, buffer: usize) -> Result<bool, SeedError> {
        let Some(_guard) = lock(&self.mutex, &mut self.counts)? else {
            self.counts.mutex_held += 1;
            return Ok(false);
        };
        self.users.retire(self.newest());
        let number = u8::try_from(buffer).unwrap_or(0);
        self.memory.bytes().set(NEWEST, number);
        Ok(true)
    }

    fn newest(&self) -> usize {
        self.memory.bytes().get(NEWEST).unwrap_or(0).into()
    }

    fn users_now(&self) -> Vec<u8> {
        let bytes = self.memory.bytes();
        let places = (0..self.shape.buffers()).map(|buffer| self.shape.user_at(buffer));
        places.map(|at| bytes.get(at).unwrap_or(0)).collect()
    }

    fn write_gray_as_bgr(&self, gray: &[u8]) {
        let mut bgr = [0; 3 * PIXELS];
        let end = self.shape.geometry().gray_len();
        for (at, pixels) in (0..end).step_by(PIXELS).zip(gray.chunks(PIXELS)) {
            for (pixel, shade) in bgr.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
                *pixel = [*shade; 3];
            }
            let bytes = &bgr[..3 * pixels.len()];
            self.memory
                .bytes()
                .write(self.shape.bgr_at() + 3 * at, bytes);
        }
    }
}

/// Takes the mutex within the limit.
fn lock<'a>(mutex: &'a SeedMutex, counts: &mut Counts) -> Result<Option<SeedGuard<'a>>, SeedError> {
    let guard = mutex.lock(LIMIT)?;
    let abandoned = guard.as_ref().is_some_and(SeedGuard::was_abandoned);
    counts.abandoned += u64::from(abandoned);
    Ok(guard)
}

#[cfg(test)]
mod tests;
