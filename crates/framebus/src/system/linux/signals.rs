//! Requests of the system to end: signals.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::{exit, pipe};

use super::clock::monotonic_ns;

/// Signals so close to the first are the same request: `timeout` and a terminal's Ctrl-C under a wrapper send one to the
/// process and one to its group.
const TOGETHER_NS: u64 = 250_000_000;

/// From now on a request to end sets `flag` and `number`, and has `ask` called on a thread of its own. One more ends the
/// process at once with 128 + its number, unless it comes together with the first. SIGHUP does not count under `nohup`.
pub(crate) fn on_signals(
    set: &Arc<AtomicBool>,
    number: &Arc<AtomicUsize>,
    ask: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    // An eventfd counts 8-byte writes; the handlers write one byte, so they get a pipe, and a thread passes it on.
    let (mut read, write) = std::io::pipe()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal == SIGHUP && is_ignored(signal) {
            continue;
        }
        flag::register(signal, Arc::clone(set))?;
        flag::register_usize(
            signal,
            Arc::clone(number),
            usize::try_from(signal).unwrap_or(0),
        )?;
        pipe::register(signal, write.try_clone()?)?;
    }
    let number = Arc::clone(number);
    let pass_on = move || {
        if read.read_exact(&mut [0]).is_err() {
            return;
        }
        ask();
        let first_ns = monotonic_ns();
        while read.read_exact(&mut [0]).is_ok() {
            if monotonic_ns() - first_ns > TOGETHER_NS {
                let number = number.load(std::sync::atomic::Ordering::SeqCst);
                let number = i32::try_from(number).ok().filter(|number| *number != 0);
                exit(128 + number.unwrap_or(SIGINT));
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(pass_on)?;
    Ok(())
}

/// Whether the process was started with a signal ignored, as `nohup` does.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}
