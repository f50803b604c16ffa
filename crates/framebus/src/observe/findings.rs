//! What an expert would point at. Each kind has an entry in `docs/top.md` that says what to do.

use super::world::World;
use super::{BusState, Consumer, ConsumerState, Finding, Severity, Snapshot};
use crate::system::{Load, MEMORY};

/// The kinds of findings; names are added, never renamed.
pub const FINDING_KINDS: [&str; 10] = [
    "stuck-consumer",
    "dead-consumer",
    "slow-consumer",
    "starved",
    "producer-stalled",
    "producer-gone",
    "unlinked-segment",
    "shm-nearly-full",
    "trigger-backlog",
    "layout-mismatch",
];

/// From when on something is worth pointing at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A producer without a sign of life for this long is gone.
    pub gone_after_ms: f64,
    /// A consumer that has held one frame for this long is stuck; one that takes none for this long is idle.
    pub stuck_after_ms: f64,
    /// A running producer without a frame for this long is stalled.
    pub stalled_after_ms: f64,
    /// A consumer that needs more than so many frame periods for a frame is slow.
    pub slow_above_periods: f64,
    /// /dev/shm is nearly full from this part of it on, 0 to 1.
    pub shm_full_from: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            gone_after_ms: 2_000.0,
            stuck_after_ms: 2_000.0,
            stalled_after_ms: 2_000.0,
            slow_above_periods: 1.0,
            shm_full_from: 0.9,
        }
    }
}

impl Finding {
    /// Makes one that is about the whole bus.
    #[must_use]
    pub fn new(kind: &str, severity: Severity, text: String) -> Finding {
        Finding {
            kind: kind.to_owned(),
            severity,
            consumer: None,
            text,
        }
    }
}

/// What changed since the snapshot before, for findings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    pub(super) starved: u64,
    pub(super) coalesced: u64,
}

/// What is around a bus.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around {
    /// How many bytes of /dev/shm are used, and how many there are.
    pub(super) shm: Option<(u64, u64)>,
    pub(super) load: Option<Load>,
}

impl Around {
    pub(super) fn of(world: &dyn World) -> Around {
        Around {
            shm: world.shm_usage(),
            load: world.load(),
        }
    }
}

/// Looks a snapshot over; worst first.
pub(super) fn findings(
    snapshot: &Snapshot,
    changes: Changes,
    thresholds: &Thresholds,
    machine: Around,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |kind: &str, severity, consumer, text| {
        found.push(Finding {
            consumer,
            ..Finding::new(kind, severity, text)
        });
    };
    if snapshot.state == BusState::Unreadable {
        add(
            "layout-mismatch",
            Severity::Critical,
            None,
            snapshot.message.clone().unwrap_or_default(),
        );
    }
    if let Some(producer) = &snapshot.producer {
        match snapshot.state {
            BusState::Gone => {
                let seconds = producer.heartbeat_age_ms / 1000.0;
                let text = format!(
                    "the producer (pid {}) has given no sign of life for {seconds:.1} s: killed or stopped",
                    producer.pid
                );
                add("producer-gone", Severity::Critical, None, text);
            }
            BusState::Stalled => {
                let age = producer.age_ms.map_or("any frame".to_owned(), |age| {
                    format!("a frame for {:.1} s", age / 1000.0)
                });
                add(
                    "producer-stalled",
                    Severity::Critical,
                    None,
                    format!(
                        "the source has not given {age}: {}",
                        producer.stall_reason.as_ref().unwrap_or(&producer.source)
                    ),
                );
            }
            BusState::Running => {
                if let Some(age) = producer
                    .age_ms
                    .filter(|age| *age > thresholds.stalled_after_ms.max(5.0 * period_ms(producer)))
                {
                    let text = format!(
                        "no frame for {:.1} s, though the producer lives: {}",
                        age / 1000.0,
                        producer.source
                    );
                    add("producer-stalled", Severity::Warning, None, text);
                }
            }
            _ => {}
        }
        if changes.starved > 0 {
            let text = format!(
                "{} frames found every slot leased and were lost ({} in all)",
                changes.starved, producer.starved
            );
            add("starved", Severity::Critical, None, text);
        }
    }
    if let Some(segment) = snapshot.segment.as_ref().filter(|segment| segment.unlinked) {
        let text = unlinked(&segment.name);
        add("unlinked-segment", Severity::Critical, None, text);
    }
    for consumer in &snapshot.consumers {
        if let Some((kind, severity, text)) = of_consumer(consumer, snapshot, machine.load) {
            add(kind, severity, Some(consumer.index), text);
        }
    }
    if changes.coalesced > 0 {
        let text = format!(
            "{} wake-ups could not be sent: a program on this bus does not read its socket",
            changes.coalesced
        );
        add("trigger-backlog", Severity::Info, None, text);
    }
    if let Some((used, total)) = machine
        .shm
        .filter(|(used, total)| *used as f64 > *total as f64 * thresholds.shm_full_from)
    {
        let text = format!(
            "{MEMORY} has {} of {} used: a new bus may not fit",
            crate::units::show_bytes(used),
            crate::units::show_bytes(total)
        );
        add("shm-nearly-full", Severity::Warning, None, text);
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// What is said of a bus with a producer whose segment has lost its name.
pub(super) fn unlinked(name: &str) -> String {
    format!(
        "{name} is gone from {MEMORY}: nobody can attach until the next frame makes it again; if not, restart the producer"
    )
}

fn period_ms(producer: &super::Producer) -> f64 {
    producer
        .nominal_fps
        .map(|fps| 1000.0 / fps)
        .or(producer.interval_ms.p50)
        .unwrap_or(0.0)
}

/// From this part of a core on, what a consumer does with its time is compute.
const COMPUTES_PERCENT: f64 = 60.0;
/// Below this it waits for something else.
const WAITS_PERCENT: f64 = 20.0;

/// Says whether a consumer that is late computes or waits, where its CPU is known.
fn why(consumer: &Consumer) -> String {
    match consumer.cpu_percent {
        None => String::new(),
        Some(cpu) if cpu >= COMPUTES_PERCENT => format!(", and computes ({cpu:.0} % of a core)"),
        Some(cpu) if cpu < WAITS_PERCENT => {
            format!(", and waits ({cpu:.0} % of a core; for a pipe, a command, a lock?)")
        }
        Some(cpu) => format!(", and computes and waits ({cpu:.0} % of a core)"),
    }
}

/// Says that everybody waits for a core, where more want to run than there are.
fn busy_machine(load: Load) -> String {
    let Load { wanting, cores } = load;
    if wanting < 1.2 * cores as f64 {
        return String::new();
    }
    let many = if cores == 1 { "" } else { "s" };
    format!("; the machine is busy: {wanting:.1} want {cores} core{many}")
}

fn of_consumer(
    consumer: &Consumer,
    snapshot: &Snapshot,
    load: Option<Load>,
) -> Option<(&'static str, Severity, String)> {
    let who = if consumer.name.is_empty() {
        consumer.index.to_string()
    } else {
        format!("{} {}", consumer.index, consumer.name)
    };
    match consumer.state {
        ConsumerState::Stuck => {
            let (slot, held) = (consumer.slot?, consumer.held_ms? / 1000.0);
            let behind = snapshot
                .producer
                .as_ref()?
                .sequence
                .saturating_sub(consumer.held_sequence?);
            let text = format!(
                "{who} has held slot {slot} for {held:.1} s ({behind} frames); the producer is not affected"
            );
            Some(("stuck-consumer", Severity::Warning, text))
        }
        ConsumerState::Idle => {
            let behind = snapshot
                .producer
                .as_ref()?
                .sequence
                .saturating_sub(consumer.last_sequence)
                .saturating_sub(consumer.pending);
            let text = format!(
                "{who} (pid {}) takes no frames: {behind} have gone by, and it holds none",
                consumer.pid
            );
            Some(("stuck-consumer", Severity::Warning, text))
        }
        ConsumerState::Slow => {
            let (ratio, busy) = (consumer.busy_per_period?, consumer.busy_ms.p50?);
            // Just above one is not one.
            let digits = if ratio < 1.1 { 2 } else { 1 };
            let text = format!(
                "{who} needs {busy:.1} ms for a frame, {ratio:.digits$} frame periods{}: it skips frames, nobody else is affected{}",
                why(consumer),
                load.map_or_else(String::new, busy_machine),
            );
            Some(("slow-consumer", Severity::Info, text))
        }
        ConsumerState::Gone if consumer.gone.as_deref() == Some("died") => {
            let cleared = consumer.cleared_after_ms?;
            let text = format!(
                "{who} (pid {}) died {:.0} s ago; its lease was cleared {cleared:.2} ms after",
                consumer.pid, consumer.since_s
            );
            Some(("dead-consumer", Severity::Warning, text))
        }
        _ => None,
    }
}
