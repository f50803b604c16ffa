//! What strangers can put before framebus, a function each: `bin/fuzz` calls them with what libFuzzer thinks of, a test with
//! what is in `corpus/`.
//!
//! A target must not panic, end the process, take long or take much memory, whatever its input is. What it leaves is under
//! `FRAMEBUS_RUNTIME_DIR` and TMPDIR, and in `/dev/shm/framebus.fuzz-PID*`: whoever starts it removes them.

mod bridge;
mod config;
mod pipe;
mod planted;
mod segment;
mod stream;

use std::path::Path;
use std::sync::LazyLock;

use framebus::bus::BusName;

/// A target: its name, which is that of its directory in `corpus/` too, and its function.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// As `bin/fuzz` is told it.
    pub name: &'static str,
    run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "segment",
        run: segment::run,
    },
    Target {
        name: "pipe",
        run: pipe::run,
    },
    Target {
        name: "config",
        run: config::run,
    },
    Target {
        name: "y4m",
        run: stream::y4m,
    },
    Target {
        name: "raw",
        run: stream::raw,
    },
    Target {
        name: "replay",
        run: stream::replay,
    },
    Target {
        name: "bridge",
        run: bridge::run,
    },
];

impl Target {
    /// Tries one input.
    pub fn run(&self, data: &[u8]) {
        (self.run)(data);
    }
}

/// Returns the target that `FRAMEBUS_FUZZ_TARGET` names.
///
/// # Panics
/// Panics when it names none.
#[must_use]
pub fn target() -> Target {
    static NAMED: LazyLock<Target> = LazyLock::new(|| {
        let name = std::env::var("FRAMEBUS_FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|target| target.name == name);
        *found.unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            panic!("FRAMEBUS_FUZZ_TARGET is {name:?}, not one of {names:?}")
        })
    });
    *NAMED
}

/// The bus of this process.
fn bus() -> BusName {
    let name = format!("fuzz-{}", std::process::id());
    name.parse().expect("a bus name")
}

/// Another one, whose producer is a stranger.
fn false_bus() -> BusName {
    let name = format!("fuzz-{}-false", std::process::id());
    name.parse().expect("a bus name")
}

/// Writes a file of a target's own, as a whole.
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

/// Takes numbers off the front of an input.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    /// 0 where nothing is left.
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }
}
