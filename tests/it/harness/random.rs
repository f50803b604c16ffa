//! Random numbers that a failed run can be repeated with.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A xorshift generator.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// From `FRAMEBUS_CHAOS_SEED`, else from the clock; the seed is printed, which is seen when the test fails.
    pub(crate) fn new() -> Random {
        let given = std::env::var("FRAMEBUS_CHAOS_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(1, |time| time.as_nanos() as u64)
        });
        eprintln!("repeat with FRAMEBUS_CHAOS_SEED={seed}");
        Random::seeded(seed)
    }

    pub(crate) fn seeded(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Rests for up to `most`.
    pub(crate) fn rest(&mut self, most: Duration) {
        let micros = u64::try_from(most.as_micros()).unwrap_or(1).max(1);
        std::thread::sleep(Duration::from_micros(self.below(micros)));
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.next().to_le_bytes());
        words.take(len.div_ceil(8)).flatten().take(len).collect()
    }
}
