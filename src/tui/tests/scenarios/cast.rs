//! Who is on the bus of a scenario, and what they do. Time and processes are made up, the segment is real.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use super::script::{Action, Bus, Join};
use framebus::bus::stage::{Guest, Stage};
use framebus::bus::{BusName, ProducerOptions};
use framebus::layout::{Geometry, SegmentState};
use framebus::observe::{Usage, World};

const MS: u64 = 1_000_000;
pub(super) const SECOND: u64 = 1000 * MS;
/// When every scenario begins, on the monotonic clock, and as 2026-01-02 14:03:31 UTC.
pub(super) const BEGIN_NS: u64 = 9_000 * SECOND;
const BEGIN_WALL_NS: u64 = 1_767_362_611 * SECOND;
/// From capture to published, from published to woken, and from a death that was seen to the lease cleared.
pub(super) const COPY_NS: u64 = MS + MS / 10;
const WAKE_NS: u64 = MS / 10;
const CLEAR_NS: u64 = 2 * MS / 5;

/// A world in which nothing happens by itself.
#[derive(Debug, Clone)]
pub(super) struct Played(Arc<Mutex<Moment>>);

#[derive(Debug)]
struct Moment {
    now_ns: u64,
    processes: BTreeMap<u32, Usage>,
    shm_percent: u64,
}

impl Played {
    fn with<T>(&self, f: impl FnOnce(&mut Moment) -> T) -> T {
        f(&mut self.0.lock().expect("a lock"))
    }

    pub(super) fn go_on_to(&self, now_ns: u64) {
        self.with(|moment| moment.now_ns = moment.now_ns.max(now_ns));
    }
}

impl World for Played {
    fn monotonic_ns(&self) -> u64 {
        self.with(|moment| moment.now_ns)
    }

    fn wall_ns(&self) -> u64 {
        self.with(|moment| moment.now_ns - BEGIN_NS + BEGIN_WALL_NS)
    }

    fn refresh(&mut self, _pids: &[(u32, u64)]) {}

    fn usage(&self, pid: u32) -> Usage {
        self.with(|moment| moment.processes.get(&pid).copied().unwrap_or_default())
    }

    fn shm_usage(&self) -> Option<(u64, u64)> {
        self.with(|moment| Some((moment.shm_percent << 23, 100 << 23)))
    }
}

/// A consumer that acts by itself.
#[derive(Debug)]
struct Worker {
    busy_ns: u64,
    stopped: bool,
    /// When it had the frame that it holds, or gave back the last one.
    since_ns: u64,
}

/// The producer and the consumers of a bus.
pub(super) struct Cast {
    pub(super) name: BusName,
    pub(super) world: Played,
    stage: Option<Stage>,
    bus: Option<Bus>,
    generation: u64,
    alive: bool,
    stalled: bool,
    published_ns: u64,
    workers: BTreeMap<u8, Worker>,
    joins: u32,
}

impl Cast {
    pub(super) fn new() -> Result<Cast, String> {
        static CASTS: AtomicU32 = AtomicU32::new(0);
        let number = CASTS.fetch_add(1, Ordering::Relaxed);
        let name: BusName = format!("scenario-{}-{number}", std::process::id())
            .parse()
            .map_err(|error| format!("{error}"))?;
        let world = Played(Arc::new(Mutex::new(Moment {
            now_ns: BEGIN_NS,
            processes: BTreeMap::new(),
            shm_percent: 10,
        })));
        Ok(Cast {
            name,
            world,
            stage: None,
            bus: None,
            generation: 0,
            alive: false,
            stalled: false,
            published_ns: 0,
            workers: BTreeMap::new(),
            joins: 0,
        })
    }

    pub(super) fn now(&self) -> u64 {
        self.world.monotonic_ns()
    }

    /// Does what takes no time.
    pub(super) fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Bus(bus) => self.found(bus)?,
            Action::Restart => {
                if self.alive {
                    self.end()?;
                }
                self.start()?;
            }
            Action::Join(join) => self.join(join)?,
            Action::Take(index) => {
                if !self.attached(*index)?.take(*index, self.now()) {
                    return Err("there is no frame that it has not taken".to_owned());
                }
            }
            Action::Release(index) => {
                if !self.attached(*index)?.release(*index, self.now()) {
                    return Err("it holds no frame".to_owned());
                }
            }
            Action::Stop(index) => self.worker(*index)?.stopped = true,
            Action::Continue(index) => self.worker(*index)?.stopped = false,
            Action::Leave(index) => self.part(*index, true)?,
            Action::Die(index) => self.part(*index, false)?,
            Action::Stall => self.set_stalled(true)?,
            Action::Recover => self.set_stalled(false)?,
            Action::Kill => self.kill()?,
            Action::End => self.end()?,
            Action::Unlink => self.producer()?.unlink(),
            Action::Shm { percent } => self.world.with(|moment| moment.shm_percent = *percent),
            Action::Publish(_) | Action::Tick { .. } | Action::Expect(_) | Action::Show(_) => {
                return Err("it is not the bus that does so".to_owned());
            }
        }
        Ok(())
    }

    /// Makes the bus.
    fn found(&mut self, bus: &Bus) -> Result<(), String> {
        if self.bus.is_some() {
            return Err("there is one: restart starts it again".to_owned());
        }
        self.bus = Some(bus.clone());
        self.start()
    }

    pub(super) fn fps(&self) -> u64 {
        self.bus.as_ref().map_or(1, |bus| u64::from(bus.fps))
    }

    /// The bus with a producer that lives.
    fn producer(&self) -> Result<&Stage, String> {
        let stage = self.stage.as_ref().filter(|_| self.alive);
        stage.ok_or_else(|| "there is no producer".to_owned())
    }

    fn attached(&self, index: u8) -> Result<&Stage, String> {
        let stage = self.stage.as_ref().filter(|stage| stage.is_attached(index));
        stage.ok_or_else(|| "nobody has attached so".to_owned())
    }

    fn worker(&mut self, index: u8) -> Result<&mut Worker, String> {
        let worker = self.workers.get_mut(&index);
        worker.ok_or_else(|| "it does not act by itself".to_owned())
    }

    fn producer_pid(&self) -> u32 {
        4000 + 100 * u32::try_from(self.generation).unwrap_or(0)
    }

    fn remember_process(&self, pid: u32, cpu_percent: Option<f64>) {
        let usage = Usage {
            cpu_percent,
            rss_bytes: cpu_percent.map(|_| 48 << 20),
        };
        self.world
            .with(|moment| moment.processes.insert(pid, usage));
    }

    fn forget_process(&self, pid: u32) {
        self.world.with(|moment| moment.processes.remove(&pid));
    }

    fn start(&mut self) -> Result<(), String> {
        let bus = self.bus.clone().ok_or("there was no bus")?;
        let geometry = Geometry::new(bus.size.0, bus.size.1).ok_or("there is no such size")?;
        let mut options = ProducerOptions::new(self.name.clone(), geometry);
        options.consumers = bus.consumers;
        options.history = bus.history;
        options.nominal_fps = Some(f64::from(bus.fps));
        options.source = "/dev/video0".to_owned();
        // A new producer removes what is left of the one before; its consumers have lost theirs.
        self.workers.clear();
        let (generation, sequence) = self.stage.take().map_or((0, 0), |stage| stage.remembered());
        self.generation = generation + 1;
        let pid = self.producer_pid();
        let stage = Stage::create(options, self.generation, sequence, pid, self.now())
            .map_err(|error| error.to_string())?;
        self.remember_process(pid, bus.cpu_percent);
        self.stage = Some(stage);
        (self.alive, self.stalled) = (true, false);
        Ok(())
    }

    /// The producer ends as it should. Its consumers have the old segment until they leave.
    fn end(&mut self) -> Result<(), String> {
        let producer = self.producer()?;
        producer.set_state(SegmentState::Ended);
        producer.unlink();
        self.alive = false;
        self.forget_process(self.producer_pid());
        Ok(())
    }

    fn join(&mut self, join: &Join) -> Result<(), String> {
        let stage = self.producer()?;
        if join.index >= stage.options().consumers {
            return Err(format!("the bus has {}", stage.options().consumers));
        }
        if stage.is_attached(join.index) {
            return Err("somebody has attached so".to_owned());
        }
        let pid = 4400 + 10 * self.joins;
        let guest = Guest {
            name: &join.name,
            language: &join.language,
            pid,
            every_frame: join.every_frame,
        };
        stage.join(join.index, guest, self.now());
        self.joins += 1;
        self.remember_process(pid, join.cpu_percent);
        self.workers.remove(&join.index);
        if let Some(busy_ns) = join.busy_ns {
            let worker = Worker {
                busy_ns,
                stopped: false,
                since_ns: self.now(),
            };
            self.workers.insert(join.index, worker);
        }
        Ok(())
    }

    /// Lets a consumer go, with a good-bye or without one. A producer that lives sees it.
    fn part(&mut self, index: u8, goodbye: bool) -> Result<(), String> {
        let stage = self.attached(index)?;
        if goodbye {
            stage.detach(index);
        }
        if self.alive {
            stage.hang_up(index, self.now(), CLEAR_NS);
        }
        self.workers.remove(&index);
        Ok(())
    }

    fn set_stalled(&mut self, stalled: bool) -> Result<(), String> {
        self.producer()?.set_state(if stalled {
            SegmentState::Stalled
        } else {
            SegmentState::Running
        });
        self.stalled = stalled;
        Ok(())
    }

    /// Publishes a frame that was captured `copy_ns` ago.
    pub(super) fn publish(&mut self, copy_ns: u64) -> Result<(), String> {
        self.producer()?;
        if self.stalled {
            return Err("the source is stalled".to_owned());
        }
        self.published_ns = self.now();
        if let Some(stage) = &mut self.stage {
            stage.publish(self.published_ns - copy_ns, self.published_ns);
        }
        Ok(())
    }

    /// A producer that lives shows it.
    pub(super) fn beat(&self) {
        if let Ok(producer) = self.producer() {
            producer.beat(self.now());
        }
    }

    /// The producer gives no sign of life any more.
    fn kill(&mut self) -> Result<(), String> {
        self.producer()?.beat(self.now());
        self.alive = false;
        self.forget_process(self.producer_pid());
        Ok(())
    }

    /// Which consumer acts next, and when.
    pub(super) fn next_act(&self) -> Option<(u64, u8)> {
        let stage = self.stage.as_ref()?;
        let acts = self.workers.iter().filter_map(|(&index, worker)| {
            if worker.stopped {
                return None;
            }
            let at_ns = if stage.holds(index) {
                worker.since_ns + worker.busy_ns
            } else if stage.has_frame(index) {
                worker.since_ns.max(self.published_ns + WAKE_NS)
            } else {
                return None;
            };
            Some((at_ns.max(self.now()), index))
        });
        acts.min()
    }

    pub(super) fn work(&mut self, index: u8) {
        let now_ns = self.now();
        let Some((stage, worker)) = self.stage.as_ref().zip(self.workers.get_mut(&index)) else {
            return;
        };
        if !stage.release(index, now_ns) {
            stage.take(index, now_ns);
        }
        worker.since_ns = now_ns;
    }
}
