//! When what is to be done next.

use super::Options;

/// The least time between two drawings: a held key does not flood the line.
const DRAW_NS: u64 = 33_000_000;
/// How often View takes a picture, where the line is fast.
const VIEW_NS: u64 = 200_000_000;
/// How often the buses that are not in view are looked at: on the screen of all buses, and on others for their findings.
const OTHERS_NS: (u64, u64) = (1_000_000_000, 2_000_000_000);

/// When what is to be done next.
#[derive(Debug)]
pub(super) struct Clocks {
    sample_ns: u64,
    picture_ns: u64,
    draw_ns: u64,
    others_ns: u64,
    slow_picture_ns: u64,
}

impl Clocks {
    pub(super) fn new(options: &Options, now: u64) -> Clocks {
        let slow_picture_ns =
            u64::try_from(options.picture_interval.as_nanos()).unwrap_or(u64::MAX);
        Clocks {
            sample_ns: now,
            picture_ns: now,
            draw_ns: now,
            others_ns: now,
            slow_picture_ns,
        }
    }

    pub(super) fn sample_is_due(&mut self, now: u64, interval_ms: u64) -> bool {
        due(&mut self.sample_ns, now, interval_ms * 1_000_000)
    }

    /// Pictures keep their own time in View, fast where the line is. Beside the tables they come with a sample, and with every one unless
    /// those come faster than pictures should.
    pub(super) fn picture_is_due(
        &mut self,
        now: u64,
        interval_ms: u64,
        view: bool,
        sampled: bool,
    ) -> bool {
        let slow = self.slow_picture_ns;
        if view {
            let interval = if slow < 1_000_000_000 {
                slow.min(VIEW_NS)
            } else {
                slow
            };
            return due(&mut self.picture_ns, now, interval);
        }
        let interval = slow.max(interval_ms * 1_000_000);
        // A sample is never quite on time.
        let due = sampled
            && self.picture_ns.min(now.saturating_add(interval)) <= now + interval_ms * 500_000;
        if due {
            self.picture_ns = now + interval;
        }
        due
    }

    /// They come with a sample of the bus in view, which is never quite on time.
    pub(super) fn others_are_due(&mut self, now: u64, all: bool) -> bool {
        let interval = if all { OTHERS_NS.0 } else { OTHERS_NS.1 };
        let is_due = self.others_ns.min(now.saturating_add(interval)) <= now + 50_000_000;
        if is_due {
            self.others_ns = now + interval;
        }
        is_due
    }

    pub(super) fn others_now(&mut self) {
        self.others_ns = 0;
    }

    pub(super) fn draw_is_due(&mut self, now: u64) -> bool {
        let due = now >= self.draw_ns;
        if due {
            self.draw_ns = now + DRAW_NS;
        }
        due
    }

    pub(super) fn sample_now(&mut self) {
        (self.sample_ns, self.picture_ns) = (0, 0);
    }

    pub(super) fn picture_now(&mut self) {
        self.picture_ns = 0;
    }

    pub(super) fn next(&self, dirty: bool, view: bool) -> u64 {
        let next = match view {
            true => self.sample_ns.min(self.picture_ns),
            false => self.sample_ns,
        };
        if dirty { next.min(self.draw_ns) } else { next }
    }
}

/// Returns whether it is time, and sets the next time: in step, or from now when a step was missed.
fn due(next_ns: &mut u64, now: u64, interval: u64) -> bool {
    *next_ns = (*next_ns).min(now.saturating_add(interval));
    if now < *next_ns {
        return false;
    }
    *next_ns += interval;
    if *next_ns <= now {
        *next_ns = now + interval;
    }
    true
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MS: u64 = 1_000_000;

    fn clocks(picture_ms: u64) -> Clocks {
        let mut options = Options::detect("cam0", |_| None);
        options.picture_interval = Duration::from_millis(picture_ms);
        Clocks::new(&options, 0)
    }

    #[test]
    fn samples_keep_step_and_a_missed_one_is_not_made_up_for() {
        let mut clocks = clocks(500);
        let times = [0, 100, 501, 999, 1000, 2700, 2701, 3200];
        let due = times.map(|ms| clocks.sample_is_due(ms * MS, 500));
        assert_eq!(due, [true, false, true, false, true, true, false, true]);
    }

    #[test]
    fn a_shorter_interval_counts_at_once() {
        let mut clocks = clocks(500);
        assert!(clocks.sample_is_due(0, 10_000));
        assert!(!clocks.sample_is_due(MS, 200));
        assert!(clocks.sample_is_due(201 * MS, 200));
    }

    #[test]
    fn pictures_are_slow_over_ssh_and_fast_in_view_elsewhere() {
        let counted = |mut clocks: Clocks, interval_ms, view| {
            let mut is_due = |now| {
                let sampled = clocks.sample_is_due(now, interval_ms);
                clocks.picture_is_due(now, interval_ms, view, sampled)
            };
            (0..100).filter(|step| is_due(step * 100 * MS)).count()
        };
        assert_eq!(counted(clocks(500), 500, false), 20);
        assert_eq!(counted(clocks(500), 500, true), 50);
        assert_eq!(counted(clocks(1000), 500, true), 10);
        assert_eq!(counted(clocks(500), 5000, false), 2);
        assert_eq!(counted(clocks(1000), 500, false), 10);
        assert_eq!(counted(clocks(500), 100, false), 20);
    }

    #[test]
    fn pictures_beside_tables_come_with_a_sample_and_wake_nobody_between() {
        let mut clocks = clocks(500);
        assert!(clocks.sample_is_due(0, 500) && clocks.picture_is_due(0, 500, false, true));
        assert!(!clocks.picture_is_due(600 * MS, 500, false, false));
        assert_eq!(clocks.next(false, false), 500 * MS);
        clocks.picture_now();
        assert_eq!(
            (clocks.next(false, false), clocks.next(false, true)),
            (500 * MS, 0)
        );
    }

    #[test]
    fn nothing_new_is_not_drawn_for() {
        let mut clocks = clocks(500);
        assert!(
            clocks.sample_is_due(0, 500)
                && clocks.picture_is_due(0, 500, true, true)
                && clocks.draw_is_due(0)
        );
        assert_eq!(clocks.next(false, false), 500 * MS);
        assert_eq!(
            (clocks.next(false, true), clocks.next(true, false)),
            (200 * MS, DRAW_NS)
        );
    }
}
