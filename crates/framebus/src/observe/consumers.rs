//! One consumer in a snapshot.

use super::findings::Changes;
use super::process::Usage;
use super::rate::{Bases, frame_rate};
use super::reading::Reading;
use super::snapshot::{Consumer, ConsumerState, Percentiles, Released};
use super::window::CountWindow;
use super::world::World;
use crate::layout::{ClaimState, ConsumerRecord, RecordFlags, RecordState, TriggerKind, read_text};
use crate::lease::Ticket;
use crate::sync::Ordering::{Acquire, Relaxed};

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;
/// How long a consumer that went is still shown.
const GONE_FOR_NS: u64 = 10_000_000_000;

/// What is remembered of a consumer.
#[derive(Debug, Default)]
pub(super) struct ConsumerMemory {
    connected_ns: u64,
    bases: Bases<Last>,
    /// When it released a frame last, and which, where that is known.
    released: (u64, Option<(u64, u64)>),
    wait: CountWindow,
    busy: CountWindow,
    total: CountWindow,
}

/// Counters of the snapshot before.
#[derive(Debug, Clone, Copy)]
struct Last {
    taken: u64,
    wake_ns: u64,
    lease: Option<Ticket>,
    triggers: u64,
    coalesced: u64,
}

/// What happened on the bus since the snapshot before.
pub(super) struct Since {
    pub(super) interval_s: Option<f64>,
    /// Whether rates of the next snapshot are from this one on.
    pub(super) counts: bool,
    pub(super) fps: Option<f64>,
    pub(super) sequence: u64,
    /// When the newest frame of the snapshot before was published, and that of this one.
    pub(super) published_ns: (u64, u64),
    pub(super) period_ms: Option<f64>,
}

/// What became of the frames since a consumer attached.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    published: u64,
    taken: u64,
    skipped: u64,
    missing: u64,
    last_sequence: u64,
}

impl Counted {
    const fn pending(&self) -> u64 {
        self.published
            .saturating_sub(self.taken)
            .saturating_sub(self.skipped)
    }
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
        let triggers = claim.triggers.load(Relaxed);
        let counts = self.taken_and_skipped(record, lease, attached.then_some(since.sequence));
        let (taken, wake_ns) = (counts.taken, record.wake_ns.load(Relaxed));
        // An eventfd coalesces by itself; a pipe when it is full, which the producer counts.
        let coalesced = claim.coalesced.load(Relaxed);
        let now = Last {
            taken,
            wake_ns,
            lease,
            triggers,
            coalesced,
        };
        let last = memory.bases.step(now, since.counts);
        let released = self
            .released(record, memory, lease.map(|_| (taken, last)))
            .filter(|_| attached);
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
            self.usage(world, claim.pid.load(Relaxed))
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
        let last_sequence = counts.last_sequence;
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
            published: counts.published,
            taken,
            skipped: counts.skipped,
            missing: counts.missing,
            pending: counts.pending(),
            last_sequence,
            triggers,
            triggers_per_s: between.map(|(last, seconds)| {
                let (from_ns, to_ns) = since.published_ns;
                let sent = triggers.saturating_sub(last.triggers);
                frame_rate(sent, from_ns, to_ns, seconds)
            }),
            coalesced,
            slot: lease.map(|ticket| ticket.slot),
            held_sequence: lease.map(|ticket| ticket.sequence),
            held_ms,
            released,
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

    /// Counts what has become of the frames that were published since it attached. Its record counts those that went by when it
    /// takes the next one: what goes by until then is added, up to `newest`, which was read before.
    fn taken_and_skipped(
        &self,
        record: &ConsumerRecord,
        lease: Option<Ticket>,
        newest: Option<u64>,
    ) -> Counted {
        let attach = record.attach_sequence.load(Relaxed);
        let mut counted = Counted::default();
        // It may take a frame while this is read: what belongs together adds up.
        for _ in 0..3 {
            counted = Counted {
                taken: record.taken.load(Relaxed),
                skipped: record.skipped.load(Relaxed),
                missing: record.missing.load(Relaxed),
                last_sequence: record.last_sequence.load(Relaxed),
                published: 0,
            };
            let since = [counted.taken, counted.skipped, counted.missing].into_iter();
            if since.fold(attach, u64::saturating_add) == counted.last_sequence {
                break;
            }
        }
        let last = counted.last_sequence;
        let without = attach.saturating_add(counted.missing);
        let published = |newest: u64| newest.saturating_sub(without);
        counted.published = published(last);
        let Some(newest) = newest.filter(|newest| *newest > last) else {
            return counted;
        };
        counted.published = published(newest);
        // One that it has leased and not counted yet is the next; else the newest is, or the oldest that is kept for it.
        let leased = lease
            .map(|ticket| ticket.sequence)
            .filter(|next| *next > last);
        let every_frame = record.flags.load(Relaxed) & RecordFlags::EVERY_FRAME != 0;
        let next = match leased {
            Some(next) => next.min(newest),
            None if every_frame => self.oldest_after(last).unwrap_or(newest).min(newest),
            None => newest,
        };
        counted.skipped = counted.skipped.saturating_add(next - last - 1);
        counted
    }

    /// The oldest frame in the slots that came after this one.
    fn oldest_after(&self, sequence: u64) -> Option<u64> {
        let regions = self.observer.regions();
        (0..regions.layout().slots)
            .map(|slot| regions.slot(slot).sequence.load(Acquire))
            .filter(|kept| *kept > sequence)
            .min()
    }

    /// The frame that it released last. While it holds another, that is known of one that was held at the snapshot before and
    /// released since without a third between: `holds` has what it has taken by now, and the counters of then.
    fn released(
        &self,
        record: &ConsumerRecord,
        memory: &mut ConsumerMemory,
        holds: Option<(u64, Option<Last>)>,
    ) -> Option<Released> {
        let release_ns = record.release_ns.load(Relaxed);
        if memory.released.0 != release_ns {
            let frame = match holds {
                None => Some((
                    record.last_sequence.load(Relaxed),
                    record.wake_ns.load(Relaxed),
                )),
                Some((taken, Some(last))) if taken == last.taken.saturating_add(1) => {
                    last.lease.map(|ticket| (ticket.sequence, last.wake_ns))
                }
                Some(_) => None,
            };
            let frame = frame.filter(|(_, wake_ns)| *wake_ns != 0 && *wake_ns <= release_ns);
            memory.released = (release_ns, frame);
        }
        memory.released.1.map(|(sequence, wake_ns)| Released {
            sequence,
            held_ms: (release_ns - wake_ns) as f64 / NS_PER_MS,
            ago_ms: self.age_ms(release_ns),
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
