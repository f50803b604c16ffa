//! What this test binary does when it is started again as a process of its own: the library's user, not the command's.

use std::process::Command;
use std::time::Duration;

use framebus::bus::{AttachError, BusName, Consumer, ConsumerOptions, Frame, IndexChoice, Waited};
use framebus::bus::{FrameMeta, Producer, ProducerOptions};
use framebus::layout::{Geometry, TriggerKind};
use framebus::pump::Pacer;
use framebus::source::pattern::verify;
use framebus::source::{FrameSource, PatternSource};
use framebus::stop::Stop;
use serde_json::{Value, json};

use crate::harness::{Bus, Finished, Process};

const ROLE: &str = "FRAMEBUS_IT_ROLE";
/// What a taker says at once of a frame that is not whole.
pub(crate) const TORN: &str = "torn:";
/// What it says of one that is not newer than the one before: sequence and time of publishing of both.
pub(crate) const BACKWARDS: &str = "backwards:";

/// A process that takes frames with the library and proves each of them whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) index: u8,
    pub(crate) trigger: &'static str,
    pub(crate) every_frame: bool,
    /// Attach again when the producer ends or dies.
    pub(crate) follow: bool,
    /// Hold each frame for so long, and prove it once more.
    pub(crate) hold_ms: u64,
    /// Take the first index that is free, or will be, and say now and then how many frames were proved.
    pub(crate) any_index: bool,
}

impl Default for Taker {
    fn default() -> Taker {
        Taker {
            index: 0,
            trigger: "eventfd",
            every_frame: false,
            follow: false,
            hold_ms: 0,
            any_index: false,
        }
    }
}

impl Taker {
    /// Starts it. It ends with the stream, or with SIGTERM.
    pub(crate) fn start(self, bus: &Bus) -> Process {
        play(
            bus,
            &json!({
                "index": self.index, "trigger": self.trigger, "every_frame": self.every_frame,
                "follow": self.follow, "hold_ms": self.hold_ms, "any_index": self.any_index,
            }),
        )
    }

    /// Starts one that takes every frame in order, beside which something happens that must cost it none.
    pub(crate) fn steady(bus: &Bus, index: u8) -> Process {
        Taker {
            index,
            every_frame: true,
            ..Taker::default()
        }
        .start_taking(bus)
    }

    /// Starts it and waits until it is attached and has had a frame.
    pub(crate) fn start_taking(self, bus: &Bus) -> Process {
        let process = self.start(bus);
        bus.attached(self.index, &process);
        crate::harness::until("a frame is taken", || {
            // Between two sizes there is no segment for a moment.
            bus.try_segment()
                .is_some_and(|segment| segment.record(self.index, "taken") > 0)
        });
        process
    }
}

/// Starts a process whose frames change their size after so many; it ends with SIGTERM. Waits for its first frame.
pub(crate) fn start_resizing(bus: &Bus, every: u64) -> Process {
    let process = play_resizing(bus, every, 4);
    let pid = u64::from(process.pid());
    crate::harness::until("the first frame is published", || {
        bus.try_segment().is_some_and(|segment| {
            segment.header("producer_pid") == pid && segment.header("published") > 0
        })
    });
    process
}

/// As [`start_resizing`], for so many consumers, without waiting.
pub(crate) fn play_resizing(bus: &Bus, every: u64, consumers: u8) -> Process {
    play(
        bus,
        &json!({ "resize_every": every, "consumers": consumers }),
    )
}

/// Starts this program again in a role.
fn play(bus: &Bus, role: &Value) -> Process {
    let program = std::env::current_exe().expect("this program");
    let mut command: Command = bus.command(program);
    command
        .args([
            "--exact",
            "roles::a_role_is_played_when_asked_for",
            "--nocapture",
        ])
        .env(ROLE, role.to_string());
    Process::spawn(command)
}

/// What a taker says at its end.
#[derive(Debug)]
pub(crate) struct Report(Value);

impl Report {
    /// Reads it, and checks what must always hold: no frame torn, sequences strictly increasing, none unaccounted for.
    pub(crate) fn of(finished: &Finished) -> Report {
        let report = Report::of_buses(finished);
        assert_eq!(report.number("backwards"), 0, "{finished:?}");
        report
    }

    /// As [`Report::of`], where the bus may have begun anew, with its sequences.
    pub(crate) fn of_buses(finished: &Finished) -> Report {
        let report = finished.json().pop();
        let report = Report(report.unwrap_or_else(|| panic!("no report: {finished:?}")));
        assert_eq!(report.number("torn"), 0, "{finished:?}");
        assert_eq!(report.number("unaccounted"), 0, "{finished:?}");
        report
    }

    pub(crate) fn number(&self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} in {}", self.0))
    }

    pub(crate) fn end(&self) -> &str {
        self.0["end"].as_str().unwrap_or_default()
    }
}

#[test]
fn a_role_is_played_when_asked_for() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let role: Value = serde_json::from_str(&role).expect("a role");
    if role["resize_every"].is_u64() {
        resize(&role);
    } else {
        let report = Run::new(&role).run();
        println!("\n{report}");
    }
    std::process::exit(0);
}

/// Publishes test pictures whose size changes again and again, until SIGTERM.
fn resize(role: &Value) {
    let stop = Stop::on_signals().expect("signals");
    let every = role["resize_every"].as_u64().expect("a number");
    let consumers = role["consumers"].as_u64().expect("a number");
    let options = |geometry| {
        ProducerOptions::new(own_bus(), geometry)
            .consumers(u8::try_from(consumers).expect("so many"))
            .history(60)
    };
    let sizes = [(160, 120), (64, 48), (333, 77)]
        .map(|(width, height)| Geometry::new(width, height).expect("a size"));
    let mut producer = Producer::create(options(sizes[0])).expect("a bus");
    let mut pacer = Pacer::new(Some(200.0));
    for size in sizes.into_iter().cycle() {
        if producer.options().geometry != size {
            producer
                .renew(options(size).frames())
                .expect("another generation");
        }
        let mut source = PatternSource::new(size, None);
        for source_frame in 0..every {
            if pacer.wait(&stop) {
                return;
            }
            source.wait(&stop).expect("a frame");
            let mut claim = producer.claim().expect("a whole bus").expect("a slot");
            source.fill(&mut claim.target()).expect("filled");
            claim.publish(FrameMeta {
                source_frame,
                ..FrameMeta::default()
            });
        }
    }
}

fn own_bus() -> BusName {
    let name = std::env::var("FRAMEBUS_BUS").expect("a bus");
    name.parse().expect("a bus name")
}

/// A taker at work.
struct Run {
    options: ConsumerOptions,
    follow: bool,
    hold: Duration,
    /// Say how many frames were proved after each so many.
    tell_every: Option<u64>,
    stop: Stop,
    attachments: u64,
    proved: u64,
    taken: u64,
    skipped: u64,
    torn: u64,
    backwards: u64,
    unaccounted: u64,
    last_sequence: u64,
    last_publish_ns: u64,
}

impl Run {
    fn new(role: &Value) -> Run {
        let index = role["index"]
            .as_u64()
            .and_then(|index| u8::try_from(index).ok());
        let trigger = match role["trigger"].as_str() {
            Some("pipe") => TriggerKind::Pipe,
            Some("spin") => TriggerKind::Spin,
            _ => TriggerKind::Eventfd,
        };
        Run {
            options: ConsumerOptions::new(own_bus())
                .index(match role["any_index"] == true {
                    true => IndexChoice::Any,
                    false => IndexChoice::Index(index.expect("an index")),
                })
                .trigger(trigger)
                .every_frame(role["every_frame"] == true)
                .name("taker"),
            follow: role["follow"] == true,
            hold: Duration::from_millis(role["hold_ms"].as_u64().unwrap_or(0)),
            tell_every: (role["any_index"] == true).then_some(5),
            stop: Stop::on_signals().expect("signals"),
            attachments: 0,
            proved: 0,
            taken: 0,
            skipped: 0,
            torn: 0,
            backwards: 0,
            unaccounted: 0,
            last_sequence: 0,
            last_publish_ns: 0,
        }
    }

    fn run(mut self) -> Value {
        let end = loop {
            let options = self
                .options
                .clone()
                .resume_from((self.attachments > 0).then_some(self.last_sequence), None);
            let consumer = match Consumer::attach(options, None, &self.stop, |_| {}) {
                Ok(consumer) => consumer,
                Err(AttachError::Stopped { .. }) => break "stopped",
                // Whoever had it is dead, and its producer has not noticed yet.
                Err(AttachError::AllInUse { .. }) if self.follow => {
                    let _ = self.stop.sleep(Duration::from_millis(5));
                    continue;
                }
                Err(error) => panic!("{error}"),
            };
            self.attachments += 1;
            let end = self.take(consumer);
            if end == "stopped" || !self.follow {
                break end;
            }
        };
        json!({
            "end": end, "attachments": self.attachments, "taken": self.taken, "skipped": self.skipped,
            "torn": self.torn, "backwards": self.backwards, "unaccounted": self.unaccounted,
            "last_sequence": self.last_sequence, "proved": self.proved,
        })
    }

    fn take(&mut self, mut consumer: Consumer) -> &'static str {
        let end = loop {
            match consumer.wait(None).expect("a wait") {
                Waited::Frame => {
                    if let Some(frame) = consumer.acquire() {
                        self.check(&frame);
                    }
                }
                Waited::Renewed | Waited::TimedOut => {}
                Waited::Ended => break "ended",
                Waited::Lost => break "lost",
                Waited::Stopped => break "stopped",
            }
        };
        let stats = consumer.stats();
        self.taken += stats.taken;
        self.skipped += stats.skipped;
        let accounted = stats.attach_sequence + stats.taken + stats.skipped;
        self.unaccounted += stats.last_sequence.abs_diff(accounted);
        end
    }

    fn check(&mut self, frame: &Frame<'_>) {
        let info = *frame.info();
        if info.sequence <= self.last_sequence {
            self.backwards += 1;
            // Whoever started it may know that the bus began anew meanwhile.
            let (last, then) = (self.last_sequence, self.last_publish_ns);
            let (sequence, now) = (info.sequence, info.publish_ns);
            eprintln!("{BACKWARDS} {last} {then} {sequence} {now}");
        }
        self.last_sequence = info.sequence;
        self.last_publish_ns = info.publish_ns;
        self.proved += 1;
        if self
            .tell_every
            .is_some_and(|every| self.proved.is_multiple_of(every))
        {
            println!("{{\"proved\":{}}}", self.proved);
        }
        for look in 0..2 {
            let verified = verify(frame.geometry(), frame.gray().unwrap_or_default());
            if verified != Ok(info.source_frame) {
                self.torn += 1;
                eprintln!("{TORN} look {look} at {info:?}: {verified:?}");
            }
            if self.hold.is_zero() {
                break;
            }
            if look == 0 {
                let _ = self.stop.sleep(self.hold);
            }
        }
    }
}
