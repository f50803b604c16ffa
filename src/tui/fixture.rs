//! Snapshots for tests: the bus of the mock-up in its states.

mod drawn;

pub(crate) use drawn::{coloured, gradient, picture, pictures};

use framebus::observe::*;

/// 2026-01-02 14:03:31 UTC.
const TIME_MS: u64 = 1_767_362_611_000;

/// A bus that works: four consumers, one of them slower than the camera.
pub(crate) fn live() -> Snapshot {
    let consumers = vec![
        consumer(
            0,
            "yolo",
            "py",
            4410,
            ConsumerState::Slow,
            (9.8, 33.0, 80_423),
            Some((2, 110.0)),
            (0.2, 98.0),
            187.0,
        ),
        consumer(
            1,
            "aruco",
            "cpp",
            4415,
            ConsumerState::Reading,
            (30.0, 100.0, 0),
            Some((3, 11.0)),
            (0.1, 9.0),
            22.0,
        ),
        consumer(
            2,
            "mjpeg",
            "rs",
            4502,
            ConsumerState::Waiting,
            (15.0, 50.0, 60_317),
            Some((3, 11.0)),
            (0.1, 11.0),
            9.0,
        ),
        consumer(
            3,
            "hmi",
            "cs",
            4377,
            ConsumerState::Reading,
            (30.0, 100.0, 12),
            Some((1, 8.0)),
            (0.1, 8.2),
            4.0,
        ),
    ];
    Snapshot {
        schema: SCHEMA,
        bus: "cam0".into(),
        time_ms: TIME_MS,
        monotonic_ns: 9_000_000_000_000,
        interval_s: Some(0.5),
        state: BusState::Running,
        message: None,
        segment: Some(segment()),
        producer: Some(producer()),
        slots: vec![
            slot(0, SlotState::Free, 120_633, 45.0, &[]),
            slot(1, SlotState::Held, 120_632, 79.0, &[3]),
            slot(2, SlotState::Held, 120_631, 112.0, &[0]),
            slot(3, SlotState::Latest, 120_634, 12.0, &[1, 2]),
            slot(4, SlotState::Free, 120_630, 146.0, &[]),
            Slot {
                sequence: None,
                age_ms: None,
                ..slot(5, SlotState::Writing, 0, 0.0, &[])
            },
        ],
        slots_free: 2,
        slots_free_min: Some(1),
        consumers,
        findings: vec![],
        picture: None,
    }
}

/// The same bus with one consumer that is stuck and one that died.
pub(crate) fn stuck() -> Snapshot {
    let mut now = live();
    now.slots[1] = slot(1, SlotState::Held, 117_012, 120_800.0, &[3]);
    let hmi = &mut now.consumers[3];
    (hmi.state, hmi.fps, hmi.percent_of_camera, hmi.skipped) =
        (ConsumerState::Stuck, Some(0.0), Some(0.0), 3622);
    hmi.taken = hmi.published - hmi.skipped;
    (hmi.held_ms, hmi.held_sequence, hmi.age_ms) =
        (Some(120_800.0), Some(117_012), Some(120_800.0));
    (hmi.wait_ms, hmi.busy_ms, hmi.busy_per_period) = Default::default();
    hmi.busy_histogram.clear();
    hmi.cpu_percent = Some(0.0);
    let mut qa = consumer(
        4,
        "qa",
        "py",
        4220,
        ConsumerState::Gone,
        (0.0, 0.0, 0),
        None,
        (0.0, 0.0),
        0.0,
    );
    (qa.gone, qa.cleared_after_ms, qa.since_s) = (Some("died".into()), Some(0.4), 10.0);
    (
        qa.fps,
        qa.percent_of_camera,
        qa.triggers_per_s,
        qa.age_ms,
        qa.cpu_percent,
    ) = Default::default();
    (qa.wait_ms, qa.busy_ms, qa.busy_per_period) = Default::default();
    qa.busy_histogram.clear();
    now.consumers.push(qa);
    let stuck = "3 hmi has held slot 1 for 120.8 s (3622 frames); the producer is not affected";
    let dead = "4 qa (pid 4220) died at 14:03:21; its lease was cleared after 0.4 ms";
    now.findings = vec![
        finding("stuck-consumer", Severity::Warning, Some(3), stuck),
        finding("dead-consumer", Severity::Info, Some(4), dead),
    ];
    now
}

/// The same bus after its producer was killed.
pub(crate) fn gone() -> Snapshot {
    let mut now = live();
    now.state = BusState::Gone;
    now.message = Some("the producer (pid 4101) has given no sign of life for 6.2 s".into());
    if let Some(producer) = now.producer.as_mut() {
        (producer.heartbeat_age_ms, producer.age_ms) = (6_200.0, Some(6_212.0));
        (producer.fps, producer.cpu_percent) = (Some(0.0), None);
    }
    for consumer in &mut now.consumers {
        (consumer.state, consumer.fps) = (ConsumerState::Waiting, Some(0.0));
        (consumer.slot, consumer.held_sequence, consumer.held_ms) = (None, None, None);
    }
    let text = "pid 4101 has given no sign of life for 6.2 s; start it again, or run: framebus gc";
    now.findings = vec![finding("producer-gone", Severity::Critical, None, text)];
    now
}

/// No bus.
pub(crate) fn absent() -> Snapshot {
    Snapshot {
        state: BusState::Absent,
        message: Some("waiting for bus cam0".into()),
        interval_s: None,
        segment: None,
        producer: None,
        slots: vec![],
        slots_free: 0,
        slots_free_min: None,
        consumers: vec![],
        findings: vec![],
        ..live()
    }
}

/// The same moment `seconds` later.
pub(crate) fn at(mut snapshot: Snapshot, seconds: u64) -> Snapshot {
    snapshot.time_ms += seconds * 1000;
    snapshot.monotonic_ns += seconds * 1_000_000_000;
    snapshot
}

fn percentiles(p50: f64, factor: f64) -> Percentiles {
    let at = |share: f64| Some(p50 * (1.0 + (factor - 1.0) * share));
    Percentiles {
        count: 1800,
        p50: at(0.0),
        p90: at(0.5),
        p99: at(1.0),
        max: at(1.2),
    }
}

/// A histogram of these durations in milliseconds, each so many times.
pub(crate) fn histogram(durations: &[(f64, u32)]) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (ms, count) in durations {
        let (from_ms, to_ms) = bucket_around(*ms);
        match buckets.iter_mut().find(|bucket| bucket.from_ms == from_ms) {
            Some(bucket) => bucket.count += count,
            None => buckets.push(Bucket {
                from_ms,
                to_ms,
                count: *count,
            }),
        }
    }
    buckets.sort_by(|a, b| a.from_ms.total_cmp(&b.from_ms));
    buckets
}

fn segment() -> Segment {
    Segment {
        name: "/framebus.cam0".into(),
        abi: "1.0".into(),
        generation: 3,
        epoch_ms: 1_700_000_000_000,
        bytes: 8_650_752,
        width: 1280,
        height: 720,
        format: "gray8+bgr".into(),
        planes: ["gray", "bgr"].map(plane).into(),
        max_consumers: 8,
        history: 0,
        unlinked: false,
        pipes: "/run/user/1000/framebus/cam0".into(),
    }
}

fn plane(format: &str) -> PlaneInfo {
    PlaneInfo {
        format: format.into(),
        width: 1280,
        height: 720,
        stride: if format == "bgr" { 3840 } else { 1280 },
        range: Some("full"),
        matrix: None,
        one_for_all: false,
    }
}

fn producer() -> Producer {
    Producer {
        pid: 4101,
        uid: 1000,
        source: "/dev/video0".into(),
        uptime_s: 8047.0,
        heartbeat_age_ms: 20.0,
        sequence: 120_634,
        latest_slot: Some(3),
        nominal_fps: Some(30.0),
        fps: Some(30.0),
        age_ms: Some(12.0),
        published: 120_634,
        dropped: 0,
        starved: 0,
        source_dropped: 0,
        stall_reason: None,
        interval_ms: Percentiles {
            count: 1800,
            p50: Some(33.3),
            p90: Some(33.9),
            p99: Some(34.9),
            max: Some(41.2),
        },
        copy_ms: percentiles(1.1, 2.0),
        cpu_percent: Some(14.0),
        rss_bytes: Some(42_000_000),
        lockstep: None,
    }
}

fn slot(slot: u8, state: SlotState, sequence: u64, age_ms: f64, holders: &[u8]) -> Slot {
    let references = u32::try_from(holders.len()).unwrap_or(0);
    Slot {
        slot,
        state,
        references,
        sequence: Some(sequence),
        age_ms: Some(age_ms),
        holders: holders.to_vec(),
    }
}

#[allow(clippy::too_many_arguments)]
fn consumer(
    index: u8,
    name: &str,
    language: &str,
    pid: u32,
    state: ConsumerState,
    (fps, percent, skipped): (f64, f64, u64),
    lease: Option<(u8, f64)>,
    (wait, busy): (f64, f64),
    cpu: f64,
) -> Consumer {
    Consumer {
        index,
        state,
        name: name.into(),
        language: language.into(),
        pid,
        uid: 1000,
        trigger: "eventfd".into(),
        since_s: 7_980.0,
        gone: None,
        cleared_after_ms: None,
        fps: Some(fps),
        percent_of_camera: Some(percent),
        attach_sequence: 12,
        published: 120_622,
        taken: 120_622 - skipped,
        skipped,
        missing: 0,
        pending: 0,
        last_sequence: 120_634,
        triggers: 120_622,
        triggers_per_s: Some(30.0),
        coalesced: skipped / 2,
        slot: lease.map(|(slot, _)| slot),
        held_sequence: lease.map(|(slot, _)| 120_631 + u64::from(slot)),
        held_ms: lease.map(|(_, ms)| ms),
        released: None,
        wait_ms: percentiles(wait, 5.0),
        busy_ms: percentiles(busy, 1.25),
        busy_histogram: histogram(&[
            (busy * 0.8, 12),
            (busy * 0.9, 240),
            (busy, 1020),
            (busy * 1.1, 410),
            (busy * 1.25, 96),
            (busy * 1.6, 18),
            (busy * 3.0, 4),
        ]),
        total_ms: percentiles(busy + wait + 1.1, 1.3),
        busy_per_period: Some(busy / 33.3),
        age_ms: Some(lease.map_or(12.0, |(_, ms)| ms + 2.0)),
        cpu_percent: Some(cpu),
        rss_bytes: Some(120_000_000),
    }
}

fn finding(kind: &str, severity: Severity, consumer: Option<u8>, text: &str) -> Finding {
    Finding {
        kind: kind.into(),
        severity,
        consumer,
        text: text.into(),
    }
}
