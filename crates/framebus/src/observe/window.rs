//! What counters were some time ago.

use std::collections::VecDeque;

use super::percentiles::Counts;

/// How long percentiles look back.
const WINDOW_NS: u64 = 60_000_000_000;
/// How often a point to compare with is kept: the window is one step longer at most.
const STEP_NS: u64 = 10_000_000_000;

/// The counts of one histogram over the last 60 s.
#[derive(Debug, Default)]
pub(super) struct CountWindow {
    points: VecDeque<(u64, Counts)>,
}

impl CountWindow {
    /// Takes the counts of now, and returns what was counted in the window: since the first look, or with
    /// `from_start` since the counting began, until the window is full.
    pub(super) fn update(&mut self, now_ns: u64, counts: Counts, from_start: bool) -> Counts {
        if self.points.is_empty() {
            let base = if from_start {
                Counts(vec![0; counts.0.len()])
            } else {
                counts.clone()
            };
            self.points.push_back((now_ns, base));
        } else if self
            .points
            .back()
            .is_some_and(|(then, _)| now_ns.saturating_sub(*then) >= STEP_NS)
        {
            self.points.push_back((now_ns, counts.clone()));
        }
        // The oldest point stays until the next one is a whole window old.
        while self
            .points
            .get(1)
            .is_some_and(|(then, _)| now_ns.saturating_sub(*then) >= WINDOW_NS)
        {
            self.points.pop_front();
        }
        counts.since(self.points.front().map(|(_, base)| base))
    }
}

/// The least of a value over the last 60 s.
#[derive(Debug, Default)]
pub(super) struct LeastWindow {
    /// Values that are less than all before them, oldest first.
    points: VecDeque<(u64, u32)>,
}

impl LeastWindow {
    /// Takes the value of now, and returns the least of the window.
    pub(super) fn update(&mut self, now_ns: u64, value: u32) -> u32 {
        while self.points.back().is_some_and(|(_, later)| *later >= value) {
            self.points.pop_back();
        }
        self.points.push_back((now_ns, value));
        while self
            .points
            .front()
            .is_some_and(|(then, _)| now_ns.saturating_sub(*then) > WINDOW_NS)
        {
            self.points.pop_front();
        }
        self.points.front().map_or(value, |(_, least)| *least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_window_forgets_what_is_older_than_a_minute_and_a_step() {
        let mut window = CountWindow::default();
        let mut seen = Counts::default();
        for second in 0..=200 {
            seen = window.update(second * SECOND, Counts(vec![second as u32]), false);
        }
        assert!((60..=70).contains(&seen.0[0]), "{seen:?}");
    }

    #[test]
    fn a_window_begins_where_it_is_told() {
        assert_eq!(
            CountWindow::default().update(0, Counts(vec![7]), true),
            Counts(vec![7])
        );
        assert_eq!(
            CountWindow::default().update(0, Counts(vec![7]), false),
            Counts(vec![0])
        );
    }

    #[test]
    fn the_least_value_is_forgotten_after_a_minute() {
        let mut window = LeastWindow::default();
        assert_eq!(window.update(0, 2), 2);
        assert_eq!(window.update(SECOND, 1), 1);
        assert_eq!(window.update(30 * SECOND, 3), 1);
        assert_eq!(window.update(62 * SECOND, 4), 3);
    }
}
