//! Which buses are listed on the screen of all buses, and which of them are in trouble.

use super::model::Model;
use super::track::Track;
use framebus::observe::{BusState, Finding, Severity, Snapshot};

/// A bus in the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BusRow<'a> {
    /// Its place among all buses.
    pub(crate) at: usize,
    pub(crate) bus: &'a str,
    pub(crate) track: Option<&'a Track>,
}

impl<'a> BusRow<'a> {
    /// Returns the moment that is shown of it.
    pub(crate) fn shown(&self) -> Option<&'a Snapshot> {
        self.track?.shown.as_ref()
    }

    /// Returns what is worst about it.
    pub(crate) fn worst(&self) -> Option<&'a Finding> {
        self.shown()?.findings.first()
    }

    /// Returns how bad it is, from `Warning` on: what is good to know would make rows jump.
    pub(crate) fn trouble(&self) -> Option<Severity> {
        let worst = self.worst()?.severity;
        (worst > Severity::Info).then_some(worst)
    }
}

/// Returns the buses that are listed: those in trouble first, then by name.
pub(crate) fn rows(model: &Model) -> Vec<BusRow<'_>> {
    let listing = &model.listing;
    let filter = listing.filter.to_lowercase();
    let mut rows: Vec<_> = all(model)
        .filter(|row| !listing.only_findings || row.worst().is_some())
        .filter(|row| texts(row).any(|text| text.to_lowercase().contains(&filter)))
        .collect();
    rows.sort_by_key(|row| (std::cmp::Reverse(row.trouble()), row.at));
    rows
}

/// Returns the buses that are in trouble, by name.
pub(crate) fn in_trouble(model: &Model) -> Vec<(String, Severity)> {
    let troubled = all(model).filter_map(|row| Some((row.bus.to_owned(), row.trouble()?)));
    troubled.collect()
}

fn all(model: &Model) -> impl Iterator<Item = BusRow<'_>> {
    model.buses.iter().enumerate().map(|(at, bus)| BusRow {
        at,
        bus,
        track: model.track_of(bus),
    })
}

/// What a filter looks at.
fn texts(row: &BusRow<'_>) -> impl Iterator<Item = String> {
    let now = row.shown();
    let state = now.map(|now| state(now.state).to_owned());
    let source = now.and_then(|now| Some(now.producer.as_ref()?.source.clone()));
    [Some(row.bus.to_owned()), state, source]
        .into_iter()
        .flatten()
}

/// Returns the word for a state.
pub(crate) const fn state(state: BusState) -> &'static str {
    match state {
        BusState::Absent => "absent",
        BusState::Starting => "starting",
        BusState::Unreadable => "UNREADABLE",
        BusState::Running => "running",
        BusState::Stalled => "STALLED",
        BusState::Ended => "ended",
        BusState::Gone => "GONE",
    }
}
