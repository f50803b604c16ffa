//! Machines in a network of their own: a namespace each, joined by links of a given rate.
//!
//! They share this machine's memory and files, so a test looks at the buses of all of them from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(90);

/// Looks until it is so.
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while !look() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Machines and their links. Dropped, nothing of them is left.
#[derive(Debug)]
pub(crate) struct Lab {
    prefix: String,
    runtime: tempfile::TempDir,
    machines: Vec<String>,
    links: u32,
}

/// A program that ends with the test.
#[derive(Debug)]
pub(crate) struct Program {
    what: String,
    child: Child,
    stderr: PathBuf,
}

fn ip(arguments: &str) -> bool {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status
        .expect("ip, which bin/setup --test installs")
        .success()
}

fn must(arguments: &str) {
    assert!(ip(arguments), "ip {arguments} fails; these tests need root");
}

impl Lab {
    pub(crate) fn new() -> Lab {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        sweep();
        let runtime = tempfile::Builder::new()
            .prefix("framebus-bridge-")
            .tempdir_in("/tmp")
            .expect("a runtime directory");
        Lab {
            prefix: format!("fbt-{}-{count}", std::process::id()),
            runtime,
            machines: Vec::new(),
            links: 0,
        }
    }

    /// A machine that is alone.
    pub(crate) fn machine(&mut self, name: &str) {
        let namespace = self.namespace(name);
        must(&format!("netns add {namespace}"));
        self.machines.push(namespace.clone());
        must(&format!("-n {namespace} link set lo up"));
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// Joins two machines, and returns their addresses. With a rate in Mbit/s in both directions.
    pub(crate) fn link(&mut self, one: &str, other: &str, mbit: Option<f64>) -> (String, String) {
        let number = self.links;
        self.links += 1;
        let (left, right) = (self.namespace(one), self.namespace(other));
        let ends = (format!("{other}0"), format!("{one}0"));
        let (a, b) = (&ends.0, &ends.1);
        must(&format!(
            "link add {a} netns {left} type veth peer name {b} netns {right}"
        ));
        let addresses = (format!("10.77.{number}.1"), format!("10.77.{number}.2"));
        for (namespace, end, address) in [(&left, a, &addresses.0), (&right, b, &addresses.1)] {
            must(&format!("-n {namespace} addr add {address}/24 dev {end}"));
            must(&format!("-n {namespace} link set {end} up"));
            if let Some(mbit) = mbit {
                let kbit = (mbit * 1000.0) as u64;
                // The queue of a home router: 50 ms.
                must(&format!(
                    "netns exec {namespace} tc qdisc add dev {end} root tbf rate {kbit}kbit burst 64kb latency 50ms"
                ));
            }
        }
        addresses
    }

    /// Cuts the link of a machine to another one, or mends it.
    pub(crate) fn set_link(&self, one: &str, other: &str, up: bool) {
        let (namespace, state) = (self.namespace(one), if up { "up" } else { "down" });
        must(&format!("-n {namespace} link set {other}0 {state}"));
    }

    /// The name of a bus of this test.
    pub(crate) fn bus(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    pub(crate) fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// A command of `framebus` on a machine.
    pub(crate) fn command(&self, machine: &str, arguments: &str) -> Command {
        let mut command = Command::new("ip");
        let words = arguments.split(' ').filter(|word| !word.is_empty());
        command
            .args(["netns", "exec", &self.namespace(machine)])
            .arg(framebus())
            .args(words)
            .env("FRAMEBUS_RUNTIME_DIR", self.runtime())
            .env("HOME", self.runtime())
            .stdin(Stdio::null());
        command
    }

    /// Starts `framebus` on a machine.
    pub(crate) fn start(&self, machine: &str, arguments: &str) -> Program {
        self.spawn(self.command(machine, arguments), arguments)
    }

    /// Starts `framebus` on this machine, whose network this test is on.
    pub(crate) fn start_here(&self, arguments: &str) -> Program {
        let mut command = Command::new(framebus());
        command
            .args(arguments.split(' ').filter(|word| !word.is_empty()))
            .env("FRAMEBUS_RUNTIME_DIR", self.runtime())
            .env("HOME", self.runtime())
            .stdin(Stdio::null());
        self.spawn(command, arguments)
    }

    /// Starts any program on a machine.
    pub(crate) fn start_other(&self, machine: &str, program: &[&str]) -> Program {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace(machine)])
            .args(program)
            .stdin(Stdio::null());
        self.spawn(command, &program.join(" "))
    }

    pub(crate) fn spawn(&self, mut command: Command, what: &str) -> Program {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let stderr = self.runtime().join(format!("stderr-{count}"));
        let file = fs::File::create(&stderr).expect("a file");
        command.stdout(Stdio::null()).stderr(file);
        let child = command.spawn();
        Program {
            what: what.to_owned(),
            child: child.unwrap_or_else(|error| panic!("{what} does not start: {error}")),
            stderr,
        }
    }

    /// Runs `framebus` on a machine to its end: its exit code, its output and its messages.
    pub(crate) fn run(&self, machine: &str, arguments: &str) -> (Option<i32>, String, String) {
        let output = self.command(machine, arguments).output().expect("framebus");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for machine in &self.machines {
            ip(&format!("netns del {machine}"));
        }
        remove_buses(&self.prefix);
    }
}

/// Removes what a test that was killed has left.
fn sweep() {
    let Ok(namespaces) = fs::read_dir("/run/netns") else {
        return;
    };
    for entry in namespaces.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = name
            .strip_prefix("fbt-")
            .and_then(|rest| rest.split('-').next())
        else {
            continue;
        };
        if !Path::new(&format!("/proc/{pid}")).exists() {
            ip(&format!("netns del {name}"));
            remove_buses(&format!("fbt-{pid}-"));
        }
    }
}

fn remove_buses(prefix: &str) {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("framebus.") && name.contains(prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// `framebus` stands beside the bridge.
pub(crate) fn framebus() -> PathBuf {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_framebus-bridge")).with_file_name("framebus");
    assert!(
        program.is_file(),
        "build the workspace's programs first: cargo build --workspace --bins"
    );
    program
}

impl Program {
    pub(crate) fn stderr(&self) -> String {
        let bytes = fs::read(&self.stderr).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it has said that.
    pub(crate) fn says(&mut self, text: &str) {
        let what = format!("{} says {text:?}, not {}", self.what, self.stderr());
        let stderr = self.stderr.clone();
        until(&what, || {
            let said = fs::read(&stderr).unwrap_or_default();
            String::from_utf8_lossy(&said).contains(text)
        });
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_none())
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it as a service manager does; its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- {}\n{}---", self.what, self.stderr());
        }
        self.kill();
    }
}
