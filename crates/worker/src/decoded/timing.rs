//! A file's frames at their own times.

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::stop::Stop;

/// A file that is this late is not hurried after: it goes on from now.
const LATE_NS: u64 = 1_000_000_000;
/// A gap longer than this is an error of the file.
const GAP_NS: i64 = 3_600_000_000_000;
/// How long a frame takes in a file that does not say.
const UNKNOWN_FPS: f64 = 25.0;

/// Where a file's time is on the clock.
#[derive(Debug, Default)]
pub(super) struct Timing {
    /// The time of the frame before, in the file and on the clock.
    before: Option<(i64, u64)>,
    /// The file starts again, or goes on elsewhere: its next frame follows the one before by a frame's time.
    again: bool,
}

impl Timing {
    /// The file starts again at its first frame, or goes on at another one.
    pub(super) fn start_again(&mut self) {
        self.again = true;
    }

    /// Waits until a frame is due; returns its time on both clocks, or `None` when somebody asks to stop. A frame without a
    /// time of its own is due now.
    pub(super) fn wait(
        &mut self,
        time_ns: Option<i64>,
        fps: Option<f64>,
        stop: &Stop,
    ) -> Option<(u64, u64)> {
        let Some(time_ns) = time_ns else {
            return Some((monotonic_ns(), wall_ns()));
        };
        let due_ns = self.due(time_ns, fps, monotonic_ns());
        if stop.sleep_until(due_ns) {
            return None;
        }
        // The frame's own time, not when this process woke up.
        let late_ns = monotonic_ns().saturating_sub(due_ns);
        Some((due_ns, wall_ns().saturating_sub(late_ns)))
    }

    fn due(&mut self, time_ns: i64, fps: Option<f64>, now_ns: u64) -> u64 {
        let period_ns = (1e9 / fps.unwrap_or(UNKNOWN_FPS)) as i64;
        let again = std::mem::take(&mut self.again);
        let due_ns = match self.before {
            None => now_ns,
            Some((before_ns, clock_ns)) => {
                let step_ns = if again {
                    period_ns
                } else {
                    let step_ns = time_ns.saturating_sub(before_ns);
                    // Times that go backwards or leap are not times: a frame's length instead.
                    if (0..GAP_NS).contains(&step_ns) {
                        step_ns
                    } else {
                        period_ns
                    }
                };
                clock_ns.saturating_add_signed(step_ns)
            }
        };
        let due_ns = if now_ns.saturating_sub(due_ns) > LATE_NS {
            now_ns
        } else {
            due_ns
        };
        self.before = Some((time_ns, due_ns));
        due_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn dues(times: &[i64]) -> Vec<i64> {
        let mut timing = Timing::default();
        let start = 5_000_000_000;
        times
            .iter()
            .map(|time| (timing.due(time * MS, Some(50.0), start) - start) as i64 / MS)
            .collect()
    }

    #[test]
    fn a_variable_rate_keeps_its_intervals() {
        assert_eq!(dues(&[100, 140, 500, 510]), [0, 40, 400, 410]);
    }

    #[test]
    fn times_that_go_backwards_are_a_frame_later() {
        assert_eq!(dues(&[100, 140, 20, 40]), [0, 40, 60, 80]);
    }

    #[test]
    fn a_loop_goes_on_a_frame_later_and_a_long_pause_is_not_made_up_for() {
        let mut timing = Timing::default();
        assert_eq!(timing.due(0, Some(50.0), 1000), 1000);
        assert_eq!(timing.due(40 * MS, Some(50.0), 1000), 1000 + 40_000_000);
        timing.start_again();
        assert_eq!(timing.due(0, Some(50.0), 1000), 1000 + 60_000_000);
        assert_eq!(timing.due(40 * MS, None, 9_000_000_000), 9_000_000_000);
    }
}
