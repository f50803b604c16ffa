//! What the clock of another machine says, measured over the link.
//!
//! As NTP does it: a question and its answer have four times, two of each clock. Half of the round trip bounds the error,
//! whatever the two ways took, so the quickest answer of the last ones counts; an old one loses by what clocks drift.

use std::collections::VecDeque;

/// How many answers are remembered.
const KEPT: usize = 32;
/// How far two quartz clocks may drift apart, in ns a second: 50 ppm each.
const DRIFT_NS: u64 = 100_000;

/// The four times of a question and its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exchange {
    /// Asked, on the clock here.
    pub(crate) asked_ns: u64,
    /// The question came, on the clock there.
    pub(crate) came_ns: u64,
    /// The answer was given, on the clock there.
    pub(crate) said_ns: u64,
    /// The answer came, on the clock here.
    pub(crate) heard_ns: u64,
}

/// How the far clock stands to the one here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offset {
    /// What to add to a time here to have the time there.
    pub(crate) offset_ns: i64,
    /// By how much it may be wrong.
    pub(crate) error_ns: u64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    offset_ns: i64,
    round_ns: u64,
    at_ns: u64,
}

impl Sample {
    fn error_ns(&self, now_ns: u64) -> u64 {
        let age_s = now_ns.saturating_sub(self.at_ns) as f64 / 1e9;
        self.round_ns / 2 + (age_s * DRIFT_NS as f64) as u64
    }
}

/// The last answers of one clock.
#[derive(Debug, Default)]
pub(crate) struct FarClock {
    /// Which clock it is: after a boot all of this is about another one.
    clock: u64,
    samples: VecDeque<Sample>,
}

impl FarClock {
    /// Notes an answer of this clock.
    pub(crate) fn note(&mut self, clock: u64, exchange: Exchange) {
        if clock != self.clock {
            self.samples.clear();
            self.clock = clock;
        }
        let Exchange {
            asked_ns,
            came_ns,
            said_ns,
            heard_ns,
        } = exchange;
        // A far clock may say anything.
        let there_ns = said_ns.checked_sub(came_ns);
        let here_ns = heard_ns.checked_sub(asked_ns);
        let (Some(there_ns), Some(here_ns)) = (there_ns, here_ns) else {
            return;
        };
        if there_ns > here_ns {
            return;
        }
        let first = i128::from(came_ns) - i128::from(asked_ns);
        let second = i128::from(said_ns) - i128::from(heard_ns);
        let Ok(offset_ns) = i64::try_from((first + second) / 2) else {
            return;
        };
        if self.samples.len() == KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample {
            offset_ns,
            round_ns: here_ns - there_ns,
            at_ns: heard_ns,
        });
    }

    /// Whether this is the clock that was measured.
    #[must_use]
    pub(crate) fn is(&self, clock: u64) -> bool {
        self.clock == clock && !self.samples.is_empty()
    }

    /// How that clock stands now; `None` before the first answer.
    #[must_use]
    pub(crate) fn offset(&self, now_ns: u64) -> Option<Offset> {
        let best = self
            .samples
            .iter()
            .min_by_key(|sample| sample.error_ns(now_ns))?;
        Some(Offset {
            offset_ns: best.offset_ns,
            error_ns: best.error_ns(now_ns),
        })
    }

    /// The shortest round trip of the last answers.
    #[must_use]
    pub(crate) fn round_trip_ns(&self) -> Option<u64> {
        self.samples.iter().map(|sample| sample.round_ns).min()
    }
}

impl Offset {
    /// A time of the far clock on the clock here.
    #[must_use]
    pub(crate) fn here_ns(&self, there_ns: u64) -> u64 {
        let here = i128::from(there_ns) - i128::from(self.offset_ns);
        u64::try_from(here.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A question at `asked`, the far clock `ahead`, and so long there and back.
    fn exchange(asked_ns: u64, ahead_ns: u64, there_ns: u64, back_ns: u64) -> Exchange {
        let came_ns = asked_ns + there_ns + ahead_ns;
        let said_ns = came_ns + MS;
        Exchange {
            asked_ns,
            came_ns,
            said_ns,
            heard_ns: asked_ns + there_ns + MS + back_ns,
        }
    }

    #[test]
    fn the_quickest_answer_counts_and_bounds_the_error() {
        let mut clock = FarClock::default();
        assert_eq!(clock.offset(0), None);
        let ahead = 86_400_000 * MS;
        // Behind a frame: 300 ms on the way back.
        clock.note(1, exchange(1000 * MS, ahead, MS, 300 * MS));
        let rough = clock.offset(1302 * MS).expect("an offset");
        assert!(rough.offset_ns.abs_diff(ahead as i64) <= rough.error_ns);
        clock.note(1, exchange(2000 * MS, ahead, MS, 3 * MS));
        let fine = clock.offset(2005 * MS).expect("an offset");
        assert_eq!(fine.offset_ns, (ahead - MS) as i64);
        assert_eq!(fine.error_ns, 2 * MS);
        assert_eq!(clock.round_trip_ns(), Some(4 * MS));
        assert_eq!(fine.here_ns(2000 * MS + ahead), 2001 * MS);
    }

    #[test]
    fn an_old_answer_loses_by_what_clocks_drift() {
        let mut clock = FarClock::default();
        clock.note(1, exchange(0, 0, MS, MS));
        // After a minute the first is worth 1 + 6 ms.
        clock.note(1, exchange(60_000 * MS, 0, 2 * MS, 4 * MS));
        let offset = clock.offset(60_007 * MS).expect("an offset");
        assert_eq!(offset.error_ns, 3 * MS);
    }

    #[test]
    fn another_clock_starts_anew_and_nonsense_is_left_out() {
        let mut clock = FarClock::default();
        clock.note(1, exchange(0, 5000 * MS, MS, MS));
        assert!(clock.is(1) && !clock.is(2));
        clock.note(2, exchange(9000 * MS, 0, MS, MS));
        assert_eq!(clock.offset(9003 * MS).expect("an offset").offset_ns, 0);
        for (came_ns, said_ns) in [(0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            clock.note(
                2,
                Exchange {
                    asked_ns: 9000 * MS,
                    came_ns,
                    said_ns,
                    heard_ns: 9001 * MS,
                },
            );
        }
        assert_eq!(clock.offset(9003 * MS).expect("an offset").offset_ns, 0);
    }
}
