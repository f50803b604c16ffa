//! A log-linear histogram of durations with one writer and any number of readers.

use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Buckets of a histogram: 8 linear ones of 32 ns, then 8 to each power of two up to 68 s, so at most 12.5 % wide from
/// 256 ns on. What is longer is counted in the last one.
pub const BUCKETS: usize = 232;

const UNIT_BITS: u32 = 5;
const SUB_BITS: u32 = 3;

layout! {
    /// A histogram of durations in nanoseconds. Counts wrap at 2^32: readers use differences over a window.
    struct Histogram[944] {
        /// Sum of all values, ns. Writer: the owner of the page. Relaxed.
        0 sum_ns: AtomicU64,
        /// Longest value, ns. Relaxed.
        8 max_ns: AtomicU64,
        /// How many values fell into each bucket. Relaxed.
        16 buckets: [AtomicU32; BUCKETS],
    }
}

impl Histogram {
    /// Counts one value. One writer only.
    #[inline]
    pub(crate) fn record(&self, ns: u64) {
        crate::sync::bump(&self.sum_ns, ns);
        if ns > self.max_ns.load(Ordering::Relaxed) {
            self.max_ns.store(ns, Ordering::Relaxed);
        }
        let bucket = &self.buckets[bucket_of(ns)];
        bucket.store(
            bucket.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    /// Empties it. One writer only.
    pub(crate) fn clear(&self) {
        self.sum_ns.store(0, Ordering::Relaxed);
        self.max_ns.store(0, Ordering::Relaxed);
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// Copies the counts.
    pub(crate) fn counts(&self) -> Vec<u32> {
        self.buckets
            .iter()
            .map(|bucket| bucket.load(Ordering::Relaxed))
            .collect()
    }
}

/// The bucket a duration falls into.
#[inline]
pub(crate) const fn bucket_of(ns: u64) -> usize {
    let units = ns >> UNIT_BITS;
    if units < 1 << SUB_BITS {
        return units as usize;
    }
    let exponent = units.ilog2();
    let sub = (units >> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1);
    let bucket = (((exponent - SUB_BITS + 1) << SUB_BITS) as u64 + sub) as usize;
    if bucket < BUCKETS {
        bucket
    } else {
        BUCKETS - 1
    }
}

/// The shortest duration that falls into `bucket`, in nanoseconds; the longest is one less than the next one's.
pub(crate) const fn bucket_floor(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 1 << SUB_BITS {
        return bucket << UNIT_BITS;
    }
    let octave = (bucket >> SUB_BITS) - 1;
    let sub = bucket & ((1 << SUB_BITS) - 1);
    (((1 << SUB_BITS) + sub) << octave) << UNIT_BITS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_adjoin_and_are_at_most_an_eighth_wide() {
        for bucket in 0..BUCKETS {
            let (floor, next) = (bucket_floor(bucket), bucket_floor(bucket + 1));
            assert!(floor < next);
            assert_eq!(bucket_of(floor), bucket);
            assert_eq!(bucket_of(next - 1), bucket);
            if floor >= 256 {
                assert!(
                    (next - floor) * 8 <= floor,
                    "bucket {bucket} is {} ns wide at {floor} ns",
                    next - floor
                );
            }
        }
        assert!(bucket_floor(BUCKETS) > 60_000_000_000);
    }

    proptest! {
        #[test]
        fn every_duration_has_a_bucket(ns: u64) {
            let bucket = bucket_of(ns);
            prop_assert!(bucket < BUCKETS);
            prop_assert!(bucket_floor(bucket) <= ns);
            prop_assert!(bucket == BUCKETS - 1 || ns < bucket_floor(bucket + 1));
        }
    }
}
