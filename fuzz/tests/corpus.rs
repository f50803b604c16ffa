//! Every input of the corpus goes through its target, in a process of its own: what ended framebus once never does again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use framebus_fuzz::TARGETS;

const ASKED: &str = "FRAMEBUS_FUZZ_TARGET";

fn corpus(target: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    let entries = fs::read_dir(&directory).expect("a corpus");
    let mut inputs: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an input").path())
        .collect();
    inputs.sort();
    inputs
}

/// Plays the corpus of a target in another process, and removes what that may have left.
fn replay(target: &str) {
    let runtime = tempfile::Builder::new()
        .prefix("framebus-fuzz-")
        .tempdir_in("/tmp")
        .expect("a runtime directory");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "a_corpus_is_played_when_asked_for",
            "--nocapture",
        ])
        .env(ASKED, target)
        .env("FRAMEBUS_RUNTIME_DIR", runtime.path())
        .env("TMPDIR", runtime.path())
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    let pid = child.id();
    let status = child.wait().expect("it ends");
    for suffix in ["", ".lock", "-false", "-false.lock"] {
        let _ = fs::remove_file(format!("/dev/shm/framebus.fuzz-{pid}{suffix}"));
    }
    assert!(
        status.success(),
        "{target}: {status}; the last input that it named is the one"
    );
}

#[test]
fn a_corpus_is_played_when_asked_for() {
    if std::env::var_os(ASKED).is_none() {
        return;
    }
    let target = framebus_fuzz::target();
    for path in corpus(target.name) {
        println!("{}", path.display());
        target.run(&fs::read(path).expect("an input"));
    }
}

#[test]
fn every_target_has_a_corpus() {
    for target in TARGETS {
        assert!(!corpus(target.name).is_empty(), "{}", target.name);
    }
}

#[test]
fn no_segment_of_the_corpus_ends_an_observer_or_a_consumer() {
    replay("segment");
}

#[test]
fn nothing_of_the_corpus_that_is_said_on_a_pipe_ends_its_other_side() {
    replay("pipe");
}

#[test]
fn no_configuration_of_the_corpus_is_more_than_an_error() {
    replay("config");
}

#[test]
fn no_stream_of_the_corpus_is_more_than_an_error() {
    for target in ["y4m", "raw", "replay"] {
        replay(target);
    }
}

#[test]
fn nothing_of_the_corpus_that_another_machine_sends_is_more_than_an_error() {
    replay("bridge");
}
