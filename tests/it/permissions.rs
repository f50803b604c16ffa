//! Users, groups and machines that say no. These need root, as CI has it, and fail without it: what is not tested is broken.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use framebus::layout::TriggerKind;

use crate::harness::{Bus, Exit, FRAMEBUS, Finished, LIVELY, Process, until};

/// A user that is nobody on this machine, and different for every run of these tests.
fn stranger() -> u32 {
    4_000_000 + std::process::id() % 1_000_000
}

/// A copy of the program where everybody can start it, in a directory beside the bus's sockets.
fn public_program(bus: &Bus) -> PathBuf {
    make_public(bus.runtime());
    let program = bus.runtime().join("framebus-public");
    fs::copy(FRAMEBUS, &program).expect("a copy of the program");
    make_public(&program);
    program
}

fn make_public(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("mode bits");
}

/// Runs the program as another user and group.
fn run_as(bus: &Bus, uid: u32, gid: u32, program: &Path, args: &[&str]) -> Finished {
    let mut command = bus.command("setpriv");
    command
        .args([format!("--reuid={uid}"), format!("--regid={gid}")])
        .arg("--clear-groups")
        .arg(program)
        .args(args);
    Process::spawn(command).wait()
}

fn refused(run: &Finished, code: i32, words: &str) {
    assert_eq!(run.exit, Exit::Code(code), "{run:?}");
    assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// Runs a script in a mount namespace of its own.
fn run_apart(bus: &Bus, script: &str) -> Finished {
    let mut command = bus.command("unshare");
    command.args(["-m", "sh", "-c", script]);
    let run = Process::spawn(command).wait();
    assert!(
        !run.stderr.contains("unshare"),
        "unshare is not permitted: {}",
        run.stderr
    );
    assert!(
        !run.stderr.contains("mount:"),
        "mount is not permitted: {}",
        run.stderr
    );
    run
}

#[test]
fn another_user_may_not_consume_unless_the_mode_lets_it() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let (uid, gid) = (stranger(), stranger());
    let consume: &[&str] = &["-q", "consume", "--count", "2", "--timeout", "20s"];
    let producer = bus.produce(LIVELY);
    let run = run_as(&bus, uid, gid, &program, consume);
    refused(&run, 4, "no permission for the segment of bus");
    for look in [&["top", "--once"][..], &["top", "--once", "--json"]] {
        let run = run_as(&bus, uid, gid, &program, look);
        assert_eq!(run.exit, Exit::Code(4), "{run:?}");
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(text.contains("no permission"), "{text}");
        assert!(!text.contains("layout-mismatch"), "{text}");
    }
    producer.end(Signal::INT);

    let open = bus.produce(&["--mode", "0666", "--size", "64x48"]);
    let run = run_as(&bus, uid, gid, &program, consume);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    open.end(Signal::INT);

    let group = (gid + 7).to_string();
    let grouped = bus.produce(&["--mode", "0660", "--group", &group, "--size", "64x48"]);
    let run = run_as(&bus, uid, gid, &program, consume);
    refused(&run, 4, "no permission for the segment of bus");
    let run = run_as(&bus, uid, gid + 7, &program, consume);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    grouped.end(Signal::INT);
    fs::remove_file(program).expect("removed");
    bus.assert_nothing_left();
}

/// An eventfd's O_NONBLOCK belongs to both ends: a stranger could stop the camera with it.
#[test]
fn another_user_is_woken_by_its_pipe_and_not_by_an_eventfd() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let (uid, gid) = (stranger(), stranger());
    let producer = bus.produce(&["--mode", "0666", "--size", "64x48"]);
    let mut command = bus.command("setpriv");
    command
        .args([format!("--reuid={uid}"), format!("--regid={gid}")])
        .arg("--clear-groups")
        .arg(&program)
        .args(["-q", "consume", "-i", "0", "--trigger", "eventfd"]);
    let stranger = Process::spawn(command);
    let own = bus.consume(&["-i", "1", "--trigger", "eventfd"]);
    let segment = bus.segment();
    until("both take frames", || {
        (0..2).all(|index| segment.record(index, "taken") > 3)
    });
    let triggers = [0, 1].map(|index| segment.claim(index, "trigger"));
    assert_eq!(
        triggers,
        [TriggerKind::Pipe as u64, TriggerKind::Eventfd as u64]
    );
    stranger.end(Signal::TERM);
    own.end(Signal::TERM);
    producer.end(Signal::INT);
}

#[test]
fn pipes_in_a_private_directory_are_denied_not_absent() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let private = tempfile::tempdir_in("/tmp").expect("a private directory");
    fs::set_permissions(private.path(), fs::Permissions::from_mode(0o700)).expect("mode bits");
    let mut command = bus.framebus(&["produce", "--mode", "0666", "--duration", "1h"]);
    command.env("FRAMEBUS_RUNTIME_DIR", private.path());
    let producer = Process::spawn(command);
    crate::harness::until("the bus is there", || bus.try_segment().is_some());
    let args = &["-q", "consume", "--timeout", "20s"];
    let run = run_as(&bus, stranger(), stranger(), &program, args);
    refused(&run, 4, "no permission for the named pipe");
    producer.end(Signal::INT);
}

#[test]
fn another_users_bus_is_not_taken_over() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let producer = bus.produce(LIVELY);
    let run = run_as(&bus, stranger(), stranger(), &program, &["-q", "produce"]);
    refused(&run, 4, "belongs to user 0: choose another name with --bus");
    producer.end(Signal::KILL);
    let run = run_as(&bus, stranger(), stranger(), &program, &["-q", "produce"]);
    refused(&run, 4, "belongs to user 0: choose another name with --bus");
}

#[test]
fn a_segment_that_is_not_its_producers_is_not_trusted() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    chown(bus.segment_path(), Some(stranger()), None).expect("chown, which needs root");
    let run = bus.run(&["-q", "consume", "--timeout", "20s"]);
    refused(&run, 4, "it is not trusted");
    assert!(
        run.stderr
            .contains(&format!("belongs to user {}", stranger()))
    );
}

/// A path that is gone after the test, however that ends.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_runtime_directory_of_somebody_else_is_refused() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let uid = stranger() + 1;
    let default = PathBuf::from(format!("/tmp/framebus-{uid}"));
    let _removed = Removed(default.clone());
    let produce = |words: &str| {
        let mut command = bus.command("setpriv");
        command
            .args([format!("--reuid={uid}"), format!("--regid={uid}")])
            .arg("--clear-groups")
            .arg(&program)
            .args(["-q", "produce"])
            .env_remove("FRAMEBUS_RUNTIME_DIR")
            .env_remove("XDG_RUNTIME_DIR");
        refused(&Process::spawn(command).wait(), 4, words);
    };
    fs::create_dir(&default).expect("a directory of root's");
    produce("belongs to user 0: remove it, or set FRAMEBUS_RUNTIME_DIR");
    fs::remove_dir(&default).expect("removed");
    // A link to a directory of one's own is as bad: whoever made the link can turn it.
    let own = tempfile::tempdir_in("/tmp").expect("a directory");
    chown(own.path(), Some(uid), None).expect("chown, which needs root");
    std::os::unix::fs::symlink(own.path(), &default).expect("a link");
    produce("belongs to user 0: remove it, or set FRAMEBUS_RUNTIME_DIR");
    fs::remove_file(&default).expect("removed");
    assert!(!bus.segment_path().exists() && !bus.lock_path().exists());
}

#[test]
fn a_runtime_directory_that_may_not_be_written_is_exit_code_4() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let run = run_as(&bus, stranger(), stranger(), &program, &["-q", "produce"]);
    refused(&run, 4, "the runtime directory");
    fs::remove_file(program).expect("removed");
    bus.assert_nothing_left();
}

#[test]
fn a_dev_shm_that_is_too_small_is_said_with_both_numbers() {
    let bus = Bus::new();
    let script = format!(
        "mount -t tmpfs -o size=1m tmpfs /dev/shm && {FRAMEBUS} -q produce pattern --size 1920x1080; \
         code=$?; ls -A /dev/shm; exit $code"
    );
    let run = run_apart(&bus, &script);
    refused(&run, 2, "of shared memory and /dev/shm has");
    assert!(run.stdout.is_empty(), "something is left: {run:?}");
    bus.assert_nothing_left();
}

#[test]
fn a_dead_bus_makes_room_for_the_next_one() {
    let bus = Bus::new();
    // 4 records, 6 gray images of 128 KiB and one in colour of 256 KiB: 1.3 MB, of which two do not fit.
    let produce = format!("{FRAMEBUS} -q produce pattern --size 320x240 --fps 0");
    let script = format!(
        "mount -t tmpfs -o size=2m tmpfs /dev/shm && \
         {{ {produce} & pid=$!; while [ ! -s /dev/shm/framebus.{bus} ]; do sleep 0.01; done; kill -9 $pid; wait $pid; [ $? = 137 ]; }} && \
         {produce} --count 10; code=$?; ls -A /dev/shm; exit $code",
        bus = bus.name()
    );
    let run = run_apart(&bus, &script);
    assert_eq!(run.exit, Exit::Code(0), "{run:?}");
    assert!(run.stdout.is_empty(), "something is left: {run:?}");
}

#[test]
fn a_dev_shm_that_may_not_be_written_is_exit_code_4() {
    let bus = Bus::new();
    let program = public_program(&bus);
    let uid = stranger();
    let script = format!(
        "mount -t tmpfs -o mode=755 tmpfs /dev/shm && \
         exec setpriv --reuid={uid} --regid={uid} --clear-groups {} -q produce",
        program.display()
    );
    let run = run_apart(&bus, &script);
    refused(&run, 4, "ermission denied");
}
