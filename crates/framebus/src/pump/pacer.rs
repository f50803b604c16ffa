//! Frames at an even pace.

use crate::clock::monotonic_ns;
use crate::stop::Stop;

/// Times on an even grid. A pause longer than a period does not lead to a burst: the grid starts again.
#[derive(Debug)]
pub struct Pacer {
    period_ns: Option<u64>,
    next_ns: Option<u64>,
}

impl Pacer {
    /// Paces `fps` frames a second; `None` does not pace.
    #[must_use]
    pub fn new(fps: Option<f64>) -> Pacer {
        let period_ns = fps.filter(|fps| *fps > 0.0).map(|fps| (1e9 / fps) as u64);
        Pacer {
            period_ns,
            next_ns: None,
        }
    }

    /// Waits until the next time; `true` when somebody asked to stop meanwhile.
    #[must_use]
    pub fn wait(&mut self, stop: &Stop) -> bool {
        self.wait_before(None, stop)
    }

    /// As [`Pacer::wait`], but `true` also when `end_ns` comes first; it does not wait beyond that.
    #[must_use]
    pub fn wait_before(&mut self, end_ns: Option<u64>, stop: &Stop) -> bool {
        match (self.due(monotonic_ns()), end_ns) {
            (Some(due_ns), Some(end_ns)) if due_ns > end_ns => {
                let _ = stop.sleep_until(end_ns);
                true
            }
            (Some(due_ns), _) => stop.sleep_until(due_ns),
            (None, _) => stop.is_set(),
        }
    }

    /// The next time of the grid, seen from `now_ns`; `None` when there is no pace.
    fn due(&mut self, now_ns: u64) -> Option<u64> {
        let period_ns = self.period_ns?;
        let due_ns = self
            .next_ns
            .filter(|next_ns| next_ns.saturating_add(period_ns) > now_ns)
            .unwrap_or(now_ns);
        self.next_ns = Some(due_ns.saturating_add(period_ns));
        Some(due_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_on_the_grid_whatever_the_work_between_takes() {
        let mut pacer = Pacer::new(Some(100.0));
        assert_eq!(pacer.due(1_000), Some(1_000));
        assert_eq!(pacer.due(4_000_000), Some(10_001_000));
        assert_eq!(pacer.due(25_000_000), Some(20_001_000));
        assert_eq!(pacer.due(25_500_000), Some(30_001_000));
    }

    #[test]
    fn a_long_pause_is_not_made_up_for() {
        let mut pacer = Pacer::new(Some(100.0));
        assert_eq!(pacer.due(0), Some(0));
        assert_eq!(pacer.due(500_000_000), Some(500_000_000));
        assert_eq!(pacer.due(500_000_001), Some(510_000_000));
    }

    #[test]
    fn a_pace_of_centuries_is_a_pace() {
        let mut pacer = Pacer::new(Some(1e-300));
        assert_eq!(pacer.due(7), Some(7));
        assert_eq!(pacer.due(8), Some(u64::MAX));
        assert_eq!(pacer.due(9), Some(u64::MAX));
    }

    #[test]
    fn a_wait_does_not_outlast_the_end() {
        let stop = Stop::new().expect("eventfd");
        let mut pacer = Pacer::new(Some(1e-6));
        let end_ns = Some(monotonic_ns() + 1_000_000);
        assert!(
            !pacer.wait_before(end_ns, &stop),
            "the first is due at once"
        );
        assert!(pacer.wait_before(end_ns, &stop), "the second is not");
    }

    #[test]
    fn no_pace_never_waits() {
        assert_eq!(Pacer::new(None).due(0), None);
        assert_eq!(Pacer::new(Some(0.0)).due(0), None);
    }
}
