//! The packages in a system of their own, and `cargo install`. Root installs packages: this needs it, as CI has it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Done, Place, Running};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_framebus");

/// This machine's system with its own changes, mounts, processes, shared memory, /run and /tmp: in a tmpfs, under an
/// overlay, of which nothing is left when the process that holds it ends: with the test, whose pipe it reads.
const APART: &str = r#"set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir upper work root
mkdir upper/packages
cp "$2"/* upper/packages/
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
mount -t proc proc root/proc
mount --rbind /dev root/dev
for directory in dev/shm run tmp; do mount -t tmpfs -o mode=1777 tmpfs "root/$directory"; done
rm -f root/etc/dpkg/dpkg.cfg.d/*
exec chroot root sh -c 'cd /tmp; echo ready; exec cat'
"#;

struct System {
    place: Place,
    _holder: Running,
    /// The holder's only child, the first process inside.
    first: String,
}

impl System {
    /// Makes the packages, from the programs under test, and a system for them.
    fn new() -> System {
        let place = Place::new();
        let (packages, mounted) = (place.path("packages"), place.path("system"));
        fs::create_dir(&mounted).expect("a directory");
        let from = Path::new(PROGRAM).parent().expect("a directory");
        let mut command = Command::new(Path::new(REPOSITORY).join("bin/package"));
        command.arg("--from").arg(from).arg("--to").arg(&packages);
        run(command).is(0);
        place
            .sh("ffmpeg -v error -f lavfi -i testsrc=size=64x48:rate=25 -t 1 -c:v mjpeg packages/v.avi")
            .is(0);
        let mut command = place.shell("exec unshare -mpf --kill-child --propagation private sh -c \"$APART\" apart \"$MOUNTED\" \"$PACKAGES\"");
        command
            .env("APART", APART)
            .env("MOUNTED", mounted)
            .env("PACKAGES", packages)
            .stdin(Stdio::piped());
        let mut holder = Running::start(command);
        if holder.output_line() != "ready" {
            let why = holder.end().stderr;
            panic!("no system apart; it needs root, tmpfs and overlayfs: {why}");
        }
        let id = holder.pid();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        let first = children.expect("children").trim().to_owned();
        System {
            place,
            _holder: holder,
            first,
        }
    }

    /// A shell script inside.
    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.first, "-m", "-p", "-r", "-w"])
            .args(["env", "-i", "DEBIAN_FRONTEND=noninteractive"])
            .args(["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp"])
            .args(["sh", "-ec", script])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a shell script inside to its end, which has to be a good one.
    #[track_caller]
    fn sh(&self, script: &str) -> String {
        run(self.command(script)).is(0).text().trim().to_owned()
    }

    /// A script inside as a user in the groups that the user has there.
    fn user(&self, user: &str, script: &str) -> Command {
        let script = script.replace('\'', "'\\''");
        self.command(&format!(
            "exec setpriv --reuid {user} --regid {user} --init-groups sh -ec '{script}'"
        ))
    }

    /// Starts a producer and waits for its first frame.
    fn produce(&self, user: &str, bus: &str, command: &str) -> Running {
        let running = Running::start(self.user(user, &format!("exec {command}")));
        self.sh(&format!(
            "framebus wait -b {bus} --frames 1 --timeout 30s || {{ ls -l /dev/shm; exit 1; }}"
        ));
        running
    }

    /// Ends a producer as systemd does.
    #[track_caller]
    fn end(&self, bus: &str, producer: Running) {
        self.sh(&format!(
            "kill $(framebus top -b {bus} --once --json | jq .producer.pid)"
        ));
        producer.end().is(143);
    }

    /// What of framebus's was written and not removed: the overlay's upper half has it, beside marks of what was removed.
    #[track_caller]
    fn left(&self) -> Vec<String> {
        let script = r#"cd "$1"
            find upper root/run root/tmp root/dev/shm \( -path upper/packages -o -path upper/var/cache/man \) -prune -o -iname '*framebus*' ! -type c -print"#;
        let mut command = Command::new("nsenter");
        command
            .args(["-t", &self.first, "-m", "sh", "-c", script, "find"])
            .arg(self.place.path("system"));
        let found = run(command).is(0).text();
        found.lines().map(str::to_owned).collect()
    }
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> Done {
    Done::of(
        command.output().expect("it starts"),
        &format!("{command:?}"),
    )
}

#[test]
fn the_packages_are_installed_used_and_removed_without_a_trace() {
    let system = System::new();
    system.sh("dpkg --purge framebus-worker framebus-bridge framebus");
    assert_eq!(system.left(), Vec::<String>::new());
    system.sh("dpkg -i /packages/*.deb");
    system.sh("useradd -U fb-alice; useradd -U -G framebus fb-bob");
    the_files_are_in_their_places(&system);
    a_user_shares_frames(&system);
    the_worker_is_found(&system);
    the_bridge_is_found(&system);
    the_units_are_sound(&system);
    a_service_and_a_user_of_its_group_meet(&system);
    what_waits_in_tmp_is_not_cleaned(&system);
    they_are_removed(&system);
}

fn the_files_are_in_their_places(system: &System) {
    let version = format!("framebus {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(system.sh("framebus --version"), version);
    let verbs = system.sh(
        "framebus --help | sed -n '/^Commands:/,/^$/s/^  \\([a-z]\\+\\) .*/\\1/p' | grep -v help",
    );
    assert!(verbs.lines().count() > 10, "{verbs}");
    for verb in verbs.lines() {
        system.sh(&format!("man -w framebus-{verb}"));
    }
    system.sh("man framebus | grep -q SYNOPSIS; dpkg -V framebus framebus-worker framebus-bridge");
    let loaded = system
        .sh("bash -c '. /usr/share/bash-completion/completions/framebus; complete -p framebus'");
    assert!(loaded.ends_with(" framebus"), "{loaded}");
    system.sh("grep -q '^#compdef framebus' /usr/share/zsh/vendor-completions/_framebus");
    system.sh("grep -q -- '--command framebus' /usr/share/fish/vendor_completions.d/framebus.fish");
    for package in ["framebus", "framebus-worker", "framebus-bridge"] {
        let doc = format!("/usr/share/doc/{package}");
        system.sh(&format!(
            "grep -q '^License: Apache-2.0' {doc}/copyright; gzip -t {doc}/changelog.Debian.gz"
        ));
    }
    let depends = system.sh("dpkg-query -W -f '${Depends}' framebus-worker");
    let own = format!("framebus (= {}-1)", env!("CARGO_PKG_VERSION"));
    for package in [own.as_str(), "libc6 ", "libopencv-videoio"] {
        assert!(depends.contains(package), "{depends}");
    }
    let depends = system.sh("dpkg-query -W -f '${Depends}' framebus");
    assert!(!depends.contains("opencv"), "{depends}");
    assert_eq!(
        system.sh("id -nG framebus; stat -c '%U:%G %a' /run/framebus /run/framebus/framebus"),
        "framebus video\nroot:root 755\nframebus:framebus 1775"
    );
}

fn a_user_shares_frames(system: &System) {
    let command = "framebus produce pattern --size 64x48 --fps 50";
    let producer = system.produce("fb-alice", "cam0", command);
    let taken = run(system.user("fb-alice", "framebus consume --count 20")).is(0);
    assert!(taken.stderr.contains("taken 20"), "{taken:?}");
    let top = run(system.user("fb-alice", "framebus top --once --json")).is(0);
    assert_eq!(top.json()["state"], "running");
    let doctor = run(system.user("fb-alice", "framebus doctor --size 64x48 --json")).is(0);
    let doctor: Value = doctor.json();
    let checks = doctor["checks"].as_array().expect("checks");
    let worker = checks.iter().find(|check| check["check"] == "worker");
    assert_eq!(worker.expect("a check")["result"], "pass", "{doctor}");
    system.end("cam0", producer);
}

fn the_bridge_is_found(system: &System) {
    let program = system.sh("(framebus bridge route & sleep 0.5; readlink /proc/$!/exe; kill $!)");
    assert_eq!(program, "/usr/libexec/framebus/framebus-bridge");
    let depends = system.sh("dpkg-query -W -f '${Depends}' framebus-bridge");
    assert!(!depends.contains("opencv"), "{depends}");
}

fn the_worker_is_found(system: &System) {
    let command = "framebus produce -b file /packages/v.avi --loop";
    let producer = system.produce("fb-alice", "file", command);
    let program =
        system.sh("readlink /proc/$(framebus top -b file --once --json | jq .producer.pid)/exe");
    assert_eq!(program, "/usr/libexec/framebus/framebus-worker");
    run(system.user("fb-alice", "framebus consume -b file --count 20 -q")).is(0);
    system.end("file", producer);
}

fn the_units_are_sound(system: &System) {
    for unit in [
        "framebus@.service",
        "framebus-metrics.service",
        "framebus-serve.service",
        "framebus-bridge@.service",
    ] {
        the_unit_is_sound(system, &format!("/usr/lib/systemd/system/{unit}"));
    }
}

fn the_unit_is_sound(system: &System, unit: &str) {
    let said = run(system.command(&format!("systemd-analyze verify {unit} 2>&1"))).is(0);
    assert_eq!(said.text(), "");
    let said = system.sh(&format!("systemd-analyze security --offline=true {unit}"));
    let line = said.lines().last().expect("a line");
    let (_, exposure) = line.split_once(": ").expect("an exposure");
    println!("{line}");
    let number = exposure.split(' ').next().expect("a number");
    assert!(number.parse::<f64>().expect("a number") < 3.0, "{line}");
}

/// What the unit says is run as systemd would run it.
fn a_service_and_a_user_of_its_group_meet(system: &System) {
    let unit = system.sh("cat /usr/lib/systemd/system/framebus@.service");
    let set = |key: &str| {
        let mut values = unit.lines().filter_map(|line| line.strip_prefix(key));
        values.next().expect("a setting").replace("%i", "front")
    };
    let (environment, start) = (set("Environment="), set("ExecStart="));
    system.sh("printf '[bus.front]\\nsize = \"64x48\"\\nfps = 50\\n' >>/etc/framebus.toml");
    let command = format!("env {environment} {start}");
    let service = system.produce(&set("User="), "front", &command);
    run(system.user("fb-bob", "framebus consume -b front --count 20 -q")).is(0);
    run(system.user("fb-alice", "framebus consume -b front --count 1 -q")).is(4);
    let command = format!(
        "env {environment} framebus produce -b bob pattern --size 64x48 --mode 0660 --group framebus"
    );
    let other = system.produce("fb-bob", "bob", &command);
    run(system.user("framebus", "framebus consume -b bob --count 20 -q")).is(0);
    let doctor = run(system.user("fb-bob", &format!("{environment} framebus doctor --json"))).is(0);
    let checks = doctor.json()["checks"].clone();
    let directory = checks.as_array().expect("checks").iter();
    let directory = directory.filter(|check| check["check"] == "runtime-directory");
    assert!(
        directory.clone().all(|check| check["result"] == "pass"),
        "{checks}"
    );
    system.end("bob", other);
    system.end("front", service);
    assert_eq!(
        system.sh("ls -A /run/framebus /run/framebus/framebus"),
        "/run/framebus:\nframebus\n\n/run/framebus/framebus:"
    );
}

fn what_waits_in_tmp_is_not_cleaned(system: &System) {
    system.sh("echo 'q /tmp 1777 root root 0' >/etc/tmpfiles.d/tmp.conf
        mkdir -p /tmp/framebus-9/framebus/cam0; touch /tmp/framebus-9/framebus/cam0/pipe0 /tmp/old
        systemd-tmpfiles --clean --prefix=/tmp
        [ ! -e /tmp/old ]; [ -e /tmp/framebus-9/framebus/cam0/pipe0 ]; rm -r /tmp/framebus-9");
}

fn they_are_removed(system: &System) {
    system.sh("mkdir -p /etc/systemd/system/multi-user.target.wants
        ln -s /usr/lib/systemd/system/framebus@.service /etc/systemd/system/multi-user.target.wants/framebus@front.service
        dpkg -r framebus-worker framebus-bridge framebus");
    // What an administrator wrote stays until it is purged, and so does what `systemctl enable` made.
    system.sh("grep -q bus.front /etc/framebus.toml; [ ! -e /usr/bin/framebus ]");
    system.sh("dpkg --purge framebus-worker framebus-bridge framebus; getent passwd framebus");
    assert_eq!(system.left(), Vec::<String>::new());
}

#[test]
fn cargo_installs_the_command_alone_without_opencv() {
    let place = Place::new();
    let target = Path::new(PROGRAM).ancestors().nth(2).expect("a directory");
    // What is compiled is shared with the other tests, what is linked is not. No header of OpenCV is in reach.
    let script = r#"[ ! -d /usr/include/opencv4 ] || mount -t tmpfs tmpfs /usr/include/opencv4
        exec cargo install --debug --offline --locked --path "$1" --root "$2" --target-dir "$2/target""#;
    let mut command = place.shell("exec unshare -m sh -ec \"$SCRIPT\" install \"$FROM\" \"$TO\"");
    command
        .env("SCRIPT", script)
        .env("FROM", REPOSITORY)
        .env("TO", place.path("to"))
        .env("CARGO_BUILD_BUILD_DIR", target)
        .env("HOME", std::env::var_os("HOME").unwrap_or_default());
    let done = run(command).is(0);
    assert!(!done.stderr.contains("opencv"), "{}", done.stderr);
    // What was compiled before is not named again.
    let mut command = Command::new("cargo");
    command
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["-p", "framebus-cli", "-e", "normal,build"])
        .current_dir(REPOSITORY);
    let tree = run(command).is(0).text();
    assert!(
        tree.contains("ratatui ") && !tree.contains("opencv"),
        "{tree}"
    );
    let programs = fs::read_dir(place.path("to/bin")).expect("programs");
    let programs = programs.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(programs.collect::<Vec<_>>(), ["framebus"]);
    let script = "PATH=$PWD/to/bin:/usr/bin:/bin; export PATH
        framebus produce pattern --size 64x48 --fps 50 & producer=$!
        framebus wait --timeout 30s && framebus consume --count 20 -q; echo $?
        kill $producer; wait $producer; echo $?
        framebus produce nothing.mp4; echo $?";
    let done = place.sh(script).is(0);
    assert_eq!(done.text(), "0\n143\n2\n", "{}", done.stderr);
    assert!(
        done.stderr.contains("needs the headless worker"),
        "{done:?}"
    );
}
