//! Windows, and what becomes of a bus whose windows go: `--show` against X servers of the tests' own.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::harness::{Done, Place, Running, until};
use crate::screen::XServer;

const WIDTH: usize = 200;
const HEIGHT: usize = 100;

/// What the tests look for on a screen.
impl XServer {
    /// The picture in colour.
    fn has_blue(&self) -> bool {
        self.count(|blue, green, red| blue > 200 && green < 60 && red < 60) >= WIDTH * HEIGHT
    }

    /// At least two of the slots' pictures: blue in gray is dark, and the screen around it black.
    fn has_slots(&self) -> bool {
        let slot = |blue, green, red| (10..80).contains(&blue) && blue == green && green == red;
        self.count(slot) >= 2 * WIDTH * HEIGHT
    }

    /// A slot's picture with the test pattern, or a window that is still empty: nothing of the blue is as light in gray.
    fn has_pattern(&self) -> bool {
        let light = |blue, green, red| blue > 100 && blue == green && green == red;
        self.count(light) >= WIDTH * HEIGHT / 20
    }
}

/// A framebus whose standard error can be read while it runs.
struct Shown {
    running: Running,
    log: PathBuf,
}

impl Shown {
    /// A framebus with windows on `display`.
    fn start(place: &Place, args: &[&str], display: &str) -> Shown {
        Shown::start_command(place, on_display(place.framebus(args), Some(display)))
    }

    fn start_command(place: &Place, mut command: Command) -> Shown {
        let log = place.path("framebus.log");
        command.stderr(File::create(&log).expect("a file"));
        Shown {
            running: Running::start(command),
            log,
        }
    }

    fn stderr(&self) -> String {
        fs::read_to_string(&self.log).expect("its standard error")
    }

    /// Waits until something is so; one that has died will not bring it about.
    #[track_caller]
    fn until(&mut self, what: &str, mut holds: impl FnMut(&str) -> bool) {
        until(what, || {
            let ended = self.running.has_ended();
            let held = holds(&self.stderr());
            assert!(held || !ended, "ended before {what}: {}", self.stderr());
            held
        });
    }

    /// The process that has a producer's windows.
    fn viewer(&self) -> Pid {
        let pid = self.running.pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.expect("its children");
        // The other one decodes.
        let shows = |pid: &&str| {
            let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            program.ends_with("framebus-worker")
        };
        let child = children.split_whitespace().find(shows);
        let child = child.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        child.expect("a child with windows")
    }

    fn end(self) -> Done {
        let stderr = self.stderr();
        let done = self.running.end();
        let stderr = fs::read_to_string(&self.log).unwrap_or(stderr);
        Done { stderr, ..done }
    }

    #[track_caller]
    fn ends_after(self, signal: Signal, code: i32) -> Done {
        self.running.signal(signal);
        self.end().is(code)
    }
}

fn on_display(mut command: Command, display: Option<&str>) -> Command {
    // The tester's own desktop is not for tests.
    for name in [
        "DISPLAY",
        "XAUTHORITY",
        "WAYLAND_DISPLAY",
        "QT_QPA_PLATFORM",
    ] {
        command.env_remove(name);
    }
    if let Some(display) = display {
        command.env("DISPLAY", display);
    }
    command
}

/// A directory with blue footage in it, where windows can be tested.
fn place_with_footage() -> Place {
    crate::recipes::need_worker();
    let place = Place::new();
    let footage = format!(
        "ffmpeg -v error -f lavfi -i color=blue:size={WIDTH}x{HEIGHT}:rate=25 -t 1 -c:v mjpeg -y blue.avi"
    );
    place.sh(&footage).is(0);
    place
}

fn produce_blue(place: &Place) -> Running {
    let producer = place.start(&["produce", "blue.avi", "--loop", "--color"]);
    place.run(&["wait", "--timeout", "60s"]).is(0);
    producer
}

/// A producer whose windows are on the screen.
fn produce_shown(place: &Place, x: &XServer) -> Shown {
    let args = ["produce", "blue.avi", "--loop", "--show"];
    let mut producer = Shown::start(place, &args, &x.display);
    producer.until("the BGR image and slots are on the screen", |_| {
        x.has_blue() && x.has_slots()
    });
    producer
}

fn consumers(place: &Place) -> Vec<serde_json::Value> {
    let top = place.run(&["top", "--once", "--json"]).is(0).json();
    let consumers = top["consumers"].as_array().cloned().unwrap_or_default();
    let live = consumers
        .into_iter()
        .filter(|consumer| consumer["state"] != "gone");
    live.collect()
}

/// What the producer has said of its windows, and that its bus goes on.
#[track_caller]
fn goes_on_without(place: &Place, mut producer: Shown, why: &str) {
    producer.until("it says that the windows are gone", |stderr| {
        stderr.contains("the bus goes on without them")
    });
    place
        .run(&["wait", "--frames", "5", "--timeout", "60s"])
        .is(0);
    let done = producer.ends_after(Signal::TERM, 143);
    let warnings: Vec<&str> = done
        .stderr
        .lines()
        .filter(|line| line.contains("warning:"))
        .collect();
    assert_eq!(warnings.len(), 1, "{}", done.stderr);
    assert!(
        warnings[0].contains("the windows are gone: "),
        "{warnings:?}"
    );
    assert!(warnings[0].contains(why), "{warnings:?}");
    // The bus, that, and the summary.
    assert_eq!(done.stderr.lines().count(), 3, "{}", done.stderr);
    assert_eq!(place.shm_files(), [""; 0]);
}

#[test]
fn a_producer_shows_its_colour_and_its_slots() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    assert!(!x.has_blue() && !x.has_slots());
    let producer = produce_shown(&place, &x);
    let viewer = producer.viewer();
    assert!(consumers(&place).is_empty(), "its windows only observe");
    let done = producer.ends_after(Signal::TERM, 143);
    assert!(!done.stderr.contains("warning"), "{}", done.stderr);
    assert!(test_kill_process(viewer).is_err(), "the viewer is left");
    assert_eq!(place.shm_files(), [""; 0]);
}

#[test]
fn windows_do_not_outlive_a_producer_that_is_killed() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let producer = produce_shown(&place, &x);
    let viewer = producer.viewer();
    producer.running.kill();
    until("the viewer is gone", || {
        // Whoever adopts it may leave it as a zombie, which has no windows.
        let status = fs::read_to_string(format!("/proc/{}/stat", viewer.as_raw_nonzero()));
        !status.is_ok_and(|status| !status.contains(") Z "))
    });
    until("the screen is empty", || !x.has_slots());
}

#[test]
fn a_consumer_shows_its_frames() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let _producer = produce_blue(&place);
    let args = ["consume", "--show", "--color"];
    let mut consumer = Shown::start(&place, &args, &x.display);
    consumer.until("the frame is on the screen", |_| x.has_blue());
    consumer.ends_after(Signal::INT, 130);
}

#[test]
fn peek_shows_a_bus_from_outside() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let nothing = Shown::start(&place, &["peek", "--show"], &x.display);
    nothing.end().is(3).one_sentence("no bus");
    let mut producer = produce_blue(&place);
    let show = || Shown::start(&place, &["peek", "--show"], &x.display);
    let mut peek = show();
    peek.until("the bus is on the screen", |_| {
        x.has_blue() && x.has_slots()
    });
    assert!(consumers(&place).is_empty(), "it only observes");
    peek.ends_after(Signal::INT, 130);
    until("the screen is empty", || !x.has_blue());
    let mut peek = show();
    peek.until("the bus is on the screen again", |_| x.has_blue());
    // Stopped meanwhile, so that it finds a new generation and not a bus without a producer, however slow the machine is.
    peek.running.signal(Signal::STOP);
    producer.kill();
    producer = place.produce(&["--color"]);
    peek.running.signal(Signal::CONT);
    peek.until("the new generation is on the screen", |_| {
        x.has_pattern() && !x.has_blue()
    });
    producer.signal(Signal::TERM);
    producer.end().is(143);
    let done = peek.end().is(0);
    assert_eq!(done.stderr, "");
    assert_eq!(place.shm_files(), [""; 0]);
}

#[test]
fn peek_says_that_the_producer_was_lost() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let producer = produce_blue(&place);
    let mut peek = Shown::start(&place, &["peek", "--show"], &x.display);
    peek.until("the bus is on the screen", |_| x.has_blue());
    producer.kill();
    peek.end().is(3).one_sentence("was lost");
}

#[test]
fn an_x_server_that_dies_costs_a_producer_its_windows_only() {
    let place = place_with_footage();
    let mut x = XServer::start(&place);
    let producer = produce_shown(&place, &x);
    x.kill();
    let why = format!("the display {} is gone", x.display);
    goes_on_without(&place, producer, &why);
}

#[test]
fn a_viewer_that_is_killed_costs_a_producer_its_windows_only() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let producer = produce_shown(&place, &x);
    kill_process(producer.viewer(), Signal::KILL).expect("a signal");
    goes_on_without(&place, producer, "signal 9");
}

#[test]
fn a_consumer_whose_x_server_dies_says_so_and_leaves_no_lease() {
    let place = place_with_footage();
    let mut x = XServer::start(&place);
    let _producer = produce_blue(&place);
    let mut consumer = Shown::start(&place, &["consume", "--show", "--color"], &x.display);
    consumer.until("the frame is on the screen", |_| x.has_blue());
    assert_eq!(consumers(&place).len(), 1);
    x.kill();
    let done = consumer.end().is(2);
    let display = format!("the display {} is gone", x.display);
    done.one_sentence(&display);
    until("its lease is cleared", || consumers(&place).is_empty());
    let top = place.run(&["top", "--once", "--json"]).is(0).json();
    let slots = top["slots"].as_array().expect("slots");
    assert!(
        slots.iter().all(|slot| slot["references"] == 0),
        "{slots:?}"
    );
    place
        .run(&["wait", "--frames", "5", "--timeout", "60s"])
        .is(0);
}

#[test]
fn without_a_display_there_is_one_sentence_and_no_bus() {
    crate::recipes::need_worker();
    let place = Place::new();
    let shown = |args: &[&str], display| {
        Shown::start_command(&place, on_display(place.framebus(args), display)).end()
    };
    let produce = ["produce", "pattern", "--show"];
    shown(&produce, None).is(2).one_sentence("needs a display");
    let refused = shown(&produce, Some(":7654")).is(2);
    refused.one_sentence(":7654 does not answer");
    assert_eq!(place.shm_files(), [""; 0]);
    let _producer = place.produce(&[]);
    for verb in ["consume", "peek"] {
        let done = shown(&[verb, "--show"], Some(":7654")).is(2);
        done.one_sentence("does not answer");
    }
}

#[test]
fn a_display_that_refuses_is_one_sentence_and_no_bus() {
    crate::recipes::need_worker();
    let place = Place::new();
    // One cookie that opens any display, of one byte.
    let cookie = b"\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x01c";
    fs::write(place.path("cookie"), cookie).expect("a file");
    let x = XServer::start_with(&place, "-auth cookie");
    let produce = ["produce", "pattern", "--show"];
    let refused = Shown::start(&place, &produce, &x.display).end().is(2);
    refused.one_sentence("does not let this program show windows");
    assert_eq!(place.shm_files(), [""; 0]);
    let _producer = place.produce(&[]);
    let refused = Shown::start(&place, &["consume", "--show"], &x.display);
    let done = refused.end().is(2);
    done.one_sentence("does not let this program show windows");
    until("no lease is left", || consumers(&place).is_empty());
}

#[test]
fn windows_work_from_an_ipc_namespace_of_their_own() {
    let place = place_with_footage();
    let x = XServer::start(&place);
    let _producer = produce_blue(&place);
    let root = rustix::process::geteuid().is_root();
    let user = if root { "" } else { "-r" };
    let script = format!("exec unshare {user} -i framebus peek --show");
    let command = on_display(place.shell(&script), Some(&x.display));
    let mut peek = Shown::start_command(&place, command);
    peek.until("the bus is on the screen", |_| {
        x.has_blue() && x.has_slots()
    });
    peek.ends_after(Signal::TERM, 143);
}
