//! Which consumers are listed, and in which order.

use std::cmp::Ordering;

use framebus::observe::{Consumer, ConsumerState, Snapshot};

/// What the consumers are sorted by, within bad states first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Sort {
    #[default]
    Id,
    Name,
    Fps,
    Skip,
    Held,
    Wait,
    Busy,
    Ratio,
    Age,
    Cpu,
}

impl Sort {
    /// Returns the next one.
    pub(crate) const fn next(self) -> Sort {
        match self {
            Self::Id => Self::Name,
            Self::Name => Self::Fps,
            Self::Fps => Self::Skip,
            Self::Skip => Self::Held,
            Self::Held => Self::Wait,
            Self::Wait => Self::Busy,
            Self::Busy => Self::Ratio,
            Self::Ratio => Self::Age,
            Self::Age => Self::Cpu,
            Self::Cpu => Self::Id,
        }
    }

    /// Returns the title of its column.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "ID",
            Self::Name => "NAME",
            Self::Fps => "FPS",
            Self::Skip => "SKIP",
            Self::Held => "HELD",
            Self::Wait => "WAIT",
            Self::Busy => "BUSY",
            Self::Ratio => "B/P",
            Self::Age => "AGE",
            Self::Cpu => "CPU%",
        }
    }

    /// Returns whether the largest comes first, unless it is reversed.
    pub(crate) const fn descends(self) -> bool {
        !matches!(self, Self::Id | Self::Name)
    }

    fn number(self, consumer: &Consumer) -> Option<f64> {
        match self {
            Self::Id => Some(f64::from(consumer.index)),
            Self::Name => None,
            Self::Fps => consumer.fps,
            Self::Skip => Some(consumer.skipped as f64),
            Self::Held => consumer.held_ms,
            Self::Wait => consumer.wait_ms.p50,
            Self::Busy => consumer.busy_ms.p50,
            Self::Ratio => consumer.busy_per_period,
            Self::Age => consumer.age_ms,
            Self::Cpu => consumer.cpu_percent,
        }
    }
}

/// Which consumers are listed, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    pub(crate) sort: Sort,
    pub(crate) reverse: bool,
    pub(crate) filter: String,
    pub(crate) only_findings: bool,
}

impl Listing {
    /// Returns the consumers that are listed: those that are stuck or died first, then in the order asked for; slow ones before the others, unless one is asked for.
    pub(crate) fn rows<'a>(&self, snapshot: &'a Snapshot) -> Vec<&'a Consumer> {
        let mut rows: Vec<_> = snapshot
            .consumers
            .iter()
            .filter(|consumer| self.shows(snapshot, consumer))
            .collect();
        rows.sort_by(|a, b| {
            let urgency = |consumer| urgency(consumer, self.sort);
            let by_state = urgency(a).cmp(&urgency(b));
            by_state
                .then_with(|| self.order(a, b))
                .then_with(|| a.index.cmp(&b.index))
        });
        rows
    }

    /// Returns `^` or `v`: whether the smallest or the largest comes first.
    pub(crate) const fn arrow(&self) -> char {
        if self.sort.descends() == self.reverse {
            '^'
        } else {
            'v'
        }
    }

    fn shows(&self, snapshot: &Snapshot, consumer: &Consumer) -> bool {
        if self.only_findings && !has_finding(snapshot, consumer) {
            return false;
        }
        let filter = self.filter.to_lowercase();
        let state = format!("{:?}", consumer.state);
        let texts = [
            &consumer.name,
            &consumer.language,
            &state,
            &consumer.pid.to_string(),
        ];
        texts
            .iter()
            .any(|text| text.to_lowercase().contains(&filter))
    }

    fn order(&self, a: &Consumer, b: &Consumer) -> Ordering {
        let turn = |order: Ordering| {
            if self.arrow() == 'v' {
                order.reverse()
            } else {
                order
            }
        };
        if self.sort == Sort::Name {
            return turn(a.name.cmp(&b.name));
        }
        match (self.sort.number(a), self.sort.number(b)) {
            (Some(a), Some(b)) => turn(a.total_cmp(&b)),
            // What is not known comes last, whichever way round.
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    }
}

/// Returns whether a finding is about this consumer.
pub(crate) fn has_finding(snapshot: &Snapshot, consumer: &Consumer) -> bool {
    snapshot
        .findings
        .iter()
        .any(|finding| finding.consumer == Some(consumer.index))
}

/// Returns how soon a person should see it. Slow is allowed: it comes up where nothing else is asked for.
fn urgency(consumer: &Consumer, sort: Sort) -> u8 {
    match consumer.state {
        ConsumerState::Stuck | ConsumerState::Idle => 0,
        ConsumerState::Gone if consumer.gone.as_deref() != Some("detached") => 1,
        ConsumerState::Slow if sort == Sort::Id => 2,
        ConsumerState::Gone => 4,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn names(listing: &Listing) -> Vec<String> {
        listing
            .rows(&fixture::stuck())
            .iter()
            .map(|consumer| consumer.name.clone())
            .collect()
    }

    #[test]
    fn bad_states_come_first_whatever_is_sorted_by() {
        let mut listing = Listing::default();
        assert_eq!(names(&listing), ["hmi", "qa", "yolo", "aruco", "mjpeg"]);
        listing.sort = Sort::Ratio;
        assert_eq!(
            (names(&listing), listing.arrow()),
            (
                ["hmi", "qa", "yolo", "mjpeg", "aruco"]
                    .map(String::from)
                    .to_vec(),
                'v'
            )
        );
        listing.reverse = true;
        assert_eq!(
            (names(&listing), listing.arrow()),
            (
                ["hmi", "qa", "aruco", "mjpeg", "yolo"]
                    .map(String::from)
                    .to_vec(),
                '^'
            )
        );
        (listing.sort, listing.reverse) = (Sort::Name, false);
        assert_eq!(names(&listing)[2..], ["aruco", "mjpeg", "yolo"]);
    }

    #[test]
    fn a_filter_looks_at_name_language_state_and_pid() {
        for (filter, expected) in [
            ("YOL", "yolo"),
            ("cpp", "aruco"),
            ("stuck", "hmi"),
            ("4502", "mjpeg"),
        ] {
            let listing = Listing {
                filter: filter.into(),
                ..Listing::default()
            };
            assert_eq!(names(&listing), [expected], "{filter}");
        }
    }

    #[test]
    fn only_findings_leaves_those_that_a_finding_is_about() {
        let listing = Listing {
            only_findings: true,
            ..Listing::default()
        };
        assert_eq!(names(&listing), ["hmi", "qa"]);
    }

    #[test]
    fn every_sort_comes_round_and_has_a_column() {
        let mut sort = Sort::Id;
        for _ in 0..10 {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::Id);
    }
}
