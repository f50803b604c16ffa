//! What happened between two snapshots of a bus: a pure function of the two.

use super::format::millis;
use framebus::observe::{BusState, Consumer, ConsumerState, Finding, Severity, Snapshot};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When: milliseconds since 1970-01-01 UTC.
    pub(crate) time_ms: u64,
    pub(crate) severity: Severity,
    /// One word: `joined`, `left`, `died`, `reclaimed`, `generation`, a state of the bus, `finding` or `cleared`.
    pub(crate) what: &'static str,
    pub(crate) text: String,
}

/// Returns what happened from `before` to `now`, in the order in which a person would tell it.
pub(crate) fn events(before: Option<&Snapshot>, now: &Snapshot) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |severity, what, text: String| {
        entries.push(Entry {
            time_ms: now.time_ms,
            severity,
            what,
            text,
        })
    };
    bus_events(before, now, &mut add);
    let had = |consumer: &Consumer| before?.consumers.iter().find(|old| same(old, consumer));
    for consumer in &now.consumers {
        consumer_events(had(consumer), consumer, before.is_some(), &mut add);
    }
    for old in before.map_or(&[][..], |before| &before.consumers) {
        if old.state != ConsumerState::Gone
            && !now.consumers.iter().any(|consumer| same(old, consumer))
        {
            add(Severity::Info, "left", name(old));
        }
    }
    let old: &[Finding] = before.map_or(&[], |before| &before.findings);
    for finding in now
        .findings
        .iter()
        .filter(|finding| !old.iter().any(|old| alike(old, finding)))
    {
        add(
            finding.severity,
            "finding",
            format!("{}: {}", finding.kind, finding.text),
        );
    }
    for finding in old
        .iter()
        .filter(|old| !now.findings.iter().any(|finding| alike(old, finding)))
    {
        add(
            Severity::Info,
            "cleared",
            match finding.consumer {
                Some(index) => format!("{} of consumer {index}", finding.kind),
                None => finding.kind.clone(),
            },
        );
    }
    entries
}

fn bus_events(
    before: Option<&Snapshot>,
    now: &Snapshot,
    add: &mut impl FnMut(Severity, &'static str, String),
) {
    if before.map(|before| before.state) != Some(now.state) {
        let (severity, what, text) = match now.state {
            BusState::Absent => (Severity::Info, "absent", "there is no such bus"),
            BusState::Starting => (Severity::Info, "starting", "the producer makes its segment"),
            BusState::Unreadable => (
                Severity::Critical,
                "unreadable",
                "the segment cannot be read",
            ),
            BusState::Running => (Severity::Info, "running", "frames are published"),
            BusState::Stalled => (Severity::Warning, "stalled", "the source gives no frames"),
            BusState::Ended => (Severity::Info, "ended", "the producer ended"),
            BusState::Gone => (
                Severity::Critical,
                "gone",
                "the producer gives no sign of life",
            ),
        };
        add(
            severity,
            what,
            now.message.clone().unwrap_or_else(|| text.to_owned()),
        );
    }
    let Some(segment) = &now.segment else {
        return;
    };
    match before.and_then(|before| before.segment.as_ref()) {
        Some(old) if old.generation != segment.generation => {
            let (from, to) = (old.generation, segment.generation);
            let text = format!(
                "{from} -> {to}: {}x{} {}",
                segment.width, segment.height, segment.format
            );
            add(Severity::Info, "generation", text);
        }
        _ => {}
    }
}

fn consumer_events(
    before: Option<&Consumer>,
    now: &Consumer,
    watched: bool,
    add: &mut impl FnMut(Severity, &'static str, String),
) {
    let gone = |consumer: &Consumer| consumer.state == ConsumerState::Gone;
    if before.is_none() && watched && !gone(now) {
        add(
            Severity::Info,
            "joined",
            format!("{}, waits by {}", name(now), now.trigger),
        );
    }
    if !gone(now) {
        return;
    }
    if !before.is_some_and(gone) {
        match now.gone.as_deref() {
            Some("detached") => add(Severity::Info, "left", name(now)),
            _ => add(Severity::Warning, "died", name(now)),
        }
    }
    if let (None, Some(ms)) = (
        before.and_then(|before| before.cleared_after_ms),
        now.cleared_after_ms,
    ) {
        add(
            Severity::Info,
            "reclaimed",
            format!("lease of {} after {} ms", name(now), millis(ms)),
        );
    }
}

fn same(a: &Consumer, b: &Consumer) -> bool {
    (a.index, a.pid) == (b.index, b.pid)
}

fn alike(a: &Finding, b: &Finding) -> bool {
    (&a.kind, a.consumer) == (&b.kind, b.consumer)
}

fn name(consumer: &Consumer) -> String {
    format!(
        "{} {} (pid {})",
        consumer.index, consumer.name, consumer.pid
    )
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    fn whats(before: Option<&Snapshot>, now: &Snapshot) -> Vec<&'static str> {
        events(before, now).iter().map(|entry| entry.what).collect()
    }

    #[test]
    fn nothing_happens_between_two_equal_snapshots() {
        let live = fixture::live();
        assert_eq!(whats(Some(&live), &live), [""; 0]);
    }

    #[test]
    fn whoever_was_there_first_is_not_said_to_join() {
        assert_eq!(whats(None, &fixture::live()), ["running"]);
    }

    #[test]
    fn consumers_join_leave_and_die_and_their_lease_is_reclaimed() {
        let live = fixture::live();
        let mut less = live.clone();
        let last = less.consumers.pop().expect("a consumer");
        assert_eq!(whats(Some(&less), &live), ["joined"]);
        assert_eq!(whats(Some(&live), &less), ["left"]);
        let mut died = live.clone();
        let victim = died.consumers.last_mut().expect("a consumer");
        (victim.state, victim.gone) = (ConsumerState::Gone, Some("died".into()));
        assert_eq!(whats(Some(&live), &died), ["died"]);
        let mut cleared = died.clone();
        cleared
            .consumers
            .last_mut()
            .expect("a consumer")
            .cleared_after_ms = Some(0.4);
        assert_eq!(whats(Some(&died), &cleared), ["reclaimed"]);
        assert_eq!(
            whats(Some(&cleared), &less),
            [""; 0],
            "it was said before that it went"
        );
        let entry = &events(Some(&died), &cleared)[0];
        assert_eq!(
            entry.text,
            format!("lease of {} after 0.40 ms", name(&last))
        );
    }

    #[test]
    fn states_generations_and_findings_are_told_once() {
        let live = fixture::live();
        assert_eq!(whats(Some(&live), &fixture::gone()), ["gone", "finding"]);
        assert_eq!(whats(Some(&fixture::gone()), &live), ["running", "cleared"]);
        assert_eq!(whats(Some(&fixture::absent()), &live)[0], "running");
        let mut restarted = live.clone();
        if let Some(segment) = restarted.segment.as_mut() {
            segment.generation = 4;
        }
        let entry = &events(Some(&live), &restarted)[0];
        assert_eq!(
            (entry.what, entry.text.as_str()),
            ("generation", "3 -> 4: 1280x720 gray8+bgr")
        );
    }
}
