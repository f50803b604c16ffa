//! One consumer in a snapshot.

use super::process::Usage;
use super::rate::frame_rate;
use super::sampler::{Changes, Reading};
use super::snapshot::{Consumer, ConsumerState, Percentiles};
use super::window::CountWindow;
use super::world::World;
use crate::bus::Ticket;
use crate::layout::{ClaimState, ConsumerRecord, RecordState, TriggerKind, read_text};
use crate::sync::Ordering::{Acquire, Relaxed};

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;
/// How long a consumer that went is still shown.
const GONE_FOR_NS: u64 = 10_000_000_000;

/// What is remembered of a consumer.
#[derive(Debug, Default)]
pub(super) struct ConsumerMemory {
    connected_ns: u64,
    last: Option<Last>,
    wait: CountWindow,
    busy: CountWindow,
    total: CountWindow,
}

/// Counters of the snapshot before.
#[derive(Debug, Clone, Copy)]
struct Last {
    taken: u64,
    wake_ns: u64,
    triggers: u64,
    coalesced: u64,
}

/// What happened on the bus since the snapshot before.
pub(super) struct Since {
    pub(super) interval_s: Option<f64>,
    pub(super) fps: Option<f64>,
    pub(super) sequence: u64,
    pub(super) period_ms: Option<f64>,
}

impl Reading<'_> {
    pub(super) fn consumer(
        &self,
        index: u8,
        memory: &mut ConsumerMemory,
        since: &Since,
        world: &dyn World,
        changes: &mut Changes,
    ) -> Option<Consumer> {
        let regions = self.observer.regions();
        let (claim, record) = (regions.claim(index), regions.record(index));
        let connected_ns = claim.connected_ns.load(Relaxed);
        let claim_state = ClaimState::from_word(claim.state.load(Acquire));
        let record_state = record.state.load(Acquire);
        // A producer that is gone enters nobody's good-bye: the record of one who detached since still says so.
        let left = claim_state == ClaimState::Connected && record_state == RecordState::DETACHED;
        let connected = claim_state == ClaimState::Connected && !left;
        let gone_ns = if left {
            record
                .release_ns
                .load(Relaxed)
                .max(record.attach_ns.load(Relaxed))
        } else {
            claim.gone_ns.load(Relaxed)
        };
        if !connected
            && (claim_state == ClaimState::Free
                || self.now_ns.saturating_sub(gone_ns) > GONE_FOR_NS)
        {
            // Its windows are some 20 kB, and nobody may come to this index again.
            *memory = ConsumerMemory::default();
            return None;
        }
        if memory.connected_ns != connected_ns {
            *memory = ConsumerMemory {
                connected_ns,
                ..ConsumerMemory::default()
            };
        }
        let attached = connected && record_state == RecordState::ATTACHED;
        let lease = Ticket::unpack(record.lease.load(Acquire)).filter(|_| attached);
        let (taken, triggers) = (record.taken.load(Relaxed), claim.triggers.load(Relaxed));
        let wake_ns = record.wake_ns.load(Relaxed);
        // An eventfd coalesces by itself; a pipe when it is full, which the producer counts.
        let coalesced = claim.coalesced.load(Relaxed);
        let last = memory.last.replace(Last {
            taken,
            wake_ns,
            triggers,
            coalesced,
        });
        let between = last.zip(since.interval_s).filter(|_| connected);
        let fps = between.filter(|_| attached).map(|(last, seconds)| {
            frame_rate(
                taken.saturating_sub(last.taken),
                last.wake_ns,
                wake_ns,
                seconds,
            )
        });
        let share = fps.zip(since.fps).filter(|(_, published)| *published > 0.0);
        let usage = if connected {
            world.usage(claim.pid.load(Relaxed))
        } else {
            Usage::default()
        };
        changes.coalesced += last.map_or(0, |last| coalesced.saturating_sub(last.coalesced));
        let percentiles = |window: &mut CountWindow, histogram| {
            if attached {
                self.percentiles(window, histogram)
            } else {
                Percentiles::default()
            }
        };
        let wait_ms = percentiles(&mut memory.wait, &record.wait);
        let busy = attached.then(|| self.counts(&mut memory.busy, &record.busy));
        let busy_ms = busy.as_ref().map_or_else(Percentiles::default, |counts| {
            counts.percentiles(record.busy.max_ns.load(Relaxed))
        });
        let total_ms = percentiles(&mut memory.total, &record.total);
        let busy_per_period = busy_ms
            .p50
            .zip(since.period_ms)
            .map(|(busy, period)| busy / period);
        let held_ms = lease.map(|_| self.age_ms(wake_ns));
        let last_sequence = record.last_sequence.load(Relaxed);
        let state = match () {
            () if !connected => ConsumerState::Gone,
            () if !attached => ConsumerState::PipeOnly,
            () if held_ms.is_some_and(|held_ms| held_ms > self.thresholds.stuck_after_ms) => {
                ConsumerState::Stuck
            }
            () if self.is_idle(record, last_sequence, since) => ConsumerState::Idle,
            () if busy_per_period
                .is_some_and(|ratio| ratio > self.thresholds.slow_above_periods) =>
            {
                ConsumerState::Slow
            }
            () if lease.is_some() => ConsumerState::Reading,
            () => ConsumerState::Waiting,
        };
        let died = claim_state == ClaimState::Died;
        let text = |living, gone: String| if connected || left { living } else { gone };
        Some(Consumer {
            index,
            state,
            name: text(read_text(&record.name), read_text(&claim.gone_name)),
            language: text(read_text(&record.language), read_text(&claim.gone_language)),
            pid: if connected || left {
                claim.pid.load(Relaxed)
            } else {
                claim.gone_pid.load(Relaxed)
            },
            uid: claim.uid.load(Relaxed),
            trigger: TriggerKind::from_word(claim.trigger.load(Relaxed))
                .map_or("-", TriggerKind::name)
                .to_owned(),
            since_s: self
                .now_ns
                .saturating_sub(if connected { connected_ns } else { gone_ns })
                as f64
                / NS_PER_S,
            gone: (!connected).then(|| if died { "died" } else { "detached" }.to_owned()),
            cleared_after_ms: died
                .then(|| claim.cleared_ns.load(Relaxed).saturating_sub(gone_ns) as f64 / NS_PER_MS),
            fps,
            percent_of_camera: share
                .map(|(taken, published)| (100.0 * taken / published).min(100.0)),
            attach_sequence: record.attach_sequence.load(Relaxed),
            taken,
            skipped: record.skipped.load(Relaxed),
            last_sequence,
            triggers,
            triggers_per_s: between
                .map(|(last, seconds)| triggers.saturating_sub(last.triggers) as f64 / seconds),
            coalesced,
            slot: lease.map(|ticket| ticket.slot),
            held_sequence: lease.map(|ticket| ticket.sequence),
            held_ms,
            wait_ms,
            busy_ms,
            busy_histogram: busy.map_or_else(Vec::new, |counts| counts.buckets()),
            total_ms,
            busy_per_period,
            age_ms: (attached && taken > 0)
                .then(|| self.age_ms(record.last_capture_ns.load(Relaxed))),
            cpu_percent: usage.cpu_percent,
            rss_bytes: usage.rss_bytes,
        })
    }

    /// Frames have come for some time and it has taken none, and holds none.
    fn is_idle(&self, record: &ConsumerRecord, last_sequence: u64, since: &Since) -> bool {
        let quiet_since = record
            .release_ns
            .load(Relaxed)
            .max(record.attach_ns.load(Relaxed));
        since.sequence > last_sequence
            && record.lease.load(Relaxed) == Ticket::NONE
            && self.age_ms(quiet_since) > self.thresholds.stuck_after_ms
    }
}
