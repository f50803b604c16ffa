//! Keeps the libraries' own noise off the terminal; causes are reported by us.
//!
//! OpenCV, FFmpeg, GStreamer, GLib, libjpeg and libpng all print through C's `stderr`, and most cannot be told not to: a
//! webcam's damaged JPEG alone is a line a frame. Rust writes to the descriptor. So C's `stderr` becomes `/dev/null`, and
//! the descriptor stays what it is: logs, errors and panics are still seen.
#![allow(unsafe_code)]

use std::env;
use std::fs;

use opencv::core::{LogLevel, set_log_level, set_num_threads};

/// Whoever sets one of these wants to read what the libraries say.
const WANTED_NOISE: [&str; 4] = [
    "OPENCV_LOG_LEVEL",
    "OPENCV_FFMPEG_DEBUG",
    "OPENCV_FFMPEG_LOGLEVEL",
    "GST_DEBUG",
];

/// Seconds that a camera may be silent; OpenCV's default of 10 would keep a stop waiting for as long.
const CAMERA_SILENCE: (&str, &str) = ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "2");

/// Silences the libraries and bounds how long a camera may be silent; call it first in `main`.
///
/// What Rust writes to stderr is not touched. The libraries stay as they are if one of the variables is set with which
/// they are asked to speak: `OPENCV_LOG_LEVEL`, `OPENCV_FFMPEG_DEBUG`, `OPENCV_FFMPEG_LOGLEVEL` or `GST_DEBUG`.
pub fn quiet() {
    bound_camera_silence();
    if noise_is_wanted() {
        return;
    }
    // Fails only where OpenCV was built without logging, which is quiet too.
    let _ = set_log_level(LogLevel::LOG_LEVEL_SILENT);
    silence_c();
}

/// Whether somebody has asked the libraries to speak.
pub(crate) fn noise_is_wanted() -> bool {
    WANTED_NOISE.iter().any(|name| env::var_os(name).is_some())
}

/// Applies what holds for all of OpenCV in this process.
pub(crate) fn configure(threads: u16) {
    // If OpenCV refused, it would only be slower.
    let _ = set_num_threads(i32::from(threads.max(1)));
}

/// OpenCV reads the limit from the environment alone, when it opens its first camera.
fn bound_camera_silence() {
    let (name, seconds) = CAMERA_SILENCE;
    let alone = fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    if alone && env::var_os(name).is_none() {
        // SAFETY: the environment must not change while another thread reads it; this is the only thread, as the kernel
        // has just counted.
        unsafe { env::set_var(name, seconds) };
    }
}

/// Only the GNU C library lets a program replace its `stderr`.
#[cfg(target_env = "gnu")]
fn silence_c() {
    use std::ffi::{c_char, c_void};
    use std::sync::atomic::{AtomicPtr, Ordering};

    // An AtomicPtr has the layout of the pointer that the C library declares.
    unsafe extern "C" {
        safe static stderr: AtomicPtr<c_void>;
        fn fopen(path: *const c_char, mode: *const c_char) -> *mut c_void;
    }

    // SAFETY: both strings end with a NUL and live for ever.
    let nowhere = unsafe { fopen(c"/dev/null".as_ptr(), c"w".as_ptr()) };
    if nowhere.is_null() {
        return;
    }
    // Neither stream is ever closed, so that whoever has read the variable before may use what it held.
    stderr.store(nowhere, Ordering::SeqCst);
}

#[cfg(not(target_env = "gnu"))]
fn silence_c() {}
