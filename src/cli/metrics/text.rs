//! Prometheus' text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Names end with their unit (seconds, bytes, ratio) and counters with `_total`, as `promtool check metrics` wants it.

use std::fmt::Write;

use framebus::observe::{BusState, Consumer, ConsumerState, Percentiles, Producer, Snapshot};

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
    Metric {
        name: "framebus_findings",
        kind: "gauge",
        help: "Things to look at, as framebus top and framebus check name them.",
        value: |snapshot| Some(snapshot.findings.len() as f64),
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
        name: "framebus_consumer_resident_memory_bytes",
        kind: "gauge",
        help: "Resident memory of the consumer and what it has started, without shared memory.",
        value: |consumer| consumer.rss_bytes.map(|bytes| bytes as f64),
    },
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

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// What is not known has no line.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else {
            return;
        };
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
    }

    fn quantiles(&mut self, name: &str, labels: &[(&str, &str)], of: &Percentiles) {
        for (quantile, value) in [
            ("0.5", of.p50),
            ("0.9", of.p90),
            ("0.99", of.p99),
            ("1", of.max),
        ] {
            let labels = [labels, &[("percentile", quantile)]].concat();
            self.line(name, &labels, value.map(seconds));
        }
    }
}

/// A consumer's name is anybody's text.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        let mut page = Page::default();
        page.line("a", &[("name", "x\"} 1\n\\")], Some(2.0));
        assert_eq!(page.text, "a{name=\"x\\\"} 1\\n\\\\\"} 2\n");
    }

    #[test]
    fn counters_end_with_total_and_nothing_else_does() {
        let kinds = PRODUCER.iter().map(|metric| (metric.name, metric.kind));
        let kinds = kinds.chain(BUS.iter().map(|metric| (metric.name, metric.kind)));
        for (name, kind) in kinds.chain(CONSUMER.iter().map(|metric| (metric.name, metric.kind))) {
            assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        }
    }
}
