//! Prometheus' text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Names end with their unit (seconds, bytes, ratio) and counters with `_total`, as `promtool check metrics` wants it.

use super::page::Page;
use framebus::observe::{
    BusState, Consumer, ConsumerState, FINDING_KINDS, Percentiles, Producer, Snapshot,
};

/// The states that a bus can have, as labels.
const STATES: [(BusState, &str); 7] = [
    (BusState::Absent, "absent"),
    (BusState::Starting, "starting"),
    (BusState::Unreadable, "unreadable"),
    (BusState::Running, "running"),
    (BusState::Stalled, "stalled"),
    (BusState::Ended, "ended"),
    (BusState::Gone, "gone"),
];

/// Renders snapshots: every family once, with a line for each bus or consumer.
pub(in crate::cli) fn render(snapshots: &[Snapshot]) -> String {
    let mut page = Page::default();
    page.family(
        "framebus_bus_state",
        "gauge",
        "1 for the state that the bus has.",
    );
    for snapshot in snapshots {
        for (state, name) in STATES {
            let value = f64::from(u8::from(snapshot.state == state));
            page.line(
                "framebus_bus_state",
                &[("bus", &snapshot.bus), ("state", name)],
                Some(value),
            );
        }
    }
    for metric in PRODUCER {
        page.family(metric.name, metric.kind, metric.help);
        for snapshot in snapshots {
            if let Some(producer) = &snapshot.producer {
                page.line(
                    metric.name,
                    &[("bus", &snapshot.bus)],
                    (metric.value)(producer),
                );
            }
        }
    }
    for metric in BUS {
        page.family(metric.name, metric.kind, metric.help);
        for snapshot in snapshots {
            page.line(
                metric.name,
                &[("bus", &snapshot.bus)],
                (metric.value)(snapshot),
            );
        }
    }
    findings(&mut page, snapshots);
    summaries(&mut page, snapshots);
    consumers(&mut page, snapshots);
    page.text
}

struct Metric<T> {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    value: fn(&T) -> Option<f64>,
}

const PRODUCER: &[Metric<Producer>] = &[
    Metric {
        name: "framebus_frames_published_total",
        kind: "counter",
        help: "Frames published in this generation of the bus.",
        value: |producer| Some(producer.published as f64),
    },
    Metric {
        name: "framebus_frames_dropped_total",
        kind: "counter",
        help: "Frames that came and were not published.",
        value: |producer| Some(producer.dropped as f64),
    },
    Metric {
        name: "framebus_frames_starved_total",
        kind: "counter",
        help: "Frames that were dropped because every slot was leased.",
        value: |producer| Some(producer.starved as f64),
    },
    Metric {
        name: "framebus_frames_source_dropped_total",
        kind: "counter",
        help: "Frames that the source lost by itself, before the producer had them.",
        value: |producer| Some(producer.source_dropped as f64),
    },
    Metric {
        name: "framebus_newest_sequence",
        kind: "gauge",
        help: "Sequence of the newest frame.",
        value: |producer| Some(producer.sequence as f64),
    },
    Metric {
        name: "framebus_frame_age_seconds",
        kind: "gauge",
        help: "Time since the newest frame was captured.",
        value: |producer| producer.age_ms.map(seconds),
    },
    Metric {
        name: "framebus_heartbeat_age_seconds",
        kind: "gauge",
        help: "Time since the producer's last sign of life.",
        value: |producer| Some(seconds(producer.heartbeat_age_ms)),
    },
    Metric {
        name: "framebus_producer_uptime_seconds",
        kind: "gauge",
        help: "Time since the segment was made.",
        value: |producer| Some(producer.uptime_s),
    },
    Metric {
        name: "framebus_nominal_frame_interval_seconds",
        kind: "gauge",
        help: "Time between frames that the source announced.",
        value: |producer| producer.nominal_fps.map(|fps| 1.0 / fps),
    },
    Metric {
        name: "framebus_producer_cpu_ratio",
        kind: "gauge",
        help: "Part of a core that the producer and what it has started use, since the look before.",
        value: |producer| producer.cpu_percent.map(|percent| percent / 100.0),
    },
    Metric {
        name: "framebus_producer_resident_memory_bytes",
        kind: "gauge",
        help: "Resident memory of the producer and what it has started, without shared memory.",
        value: |producer| producer.rss_bytes.map(|bytes| bytes as f64),
    },
];

const BUS: &[Metric<Snapshot>] = &[
    Metric {
        name: "framebus_segment_bytes",
        kind: "gauge",
        help: "Shared memory that the bus takes.",
        value: |snapshot| Some(snapshot.segment.as_ref()?.bytes as f64),
    },
    Metric {
        name: "framebus_slots",
        kind: "gauge",
        help: "Slots of the bus.",
        value: |snapshot| {
            snapshot
                .segment
                .as_ref()
                .map(|_| snapshot.slots.len() as f64)
        },
    },
    Metric {
        name: "framebus_slots_free",
        kind: "gauge",
        help: "Slots that nobody uses.",
        value: |snapshot| {
            snapshot
                .segment
                .as_ref()
                .map(|_| f64::from(snapshot.slots_free))
        },
    },
    Metric {
        name: "framebus_consumers",
        kind: "gauge",
        help: "Consumers that are attached.",
        value: |snapshot| {
            let consumers = snapshot.consumers.iter();
            let attached = consumers.filter(|consumer| consumer.state != ConsumerState::Gone);
            snapshot.segment.as_ref().map(|_| attached.count() as f64)
        },
    },
];

const CONSUMER: &[Metric<Consumer>] = &[
    Metric {
        name: "framebus_consumer_frames_taken_total",
        kind: "counter",
        help: "Frames that the consumer took.",
        value: |consumer| Some(consumer.taken as f64),
    },
    Metric {
        name: "framebus_consumer_frames_skipped_total",
        kind: "counter",
        help: "Frames that went by the consumer, also while it hangs.",
        value: |consumer| Some(consumer.skipped as f64),
    },
    Metric {
        name: "framebus_consumer_triggers_total",
        kind: "counter",
        help: "Triggers that were sent to the consumer.",
        value: |consumer| Some(consumer.triggers as f64),
    },
    Metric {
        name: "framebus_consumer_triggers_coalesced_total",
        kind: "counter",
        help: "Triggers that found one still waiting.",
        value: |consumer| Some(consumer.coalesced as f64),
    },
    Metric {
        name: "framebus_consumer_held_seconds",
        kind: "gauge",
        help: "How long the consumer has had the frame that it has now.",
        value: |consumer| Some(consumer.held_ms.map_or(0.0, seconds)),
    },
    Metric {
        name: "framebus_consumer_cpu_ratio",
        kind: "gauge",
        help: "Part of a core that the consumer and what it has started use, since the look before.",
        value: |consumer| consumer.cpu_percent.map(|percent| percent / 100.0),
    },
    Metric {
        name: "framebus_consumer_resident_memory_bytes",
        kind: "gauge",
        help: "Resident memory of the consumer and what it has started, without shared memory.",
        value: |consumer| consumer.rss_bytes.map(|bytes| bytes as f64),
    },
];

/// Every kind has a line, also where nothing is found: what was never there cannot be missed by an alert.
fn findings(page: &mut Page, snapshots: &[Snapshot]) {
    let name = "framebus_findings";
    page.family(
        name,
        "gauge",
        "Things to look at, by kind, as framebus top and framebus check name them.",
    );
    for snapshot in snapshots {
        for kind in FINDING_KINDS {
            let found = snapshot.findings.iter();
            let count = found.filter(|finding| finding.kind == kind).count();
            let labels = [("bus", snapshot.bus.as_str()), ("kind", kind)];
            page.line(name, &labels, Some(count as f64));
        }
    }
}

/// The states of a consumer that is attached, as labels.
const CONSUMER_STATES: [(ConsumerState, &str); 6] = [
    (ConsumerState::Reading, "reading"),
    (ConsumerState::Waiting, "waiting"),
    (ConsumerState::Slow, "slow"),
    (ConsumerState::Stuck, "stuck"),
    (ConsumerState::Idle, "idle"),
    (ConsumerState::PipeOnly, "pipe-only"),
];

/// Percentiles of the last minute, as summaries without a sum: the histograms count, and do not add up.
fn summaries(page: &mut Page, snapshots: &[Snapshot]) {
    type Of = fn(&Producer) -> &Percentiles;
    let families: [(&str, &str, Of); 2] = [
        (
            "framebus_frame_interval_seconds",
            "Time between frames.",
            |producer| &producer.interval_ms,
        ),
        (
            "framebus_copy_seconds",
            "Time from capture to published.",
            |producer| &producer.copy_ms,
        ),
    ];
    for (name, help, of) in families {
        page.family(name, "gauge", help);
        for snapshot in snapshots {
            if let Some(producer) = &snapshot.producer {
                page.quantiles(name, &[("bus", &snapshot.bus)], of(producer));
            }
        }
    }
}

fn consumers(page: &mut Page, snapshots: &[Snapshot]) {
    type Of = fn(&Consumer) -> &Percentiles;
    let families: [(&str, &str, Of); 3] = [
        (
            "framebus_consumer_wait_seconds",
            "Time from published to woken.",
            |consumer| &consumer.wait_ms,
        ),
        (
            "framebus_consumer_busy_seconds",
            "Time from woken to released.",
            |consumer| &consumer.busy_ms,
        ),
        (
            "framebus_consumer_latency_seconds",
            "Time from captured to released.",
            |consumer| &consumer.total_ms,
        ),
    ];
    let attached: Vec<(&str, String, &Consumer)> = snapshots
        .iter()
        .flat_map(|snapshot| {
            snapshot
                .consumers
                .iter()
                .map(move |consumer| (snapshot.bus.as_str(), consumer))
        })
        .filter(|(_, consumer)| consumer.state != ConsumerState::Gone)
        .map(|(bus, consumer)| (bus, consumer.index.to_string(), consumer))
        .collect();
    let name = "framebus_consumer_state";
    page.family(name, "gauge", "1 for the state that the consumer has.");
    for (bus, index, consumer) in &attached {
        for (state, word) in CONSUMER_STATES {
            let labels = [
                ("bus", *bus),
                ("index", index.as_str()),
                ("name", &consumer.name),
                ("state", word),
            ];
            let value = f64::from(u8::from(consumer.state == state));
            page.line(name, &labels, Some(value));
        }
    }
    for metric in CONSUMER {
        page.family(metric.name, metric.kind, metric.help);
        for (bus, index, consumer) in &attached {
            let labels = [
                ("bus", *bus),
                ("index", index.as_str()),
                ("name", &consumer.name),
            ];
            page.line(metric.name, &labels, (metric.value)(consumer));
        }
    }
    for (name, help, of) in families {
        page.family(name, "gauge", help);
        for (bus, index, consumer) in &attached {
            let labels = [
                ("bus", *bus),
                ("index", index.as_str()),
                ("name", &consumer.name),
            ];
            page.quantiles(name, &labels, of(consumer));
        }
    }
}

fn seconds(millis: f64) -> f64 {
    millis / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_end_with_total_and_nothing_else_does() {
        let kinds = PRODUCER.iter().map(|metric| (metric.name, metric.kind));
        let kinds = kinds.chain(BUS.iter().map(|metric| (metric.name, metric.kind)));
        for (name, kind) in kinds.chain(CONSUMER.iter().map(|metric| (metric.name, metric.kind))) {
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        }
    }
}
