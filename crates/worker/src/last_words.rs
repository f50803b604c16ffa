//! What a process with windows says when its window system ends it: Qt calls `abort` or `exit` when the display goes away
//! or refuses the program, and its own words go nowhere (`quiet`).
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

use framebus_tools::exit::EXIT_ERROR;
use framebus_tools::log::without_time;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, stderr};
use signal_hook::consts::SIGABRT;
use signal_hook::low_level::{exit, register};

use crate::quiet::noise_is_wanted;

static LINE: OnceLock<String> = OnceLock::new();
/// Standard error, also while its own descriptor leads nowhere.
static STDERR: OnceLock<OwnedFd> = OnceLock::new();

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

/// From now on `sentence` is what the process says when a library calls `abort` or `exit`, and it ends with exit code 2.
/// The worker itself ends by `_exit`, which none of this hears.
pub(crate) fn prepare(sentence: &str) {
    if LINE.set(without_time(sentence)).is_err() {
        return;
    }
    if let Ok(real) = fcntl_dupfd_cloexec(stderr(), 3) {
        let _ = STDERR.set(real);
    }
    // SAFETY: the action makes system calls and atomic loads alone, which a signal handler may.
    let registered = unsafe { register(SIGABRT, say) };
    // Without it an abort would only be less polite.
    drop(registered);
    before_others();
}

/// Runs what opens the display, during which nothing but the last words is heard: of a display that refuses, libxcb writes
/// two lines to the descriptor itself.
pub(crate) fn alone<T>(open: impl FnOnce() -> T) -> T {
    let nowhere = File::options().write(true).open("/dev/null");
    let (false, Some(real), Ok(nowhere)) = (noise_is_wanted(), STDERR.get(), nowhere) else {
        return open();
    };
    // If that fails, there are lines too many.
    let _ = dup2_stderr(nowhere);
    let opened = open();
    let _ = dup2_stderr(real);
    opened
}

/// Has the sentence said before the clearing up of whatever was loaded until now: the last to register is the first to run.
pub(crate) fn before_others() {
    // SAFETY: the function lives for ever and does not unwind.
    let full = unsafe { atexit(at_exit) };
    debug_assert_eq!(full, 0, "atexit");
}

extern "C" fn at_exit() {
    say();
}

fn say() {
    let stderr = STDERR.get().map_or_else(stderr, AsFd::as_fd);
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A reader that does not read must not keep the process, and with it a lease.
    if let (Ok(1), Some(line)) = (poll(&mut fds, Some(&now)), LINE.get()) {
        let _ = rustix::io::write(stderr, line.as_bytes());
    }
    exit(i32::from(EXIT_ERROR))
}
