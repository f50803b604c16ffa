//! Rates, and what they are taken from.

const NS_PER_S: f64 = 1e9;

/// Counters of the two snapshots before: a snapshot right after another, for a key or a picture, has its rates from the one before
/// that, or a consumer with few frames a second would seem to have none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bases<T> {
    last: Option<T>,
    before: Option<T>,
}

impl<T> Default for Bases<T> {
    fn default() -> Bases<T> {
        Bases {
            last: None,
            before: None,
        }
    }
}

impl<T: Clone> Bases<T> {
    /// The counters of the snapshot before.
    pub(super) const fn last(&self) -> Option<&T> {
        self.last.as_ref()
    }

    /// What this snapshot's rates are taken from. Those of later ones may be taken from `now` when it `counts`.
    pub(super) fn step(&mut self, now: T, counts: bool) -> Option<T> {
        if self.last.is_some() && !counts {
            return self.before.clone().or_else(|| self.last.clone());
        }
        self.before = self.last.replace(now);
        self.before.clone()
    }
}

/// Frames a second, from the first to the last of them: a short look at a steady source would else be wrong by a frame.
pub(super) fn frame_rate(frames: u64, from_ns: u64, to_ns: u64, interval_s: f64) -> f64 {
    if from_ns == 0 || to_ns <= from_ns {
        return frames as f64 / interval_s;
    }
    frames as f64 * NS_PER_S / (to_ns - from_ns) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_right_after_another_has_its_rates_from_the_one_before_that() {
        let mut bases = Bases::default();
        assert_eq!(bases.step(0, true), None);
        assert_eq!(bases.step(1, false), Some(0));
        assert_eq!(bases.step(5, true), Some(0));
        assert_eq!(bases.step(6, false), Some(0));
        assert_eq!(bases.step(10, true), Some(5));
        assert_eq!(bases.last(), Some(&10));
    }

    #[test]
    fn a_steady_source_has_its_rate_however_short_the_look() {
        assert_eq!(frame_rate(15, 1, 500_000_001, 0.52), 30.0);
        assert_eq!(frame_rate(16, 1, 533_333_334, 0.52).round(), 30.0);
        assert_eq!(frame_rate(0, 7, 7, 0.5), 0.0);
        assert_eq!(frame_rate(10, 0, 7, 0.5), 20.0);
    }
}
