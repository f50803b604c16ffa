//! What other users plant in /dev/shm and in shared runtime directories: never followed, never believed, never removed
//! for them. These need root, as CI has it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::{
    Bus, Exit, FRAMEBUS, Field, Finished, HEADER, LIVELY, Process, fields, until,
};

/// A user that is nobody on this machine, and different for every run of these tests.
fn stranger() -> u32 {
    5_000_000 + std::process::id() % 1_000_000
}

fn field(name: &str) -> &'static Field {
    let header = fields().iter().filter(|field| field.structure == HEADER);
    let mut named = header.filter(|field| field.name == name);
    named.next().expect("a field of the header")
}

/// Plants a copy of a bus's segment whose header says that its pipes are in `pipes`.
fn plant(from: &Bus, to: &Bus, pipes: &Path, owner: Option<u32>) {
    let mut bytes = fs::read(from.segment_path()).expect("a segment");
    let header = 512;
    let mut write = |name: &str, value: &[u8]| {
        let field = field(name);
        let at = header + field.offset as usize;
        bytes[at..at + field.len].fill(0);
        bytes[at..at + value.len()].copy_from_slice(value);
    };
    write("pipes", pipes.as_os_str().as_encoded_bytes());
    write("producer_pid", &999_999_u32.to_le_bytes());
    write("producer_uid", &owner.unwrap_or(0).to_le_bytes());
    fs::write(to.segment_path(), bytes).expect("planted");
    if let Some(owner) = owner {
        chown(to.segment_path(), Some(owner), None).expect("chown, which needs root");
    }
}

/// A link that is called like the directory of a bus's pipes.
fn link_to_pipes(of: &Bus, called: &Bus, place: &Path) -> PathBuf {
    let directory = place.join("framebus");
    fs::create_dir_all(&directory).expect("a directory");
    let link = directory.join(called.name());
    let pipes = of.pipe(0);
    symlink(pipes.parent().expect("a directory"), &link).expect("a link");
    link
}

#[test]
fn gc_does_not_follow_a_strangers_segment_to_anothers_pipes() {
    let victim = Bus::new();
    let producer = victim.produce(LIVELY);
    let planted = Bus::new();
    let place = tempfile::tempdir_in("/tmp").expect("a directory");
    let link = link_to_pipes(&victim, &planted, place.path());
    plant(&victim, &planted, &link, Some(stranger()));
    let run = victim.run(&["gc", "-b", planted.name()]);
    assert_eq!(run.exit, Exit::Code(4), "{run:?}");
    let words = format!("belongs to user {}", stranger());
    assert!(run.stderr.contains(&words), "{}", run.stderr);
    assert!(planted.segment_path().exists());
    assert!((0..4).all(|index| victim.pipe(index).exists()), "{run:?}");
    let run = victim.run(&["-q", "consume", "--count", "1", "--timeout", "20s"]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    producer.end(Signal::INT);
}

/// Not even when the segment is this user's and nobody listens at the end of the link.
#[test]
fn gc_removes_nothing_through_a_link() {
    let victim = Bus::new();
    victim.produce(LIVELY).end(Signal::KILL);
    let planted = Bus::new();
    let place = tempfile::tempdir_in("/tmp").expect("a directory");
    let link = link_to_pipes(&victim, &planted, place.path());
    plant(&victim, &planted, &link, None);
    let run = victim.run(&["gc", "-b", planted.name()]);
    assert_eq!(run.exit, Exit::Code(0), "{run:?}");
    assert!(!planted.segment_path().exists(), "{run:?}");
    assert!((0..4).all(|index| victim.pipe(index).exists()), "{run:?}");
    assert!(link.is_symlink());
    // Where no link leads to it, it is removed.
    let run = victim.run(&["gc", "-b", victim.name()]);
    assert_eq!(run.exit, Exit::Code(0), "{run:?}");
    victim.assert_nothing_left();
}

fn produce_in(bus: &Bus, runtime: &Path) -> Finished {
    let mut command = bus.framebus(&["-q", "produce", "--size", "64x48", "--count", "1"]);
    command.env("FRAMEBUS_RUNTIME_DIR", runtime);
    Process::spawn(command).wait()
}

fn refused(run: &Finished, words: &str) {
    assert_eq!(run.exit, Exit::Code(4), "{run:?}");
    assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

/// A shared runtime directory, as the package's /run/framebus: what is in it is anybody's of the group.
struct Shared {
    bus: Bus,
    buses: PathBuf,
    /// A directory of root's that is not to be touched.
    victim: tempfile::TempDir,
}

impl Shared {
    fn new(mode: u32) -> Shared {
        let bus = Bus::new();
        let buses = bus.runtime().join("framebus");
        fs::create_dir(&buses).expect("a directory");
        fs::set_permissions(&buses, fs::Permissions::from_mode(mode)).expect("mode bits");
        let victim = tempfile::tempdir_in("/tmp").expect("a directory");
        fs::set_permissions(victim.path(), fs::Permissions::from_mode(0o755)).expect("mode bits");
        Shared { bus, buses, victim }
    }

    fn assert_refused(&self, words: &str) {
        refused(&produce_in(&self.bus, self.bus.runtime()), words);
        let mode = fs::metadata(self.victim.path())
            .expect("a directory")
            .mode();
        assert_eq!(mode & 0o777, 0o755, "the victim's mode is as it was");
        let mut inside = fs::read_dir(self.victim.path()).expect("a directory");
        assert!(inside.next().is_none(), "nothing was put into it");
        assert!(!self.bus.segment_path().exists() && !self.bus.lock_path().exists());
    }
}

#[test]
fn a_planted_link_in_a_shared_runtime_directory_is_refused() {
    let shared = Shared::new(0o1775);
    symlink(shared.victim.path(), shared.buses.join(shared.bus.name())).expect("a link");
    shared.assert_refused("is a symbolic link: remove it, or set FRAMEBUS_RUNTIME_DIR");
}

#[test]
fn a_strangers_directory_in_a_shared_runtime_directory_is_refused() {
    let shared = Shared::new(0o1775);
    let planted = shared.buses.join(shared.bus.name());
    fs::create_dir(&planted).expect("a directory");
    chown(&planted, Some(stranger()), None).expect("chown, which needs root");
    shared.assert_refused(&format!("belongs to user {}", stranger()));
}

#[test]
fn a_directory_of_buses_that_anybody_may_have_made_is_refused() {
    let shared = Shared::new(0o755);
    chown(&shared.buses, Some(stranger()), None).expect("chown, which needs root");
    // Only root can have put it where it is: it is root's choice, as the package's is.
    let run = produce_in(&shared.bus, shared.bus.runtime());
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    let runtime = shared.bus.runtime();
    fs::create_dir_all(&shared.buses).expect("a directory");
    chown(&shared.buses, Some(stranger()), None).expect("chown, which needs root");
    fs::set_permissions(runtime, fs::Permissions::from_mode(0o1777)).expect("mode bits");
    shared.assert_refused(&format!("belongs to user {}", stranger()));
    fs::remove_dir(&shared.buses).expect("removed");
    symlink(shared.victim.path(), &shared.buses).expect("a link");
    shared.assert_refused("is a symbolic link");
}

#[test]
fn a_directory_of_buses_where_others_may_replace_them_is_refused() {
    let shared = Shared::new(0o775);
    shared.assert_refused("run chmod +t on it");
}

#[test]
fn a_link_in_the_place_of_the_lock_is_refused_and_not_written_through() {
    let bus = Bus::new();
    let precious = bus.runtime().join("precious");
    fs::write(&precious, "precious").expect("written");
    symlink(&precious, bus.lock_path()).expect("a link");
    let run = bus.run(&["-q", "produce", "--count", "1"]);
    assert_eq!(run.exit, Exit::Code(2), "{run:?}");
    assert!(
        run.stderr.contains("is not a file: remove it"),
        "{}",
        run.stderr
    );
    bus.run(&["gc", "-b", bus.name()]);
    assert_eq!(fs::read_to_string(&precious).expect("text"), "precious");
}

#[test]
fn a_lock_of_somebody_else_is_not_used_also_by_root() {
    let bus = Bus::new();
    fs::write(bus.lock_path(), "1 1\n").expect("written");
    fs::set_permissions(bus.lock_path(), fs::Permissions::from_mode(0o666)).expect("mode bits");
    chown(bus.lock_path(), Some(stranger()), None).expect("chown, which needs root");
    refused(
        &bus.run(&["-q", "produce", "--count", "1"]),
        &format!("belongs to user {}", stranger()),
    );
}

#[test]
fn who_may_not_use_a_bus_cannot_lock_it() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let uid = stranger();
    let mut command = bus.command("setpriv");
    command
        .args([format!("--reuid={uid}"), format!("--regid={uid}")])
        .args(["--clear-groups", "flock", "--nonblock"])
        .arg(bus.lock_path())
        .arg("true");
    let run = Process::spawn(command).wait();
    assert!(run.stderr.contains("Permission denied"), "{run:?}");
    producer.end(Signal::INT);
    let producer = bus.produce(&["--mode", "0640", "--size", "64x48"]);
    let mode = fs::metadata(bus.lock_path()).expect("a file").mode();
    assert_eq!(mode & 0o777, 0o640, "the lock's mode is the bus's");
    producer.end(Signal::INT);
}

#[test]
fn who_holds_the_lock_of_a_dead_producer_is_named() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let dead = producer.pid();
    producer.end(Signal::KILL);
    let mut command = bus.command("flock");
    command
        .arg("--no-fork")
        .arg(bus.lock_path())
        .args(["sleep", "1h"]);
    let holder = Process::spawn(command);
    let named = format!("pid {}, which is no producer of it", holder.pid());
    until("the lock is held", || {
        bus.run(&["gc", "-b", bus.name(), "-n"])
            .stderr
            .contains(&named)
    });
    let run = bus.run(&["-q", "produce", "--count", "1"]);
    assert_eq!(run.exit, Exit::Code(2), "{run:?}");
    let all = [
        named.clone(),
        format!("that was pid {dead}"),
        "is held by".to_owned(),
    ];
    assert!(
        all.iter().all(|words| run.stderr.contains(words)),
        "{}",
        run.stderr
    );
    let gc = bus.run(&["gc", "-b", bus.name()]);
    assert_eq!(gc.exit, Exit::Code(2), "{gc:?}");
    assert!(gc.stderr.contains(&named), "{}", gc.stderr);
    // As while the next producer has the lock and has not replaced the segment yet.
    let wait = bus.run(&["wait", "--timeout", "100ms"]);
    assert_eq!(wait.exit, Exit::Code(1), "{wait:?}");
    assert!(wait.stderr.contains("has exited"), "{}", wait.stderr);
    let doctor = bus.run(&["doctor", "--size", "64x48"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        text.contains(&format!("kill {} && framebus gc", holder.pid())),
        "{text}"
    );
    drop(holder);
    let run = bus.run(&["-q", "produce", "--size", "64x48", "--count", "1"]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    bus.assert_nothing_left();
}

/// Its number in the segment is another one than out here.
#[test]
fn a_producer_in_another_container_is_no_stranger_to_its_lock() {
    let bus = Bus::new();
    let mut command = bus.command("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", FRAMEBUS]);
    command.args(["-q", "produce", "--size", "64x48", "--duration", "1h"]);
    let container = Process::spawn(command);
    until("the bus is there", || bus.try_segment().is_some());
    assert_ne!(
        bus.segment().header("producer_pid"),
        u64::from(container.pid())
    );
    let run = bus.run(&["-q", "produce", "--count", "1"]);
    assert_eq!(run.exit, Exit::Code(2), "{run:?}");
    assert!(
        run.stderr.contains("already has a producer"),
        "{}",
        run.stderr
    );
    let gc = bus.run(&["gc", "-b", bus.name()]);
    assert_eq!(gc.exit, Exit::Code(0), "{gc:?}");
    assert!(gc.stdout.is_empty(), "{gc:?}");
    drop(container);
    until("the kernel has freed the lock", || {
        !bus.run(&["gc", "-b", bus.name()]).stdout.is_empty()
    });
    bus.assert_nothing_left();
}

/// As long as nobody says how much of a file is read, a planted one of 3 GB is read whole.
#[test]
fn a_lock_file_without_end_is_not_read() {
    let bus = Bus::new();
    let file = File::create(bus.lock_path()).expect("a file");
    file.set_len(1 << 40).expect("a sparse file");
    file.write_all_at(b"7 70", 0).expect("written");
    let producer = bus.produce(LIVELY);
    assert_eq!(bus.segment().header("generation"), 1);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}
