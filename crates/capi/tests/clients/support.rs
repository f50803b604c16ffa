//! Where things are, a bus and a runtime directory of a test's own, and programs that must succeed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use tempfile::TempDir;

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/capi/ is in the repository")
}

/// Where tests keep what they build, from run to run.
pub(crate) fn kept() -> PathBuf {
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients");
    fs::create_dir_all(&kept).expect("a directory for what is built");
    kept
}

/// Held alone while cargo may write the library, and together while it is read. It ends with the file.
pub(crate) fn lock_of_the_library() -> File {
    File::create(kept().join("library.lock")).expect("a lock")
}

/// A directory with the library and its header under the names that `bin/install-capi` gives them.
pub(crate) struct Library {
    directory: TempDir,
}

impl Library {
    pub(crate) fn new() -> Library {
        let directory = tempfile::tempdir().expect("a directory");
        let test = std::env::current_exe().expect("the path of the test");
        let built = test.with_file_name("libframebus_c.so");
        // A copy: the test of bin/install-capi may have cargo write the file again.
        let lock = lock_of_the_library();
        lock.lock_shared().expect("a lock");
        fs::copy(&built, directory.path().join("libframebus.so.0")).expect("a copy");
        drop(lock);
        let link = directory.path().join("libframebus.so");
        std::os::unix::fs::symlink("libframebus.so.0", link).expect("a link");
        Library { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What a compiler needs to find header and library, and the program later its library.
    pub(crate) fn flags(&self) -> Vec<String> {
        let directory = self.path().display();
        vec![
            format!("-I{}", root().join("crates/capi/include").display()),
            format!("-I{}", root().join("clients/cpp/include").display()),
            format!("-L{directory}"),
            "-lframebus".into(),
            format!("-Wl,-rpath,{directory}"),
            "-pthread".into(),
        ]
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A bus name and a runtime directory that no other test has; nothing of them is left behind.
pub(crate) struct Ground {
    pub(crate) bus: String,
    directory: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Ground {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Ground {
            bus: format!("client-{}-{number}", std::process::id()),
            directory: tempfile::Builder::new()
                .prefix("fb")
                .tempdir()
                .expect("a directory"),
        }
    }

    /// A command on this ground, to run to its end; one that hangs is ended.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.background("timeout");
        command.args(["--kill-after=5", "300"]).arg(program);
        command
    }

    /// The named pipe of a consumer index.
    pub(crate) fn pipe(&self, index: u8) -> PathBuf {
        let pipes = self.directory.path().join("framebus").join(&self.bus);
        pipes.join(format!("pipe{index}"))
    }

    /// A command on this ground, to run beside others.
    pub(crate) fn background(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env("FRAMEBUS_RUNTIME_DIR", self.directory.path())
            .env("FRAMEBUS_BUS", &self.bus)
            // A mono that is killed would leave a file of its own in /dev/shm.
            .env("MONO_DISABLE_SHARED_AREA", "1")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // What a producer that was killed has left.
        let _ = fs::remove_file(format!("/dev/shm/framebus.{}", self.bus));
        let _ = fs::remove_file(format!("/dev/shm/framebus.{}.lock", self.bus));
    }
}

/// A child that does not outlive its test.
pub(crate) struct Reaped(pub(crate) Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end; it must succeed. Returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = finish(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Output {
    command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; run bin/setup --test"))
}

/// Makes `name` among what is kept unless it is newer than all it is made from; one process at a time. `make` gets the
/// place where it is to be.
pub(crate) fn build(name: &str, sources: &[PathBuf], make: impl FnOnce(&Path)) -> PathBuf {
    let place = kept().join(name);
    let lock = File::create(kept().join(format!("{name}.lock"))).expect("a lock");
    lock.lock().expect("locked");
    let stamp = kept().join(format!("{name}.done"));
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let newest = sources.iter().filter_map(|path| modified(path)).max();
    let done = modified(&stamp).unwrap_or(SystemTime::UNIX_EPOCH);
    if newest.is_none_or(|newest| newest > done) {
        let begun = SystemTime::now();
        make(&place);
        let file = File::create(&stamp).expect("a stamp");
        file.set_modified(begun).expect("a time");
    }
    place
}

/// The files under a directory of the repository that end in one of these.
pub(crate) fn files(directory: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(directory)];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() {
                left.push(path);
            } else if ending.is_some_and(|ending| endings.contains(&ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
