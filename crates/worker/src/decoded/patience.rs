//! How long a stream may be silent before it counts as gone.

use std::time::Duration;

/// A stream is given this many times its longest recent interval.
const TIMES: u32 = 4;
/// And never less than this.
const LEAST: Duration = Duration::from_millis(1500);
/// Nor more than this, when nobody has said how long.
const MOST: Duration = Duration::from_secs(600);

/// Follows the rate that is seen: a camera at 30 frames a second is missed soon, one that sends a picture a minute is not.
#[derive(Debug)]
pub(super) struct Patience {
    first: Duration,
    fixed: Option<Duration>,
    longest: Option<Duration>,
    last_ns: Option<u64>,
}

impl Patience {
    /// `first` is for the first frames, `fixed` is what somebody has set.
    pub(super) fn new(first: Duration, fixed: Option<Duration>) -> Patience {
        Patience {
            first,
            fixed,
            longest: None,
            last_ns: None,
        }
    }

    /// A new connection: its first interval is none.
    pub(super) fn connect(&mut self) {
        self.last_ns = None;
    }

    /// A frame came.
    pub(super) fn frame(&mut self, now_ns: u64) {
        if let Some(last_ns) = self.last_ns.replace(now_ns) {
            let interval = Duration::from_nanos(now_ns.saturating_sub(last_ns));
            // What was long is forgotten over some hundred frames.
            let remembered = self.longest.unwrap_or_default();
            self.longest = Some(interval.max(remembered - remembered / 128));
        }
    }

    /// The source was given up; perhaps too soon.
    pub(super) fn lost(&mut self) {
        self.longest = self.longest.map(|longest| (longest * 2).min(MOST / TIMES));
        if self.longest.is_none() {
            self.first = (self.first * 2).min(MOST);
        }
    }

    /// How long it may be silent now.
    pub(super) fn limit(&self) -> Duration {
        match (self.fixed, self.longest) {
            (Some(fixed), _) => fixed,
            (None, Some(longest)) => (longest * TIMES).max(LEAST),
            (None, None) => self.first.max(LEAST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn of(intervals: &[u64]) -> Patience {
        let mut patience = Patience::new(Duration::from_secs(10), None);
        let mut now_ns = SECOND;
        patience.frame(now_ns);
        for interval in intervals {
            now_ns += interval;
            patience.frame(now_ns);
        }
        patience
    }

    #[test]
    fn a_slow_camera_is_given_several_of_its_intervals_and_a_quick_one_is_missed_soon() {
        assert_eq!(of(&[]).limit(), Duration::from_secs(10));
        assert_eq!(of(&[5 * SECOND]).limit(), Duration::from_secs(20));
        assert_eq!(of(&[SECOND / 30; 9]).limit(), LEAST);
    }

    #[test]
    fn one_long_pause_is_forgotten_and_one_that_was_too_long_is_waited_for_longer() {
        let mut intervals = vec![5 * SECOND];
        intervals.extend([SECOND / 30; 1000]);
        assert_eq!(of(&intervals).limit(), LEAST);
        let mut patience = of(&[5 * SECOND]);
        patience.lost();
        assert_eq!(patience.limit(), Duration::from_secs(40));
        (0..20).for_each(|_| patience.lost());
        assert_eq!(patience.limit(), MOST);
    }

    #[test]
    fn what_somebody_has_set_holds() {
        let mut patience = Patience::new(Duration::from_secs(10), Some(Duration::from_secs(60)));
        patience.frame(1);
        patience.frame(2);
        patience.lost();
        assert_eq!(patience.limit(), Duration::from_secs(60));
    }
}
