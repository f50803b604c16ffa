//! The published sample's own programs on a bus: `consume --seed`, and programs that are written from its description.

use std::os::unix::fs::{FileTypeExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::harness::{Done, Place, Running, until};

/// Names of a test's own.
struct Names(String);

impl Names {
    fn new(place: &Place) -> Names {
        Names(format!("{}-", place.bus))
    }

    fn memory(&self) -> PathBuf {
        Path::new("/dev/shm").join(format!("{}SharedMemory", self.0))
    }

    fn mutex(&self) -> PathBuf {
        Path::new("/tmp").join(format!("{}ARMutex.lock", self.0))
    }

    fn pipe(&self, number: u8) -> PathBuf {
        Path::new("/tmp").join(format!("{}pipe{number}", self.0))
    }

    fn all(&self) -> [PathBuf; 3] {
        [self.memory(), self.mutex(), self.pipe(0)]
    }

    /// Shares frames with two programs.
    fn share(&self, place: &Place, more: &[&str]) -> Running {
        let words = ["consume", "--seed", "2", "--seed-prefix", &self.0];
        place.start(&[&words, more].concat())
    }

    fn program(&self, words: &str) -> Running {
        let mut command = Command::new("python3");
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/seed/program.py"
            ))
            .arg(&self.0)
            .args(words.split(' '))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        Running::start(command)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        for path in self.all().into_iter().chain([self.pipe(1)]) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// What a program says at its end.
#[track_caller]
fn said(program: Running, taken: u64) -> serde_json::Value {
    let said = program.end().is(0).json();
    assert_eq!(said["taken"], taken, "{said}");
    assert_eq!((&said["torn"], &said["backwards"]), (&0.into(), &0.into()));
    said
}

/// A producer of frames of another size.
fn produce_larger(place: &Place) -> Running {
    let producer = place.start(&["produce", "pattern", "--size", "96x64"]);
    place.run(&["wait", "--timeout", "30s"]).is(0);
    producer
}

#[track_caller]
fn ended(sink: Running) -> Done {
    sink.signal(Signal::INT);
    sink.end().is(130)
}

#[test]
fn programs_of_the_sample_get_whole_frames_at_their_own_rates_and_disturb_nobody() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&["--fps", "60", "--color"]);
    let sink = names.share(&place, &[]);
    let other = place.start(&["consume", "--json", "--count", "90"]);
    let fast = names.program("0 0 60");
    let slow = names.program("1 60 12");
    let other = other.end().is(0);
    assert_eq!(other.text().lines().count(), 90);
    said(fast, 60);
    said(slow, 12);
    for path in names.all() {
        let mode = path.metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
    }
    let kind = names.pipe(1).metadata().expect("a pipe").file_type();
    assert!(kind.is_fifo());
    let snapshot = place.run(&["top", "--once", "--json"]).is(0).json();
    assert_eq!(snapshot["producer"]["starved"], 0, "{snapshot}");
    let done = ended(sink);
    let end = done.stderr.lines().last().expect("a line");
    assert!(
        end.contains("; seed: ") && !end.contains("no buffer"),
        "{end}"
    );
    assert_eq!(names.all().map(|path| path.exists()), [false; 3]);
}

#[test]
fn a_program_that_dies_with_a_buffer_and_with_the_mutex_stops_nobody() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&["--fps", "60"]);
    let sink = names.share(&place, &[]);
    let good = names.program("0 0 200");
    // More often than there are buffers.
    for mode in ["hold", "lock", "hold", "hold", "lock", "hold"] {
        let mut bad = names.program(&format!("1 0 1 {mode}"));
        assert_eq!(bad.output_line(), "holding");
        bad.kill();
    }
    said(good, 200);
    // The next one has the pipe of the dead.
    said(names.program("1 0 30"), 30);
    let done = ended(sink);
    let end = done.stderr.lines().last().expect("a line");
    assert!(end.contains(", given back "), "{end}");
}

#[test]
fn a_killed_process_leaves_names_that_the_next_one_takes_over_and_programs_go_on() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&["--fps", "60"]);
    let sink = names.share(&place, &[]);
    let staying = names.program("0 0 150 stay");
    until("a pipe", || names.pipe(0).exists());
    let mut other = names.program("1 0 1 hold");
    assert_eq!(other.output_line(), "holding");
    let again = names.share(&place, &[]);
    again.end().is(2).one_sentence("SharedMemory is in use");
    other.kill();
    sink.kill();
    assert_eq!(names.all().map(|path| path.exists()), [true; 3]);
    let sink = names.share(&place, &[]);
    let begun_again = said(staying, 150)["begun_again"].clone();
    assert!(begun_again.as_u64() > Some(0), "{begun_again}");
    sink.kill();
    // Of frames of another size there is nothing to go on with.
    let larger = Place::new();
    let _producer = produce_larger(&larger);
    let sink = names.share(&larger, &[]);
    said(names.program("1 0 5"), 5);
    sink.signal(Signal::TERM);
    sink.end().is(143);
    assert_eq!(names.all().map(|path| path.exists()), [false; 3]);
}

#[test]
fn frames_of_another_size_end_it_with_a_sentence() {
    let place = Place::new();
    let names = Names::new(&place);
    let producer = place.produce(&[]);
    let sink = names.share(&place, &["--follow", "-q"]);
    until("a mapping", || names.memory().exists());
    producer.signal(Signal::INT);
    producer.end().is(130);
    let _producer = produce_larger(&place);
    let done = sink.end().is(2);
    done.one_sentence("are now 96x64, but programs have");
    assert_eq!(names.all().map(|path| path.exists()), [false; 3]);
}

#[test]
fn a_mapping_that_a_program_cuts_short_ends_it_with_a_sentence() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&[]);
    let sink = names.share(&place, &["-q"]);
    until("a pipe", || names.pipe(1).exists());
    let memory = std::fs::File::options().write(true).open(names.memory());
    memory.expect("a file").set_len(0).expect("cut");
    let done = sink.end().is(2);
    done.one_sentence("SharedMemory was cut short by another program");
    assert_eq!(names.all().map(|path| path.exists()), [false; 3]);
}

#[test]
fn a_program_in_c_sharp_takes_frames() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&["--fps", "60"]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seed/Program.cs");
    place.sh(&format!("mcs -out:program.exe '{source}'")).is(0);
    let sink = names.share(&place, &[]);
    let program = place.sh(&format!("mono program.exe '{}' 0 30", names.0));
    assert_eq!(program.is(0).text(), "30 frames\n");
    ended(sink);
}

#[test]
fn what_has_a_name_and_is_something_else_is_left_alone() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&[]);
    let refused = |part: &str| {
        let done = names.share(&place, &["--count", "1"]).end().is(2);
        done.one_sentence(part);
    };
    let precious = place.path("precious");
    std::fs::write(&precious, "precious").expect("a file");
    symlink(&precious, names.memory()).expect("a link");
    refused("SharedMemory is not a shared-memory object; remove it");
    std::fs::remove_file(names.memory()).expect("removed");
    symlink(&precious, names.mutex()).expect("a link");
    refused("ARMutex.lock is not a file to lock; remove it");
    std::fs::remove_file(names.mutex()).expect("removed");
    std::fs::write(names.pipe(1), "precious").expect("a file");
    refused("pipe1 is not a named pipe (FIFO); remove it");
    assert_eq!(std::fs::read(names.pipe(1)).expect("a file"), b"precious");
    assert_eq!(std::fs::read(&precious).expect("a file"), b"precious");
    assert_eq!(names.all().map(|path| path.exists()), [false; 3]);
}

#[test]
fn what_belongs_to_another_user_is_refused() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&[]);
    for path in names.all() {
        if path == names.pipe(0) {
            mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).expect("a pipe");
        } else {
            std::fs::write(&path, "").expect("a file");
        }
        chown(&path, Some(31_313), None).expect("chown, which needs root");
        let done = names.share(&place, &["--count", "1"]).end().is(4);
        done.one_sentence("belongs to another user; remove it");
        std::fs::remove_file(&path).expect("it is still there");
    }
}

#[test]
fn statistics_and_json_say_what_was_copied() {
    let place = Place::new();
    let names = Names::new(&place);
    let _producer = place.produce(&["--fps", "60"]);
    let words = ["consume", "--seed", "1", "--seed-prefix", &names.0];
    let done = place.run(&[&words[..], &["--json", "--count", "3"]].concat());
    let done = done.is(0);
    let text = done.text();
    let last = text.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(
        (&last["seed"]["copied"], &last["seed"]["programs"]),
        (&3.into(), &1.into())
    );
    assert!(
        done.stderr.contains("seed: 0 of 1 programs, copied 3"),
        "{}",
        done.stderr
    );
    let log = ["--log-format", "json", "--duration", "2500ms"];
    let done = place.run(&[&words[..], &log].concat()).is(0);
    assert!(done.stderr.contains("\"seed_copied\":"), "{}", done.stderr);
}

#[test]
fn flags_that_mean_nothing_together_are_refused() {
    let place = Place::new();
    for words in [
        "--seed 0",
        "--seed 251",
        "--seed-prefix a",
        "--seed 1 --seed-prefix a/b",
        "--seed 1 --seed-prefix=",
        "--seed 1 -o a.y4m",
        "--seed 1 --exec true",
        "--seed 1 --show",
        "--seed 1 --color",
        "--seed 1 --pre 1s",
    ] {
        let args: Vec<&str> = std::iter::once("consume").chain(words.split(' ')).collect();
        let done = place.run(&args).is(2);
        assert!(!done.stderr.contains("no bus"), "{words}: {}", done.stderr);
    }
    let help = place.run(&["consume", "--help"]).is(0).text();
    assert!(help.contains("--seed <N>") && help.contains("--seed-prefix <TEXT>"));
}
