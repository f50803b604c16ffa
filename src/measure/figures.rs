//! Medians, percentiles, and the processor time of a thread.

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Returns the median; NaN for no values.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => values[len / 2],
        len => f64::midpoint(values[len / 2 - 1], values[len / 2]),
    }
}

/// Returns the value that `percent` of the values do not exceed; NaN for no values.
#[must_use]
pub fn percentile(mut values: Vec<f64>, percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let place = (last as f64 * percent / 100.0).round() as usize;
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The ratios within each round.
#[must_use]
pub fn paired(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter()
        .zip(other)
        .map(|(one, other)| one / other)
        .collect()
}

/// The median of the rounds, and how far they differ. In JSON a number that is not known is null.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl From<Vec<f64>> for Spread {
    fn from(mut values: Vec<f64>) -> Spread {
        values.retain(|value| value.is_finite());
        values.sort_by(f64::total_cmp);
        let known = |value: Option<&f64>| value.copied().unwrap_or(f64::NAN);
        Spread {
            least: known(values.first()),
            most: known(values.last()),
            median: median(values),
        }
    }
}

/// The processor time that this thread has used, in nanoseconds: being pre-empted does not count.
fn thread_cpu_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// Measures the processor time of `work` in nanoseconds.
pub fn cpu_of<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = thread_cpu_ns();
    let result = work();
    (thread_cpu_ns() - before, result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_leave_out_what_is_not_known() {
        assert_eq!(median(vec![3.0, f64::NAN, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![1.0, 2.0]), 1.5);
        assert!(median(Vec::new()).is_nan());
        assert_eq!(percentile(vec![5.0, 1.0, 3.0], 100.0), 5.0);
        assert_eq!(paired(&[2.0, 9.0], &[1.0, 3.0]), [2.0, 3.0]);
    }

    #[test]
    fn what_is_not_known_is_null() {
        let spread = Spread::from(vec![f64::INFINITY]);
        let json = serde_json::to_string(&spread).expect("JSON");
        assert_eq!(json, r#"{"median":null,"least":null,"most":null}"#);
        let spread = Spread::from(vec![4.0, 1.0, 2.0]);
        assert_eq!((spread.least, spread.median, spread.most), (1.0, 2.0, 4.0));
    }
}
