//! Requests of the system to end: a console's Ctrl-C and Ctrl-Break, and its end.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, CTRL_C_EVENT, SetConsoleCtrlHandler};

/// The numbers that other systems have for it, and exit codes go by.
const SIGINT: usize = 2;
const SIGTERM: usize = 15;

/// How long an end that the system has begun waits for this process: longer than it gives it.
const GRACE: Duration = Duration::from_secs(30);

type Ask = Box<dyn FnOnce() + Send>;

static ASKED: Mutex<Option<Asked>> = Mutex::new(None);

struct Asked {
    set: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
    ask: Option<Ask>,
}

/// From now on a request to end sets `flag` and `number`, and has `ask` called on a thread of its own. One more ends the
/// process at once with 128 + its number.
pub(crate) fn on_signals(
    set: &Arc<AtomicBool>,
    number: &Arc<AtomicUsize>,
    ask: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(Asked {
        set: Arc::clone(set),
        number: Arc::clone(number),
        ask: Some(Box::new(ask)),
    });
    // SAFETY: the function is there for as long as the process is.
    if unsafe { SetConsoleCtrlHandler(Some(on_control), 1) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Called by the system on a thread of its own.
unsafe extern "system" fn on_control(event: u32) -> i32 {
    let is_key = matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT);
    let signal = if is_key { SIGINT } else { SIGTERM };
    let ask = {
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(asked) = asked.as_mut() else {
            return 0;
        };
        asked.number.store(signal, Ordering::SeqCst);
        asked.set.store(true, Ordering::SeqCst);
        asked.ask.take()
    };
    match ask {
        Some(ask) => ask(),
        None => std::process::exit(128 + signal as i32),
    }
    if !is_key {
        // After a return the system ends the process, whatever it is doing.
        std::thread::sleep(GRACE);
    }
    1
}
