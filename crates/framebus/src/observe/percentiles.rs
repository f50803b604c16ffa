//! Percentiles from log-linear histograms.

use super::{Bucket, Percentiles};
use crate::layout::{bucket_floor, bucket_of};

const NS_PER_MS: f64 = 1e6;

/// Counts of a histogram at some moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts(pub(super) Vec<u32>);

/// The number of the bucket that a duration falls into, given in milliseconds.
#[must_use]
pub fn bucket_number(ms: f64) -> usize {
    bucket_of((ms * NS_PER_MS).round() as u64)
}

/// From when to when the bucket goes that a duration falls into; all in milliseconds.
#[must_use]
pub fn bucket_around(ms: f64) -> (f64, f64) {
    let bucket = bucket_number(ms);
    let edge = |bucket| bucket_floor(bucket) as f64 / NS_PER_MS;
    (edge(bucket), edge(bucket + 1))
}

impl Counts {
    /// The buckets that something was counted in, shortest first.
    pub(super) fn buckets(&self) -> Vec<Bucket> {
        let counted = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        counted
            .map(|(bucket, count)| Bucket {
                from_ms: bucket_floor(bucket) as f64 / NS_PER_MS,
                to_ms: bucket_floor(bucket + 1) as f64 / NS_PER_MS,
                count: *count,
            })
            .collect()
    }

    /// What was counted since `earlier`; counts wrap.
    pub(super) fn since(&self, earlier: Option<&Counts>) -> Counts {
        let Some(earlier) = earlier else {
            return self.clone();
        };
        Counts(
            self.0
                .iter()
                .zip(&earlier.0)
                .map(|(now, then)| now.wrapping_sub(*then))
                .collect(),
        )
    }

    /// Percentiles in milliseconds; inside a bucket values are taken to be spread evenly. `longest_ns` is the longest
    /// value ever, which sharpens the maximum when it is in the highest bucket.
    pub(super) fn percentiles(&self, longest_ns: u64) -> Percentiles {
        let total: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let Some(highest) = self.0.iter().rposition(|count| *count > 0) else {
            return Percentiles::default();
        };
        let ceiling = bucket_floor(highest + 1);
        let max_ns = if bucket_of(longest_ns) == highest {
            longest_ns
        } else {
            ceiling
        };
        let at = |part: f64| Some(self.rank(part * total as f64).min(max_ns as f64) / NS_PER_MS);
        Percentiles {
            count: total,
            p50: at(0.50),
            p90: at(0.90),
            p99: at(0.99),
            max: Some(max_ns as f64 / NS_PER_MS),
        }
    }

    /// The duration that `rank` values are not above, in nanoseconds.
    fn rank(&self, rank: f64) -> f64 {
        let mut below = 0.0;
        for (bucket, count) in self.0.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = f64::from(*count);
            let (floor, ceiling) = (bucket_floor(bucket) as f64, bucket_floor(bucket + 1) as f64);
            if below + count >= rank {
                return floor + (ceiling - floor) * ((rank - below) / count).clamp(0.0, 1.0);
            }
            below += count;
        }
        below
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::BUCKETS;
    use proptest::prelude::*;

    fn counts(values: &[u64]) -> Counts {
        let mut buckets = vec![0; BUCKETS];
        for value in values {
            buckets[bucket_of(*value)] += 1;
        }
        Counts(buckets)
    }

    #[test]
    fn nothing_counted_is_not_known() {
        assert_eq!(counts(&[]).percentiles(0), Percentiles::default());
    }

    #[test]
    fn a_bucket_has_the_values_from_its_beginning_to_the_next_ones() {
        let buckets = counts(&[1_000_000, 1_000_001, 9_000_000]).buckets();
        assert_eq!(buckets.iter().map(|b| b.count).collect::<Vec<_>>(), [2, 1]);
        for (bucket, value) in buckets.iter().zip([1.0, 9.0]) {
            assert!(
                bucket.from_ms <= value && value < bucket.to_ms,
                "{bucket:?}"
            );
        }
    }

    #[test]
    fn a_difference_survives_a_wrap() {
        let earlier = Counts(vec![u32::MAX, 5]);
        assert_eq!(Counts(vec![1, 7]).since(Some(&earlier)), Counts(vec![2, 2]));
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_an_eighth_of_the_exact_one(mut values in prop::collection::vec(1_000u64..1_000_000_000, 1..400)) {
            let percentiles = counts(&values).percentiles(*values.iter().max().expect("one"));
            values.sort_unstable();
            let exact = |part: f64| values[((part * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1] as f64 / NS_PER_MS;
            for (part, got) in [(0.5, percentiles.p50), (0.9, percentiles.p90), (0.99, percentiles.p99)] {
                let (got, exact) = (got.expect("counted"), exact(part));
                prop_assert!((got - exact).abs() <= exact * 0.13, "p{part}: {got} instead of {exact}");
            }
            let max = percentiles.max.expect("counted");
            prop_assert!((max - exact(1.0)).abs() < 1e-6);
        }
    }
}
