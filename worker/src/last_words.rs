//! What a process with windows says when its window system ends it: Qt calls `abort` or `exit` when the display goes away
//! or refuses the program, and its own words go nowhere (`quiet`).
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::OnceLock;

use framebus::cli::log::{EXIT_ERROR, without_time};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stderr;
use signal_hook::consts::SIGABRT;
use signal_hook::low_level::{exit, register};

static LINE: OnceLock<String> = OnceLock::new();

unsafe extern "C" {
    fn atexit(function: extern "C" fn()) -> c_int;
}

/// From now on `sentence` is what the process says when a library calls `abort` or `exit`, and it ends with exit code 2.
/// The worker itself ends by `_exit`, which none of this hears.
pub(crate) fn prepare(sentence: &str) {
    if LINE.set(without_time(sentence)).is_err() {
        return;
    }
    // SAFETY: the action makes system calls and atomic loads alone, which a signal handler may.
    let registered = unsafe { register(SIGABRT, say) };
    // Without it an abort would only be less polite.
    drop(registered);
    before_others();
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
    let stderr = stderr();
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
