//! Takes snapshots of the buses, as `top` does, while somebody wants them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::Thread;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use framebus::bus::{BusName, Observer};
use framebus::observe::{Baseline, BusState, SCHEMA, Sampler, Snapshot, Thresholds};

/// How long the thread goes on after the last who wanted something.
const LINGER: Duration = Duration::from_secs(3);
/// From when on what was counted before says nothing.
const FORGET: Duration = Duration::from_secs(30);
/// Of how many buses is kept what was counted; of more, and of those that nobody runs, each look is the first.
const KEPT: usize = 64;
/// How long somebody waits for a round.
const PATIENCE: Duration = Duration::from_secs(10);

/// One look at all buses.
#[derive(Debug)]
pub(super) struct Round {
    taken: Instant,
    /// Whether there was one shortly before: only then there are rates.
    has_rates: bool,
    pub(super) buses: Vec<Snapshot>,
    /// All of them as JSON.
    pub(super) json: Bytes,
}

#[derive(Serialize)]
struct Listing<'a> {
    schema: u32,
    buses: &'a [Snapshot],
}

/// Takes snapshots.
#[derive(Debug)]
pub(super) struct Looker {
    rounds: watch::Receiver<Arc<Round>>,
    thread: Thread,
    interval: Duration,
}

impl Looker {
    /// Looks at these buses, or at all.
    pub(super) fn start(
        only: Vec<BusName>,
        interval: Duration,
        thresholds: Thresholds,
    ) -> io::Result<Looker> {
        let none = Round {
            taken: Instant::now(),
            has_rates: false,
            buses: Vec::new(),
            json: Bytes::new(),
        };
        let (sender, rounds) = watch::channel(Arc::new(none));
        let thread = std::thread::Builder::new()
            .name("looker".into())
            .spawn(move || {
                let mut look = Look {
                    only,
                    thresholds,
                    samplers: BTreeMap::new(),
                };
                look.run(&sender, interval);
            })?;
        Ok(Looker {
            rounds,
            thread: thread.thread().clone(),
            interval,
        })
    }

    /// All rounds from now on; while it is kept, there are some.
    pub(super) fn rounds(&self) -> watch::Receiver<Arc<Round>> {
        let rounds = self.rounds.clone();
        self.thread.unpark();
        rounds
    }

    /// A round of now, with rates.
    pub(super) async fn round(&self) -> Option<Arc<Round>> {
        let mut rounds = self.rounds();
        let oldest = self.interval * 3 / 2;
        let of_now = |round: &Arc<Round>| round.has_rates && round.taken.elapsed() < oldest;
        let round = tokio::time::timeout(PATIENCE, rounds.wait_for(of_now)).await;
        round.ok()?.ok().map(|round| Arc::clone(&round))
    }
}

struct Look {
    only: Vec<BusName>,
    thresholds: Thresholds,
    samplers: BTreeMap<BusName, Sampler>,
}

impl Look {
    /// Goes on until its server is gone.
    fn run(&mut self, rounds: &watch::Sender<Arc<Round>>, interval: Duration) {
        let mut wanted = None;
        let mut last: Option<Instant> = None;
        loop {
            // The server itself has one receiver.
            match rounds.receiver_count() {
                0 => return,
                1 => {}
                _ => wanted = Some(Instant::now()),
            }
            if wanted.is_none_or(|wanted| wanted.elapsed() > LINGER) {
                std::thread::park();
                if rounds.receiver_count() > 1 {
                    wanted = Some(Instant::now());
                }
                continue;
            }
            if last.is_none_or(|last| last.elapsed() > FORGET) {
                self.samplers.clear();
            }
            let before = last.replace(Instant::now());
            let buses = self.snapshots();
            let listing = Listing {
                schema: SCHEMA,
                buses: &buses,
            };
            let json = serde_json::to_vec(&listing).unwrap_or_default().into();
            rounds.send_replace(Arc::new(Round {
                taken: Instant::now(),
                has_rates: before.is_some_and(|before| before.elapsed() < interval * 3),
                buses,
                json,
            }));
            std::thread::sleep(interval);
        }
    }

    fn snapshots(&mut self) -> Vec<Snapshot> {
        let names = if self.only.is_empty() {
            Observer::buses()
        } else {
            self.only.clone()
        };
        self.samplers.retain(|bus, _| names.contains(bus));
        let mut snapshots = Vec::with_capacity(names.len());
        for bus in names {
            let mut sampler = self
                .samplers
                .remove(&bus)
                .unwrap_or_else(|| Sampler::new(bus.clone(), Baseline::Start, self.thresholds));
            let snapshot = sampler.sample(false);
            let dead = matches!(snapshot.state, BusState::Absent | BusState::Unreadable);
            if !dead && self.samplers.len() < KEPT {
                self.samplers.insert(bus, sampler);
            }
            snapshots.push(snapshot);
        }
        snapshots
    }
}
