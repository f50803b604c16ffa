//! Whether the buses are well, as `framebus check` sees it without limits of its own.

use serde::Serialize;

use framebus::observe::{BusState, Finding, SCHEMA, Severity, Snapshot};

/// What is said of all buses.
#[derive(Debug, Serialize)]
pub(super) struct Health<'a> {
    schema: u32,
    pub(super) healthy: bool,
    buses: Vec<OfBus<'a>>,
}

#[derive(Debug, Serialize)]
struct OfBus<'a> {
    bus: &'a str,
    healthy: bool,
    state: BusState,
    fps: Option<f64>,
    age_ms: Option<f64>,
    findings: Vec<Finding>,
}

impl Health<'_> {
    /// No bus at all is not well either.
    pub(super) fn of(snapshots: &[Snapshot]) -> Health<'_> {
        let buses: Vec<OfBus<'_>> = snapshots.iter().map(of_bus).collect();
        Health {
            schema: SCHEMA,
            healthy: !buses.is_empty() && buses.iter().all(|bus| bus.healthy),
            buses,
        }
    }
}

fn of_bus(snapshot: &Snapshot) -> OfBus<'_> {
    let worse = |finding: &&Finding| finding.severity > Severity::Info;
    let mut findings: Vec<Finding> = snapshot.findings.iter().filter(worse).cloned().collect();
    let said = |findings: &[Finding], kind: &str| findings.iter().any(|one| one.kind == kind);
    let trouble = match snapshot.state {
        BusState::Running | BusState::Stalled => None,
        BusState::Ended => Some(("producer-gone", "the producer has ended".to_owned())),
        BusState::Gone => Some(("producer-gone", "the producer is dead".to_owned())),
        BusState::Absent | BusState::Starting | BusState::Unreadable => {
            let message = snapshot.message.clone();
            Some((
                "no-bus",
                message.unwrap_or_else(|| "there is no such bus".to_owned()),
            ))
        }
    };
    if let Some((kind, text)) = trouble.filter(|(kind, _)| !said(&findings, kind)) {
        findings.insert(0, Finding::new(kind, Severity::Critical, text));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let producer = snapshot.producer.as_ref();
    OfBus {
        bus: &snapshot.bus,
        healthy: findings.is_empty(),
        state: snapshot.state,
        fps: producer.and_then(|producer| producer.fps),
        age_ms: producer.and_then(|producer| producer.age_ms),
        findings,
    }
}
