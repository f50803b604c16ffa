//! Commands on standard input for a recording around an event: a script's pipe, or somebody at a terminal.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::system::{StandardInput, Stream, is_background, standard_input};
use framebus::stop::{Stop, Waited};

/// How often a background job looks whether it is in the foreground now.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What is kept of a line: no command is as long.
const LINE_LEN: usize = 80;

/// Listens in a thread of its own: `record` sets `trigger`, `stop` asks to stop. The end of the input ends nothing: a
/// service has /dev/null there.
///
/// # Errors
/// Fails when the process has no descriptor or no thread left.
pub(super) fn listen(trigger: Arc<AtomicBool>, stop: &Stop) -> io::Result<()> {
    let input = standard_input()?;
    let stop = stop.clone();
    std::thread::Builder::new()
        .name("commands".into())
        .spawn(move || {
            // Input that cannot be read, such as of a terminal that has gone, is input that has ended.
            let _ = obey(input, &trigger, &stop);
        })?;
    Ok(())
}

/// Reads lines until the input ends or somebody asks to stop.
fn obey(mut input: StandardInput, trigger: &AtomicBool, stop: &Stop) -> io::Result<()> {
    let mut line = Vec::new();
    let mut bytes = [0; LINE_LEN];
    while let Waited::Ready = input.wait(stop, None)? {
        if is_background(&input) {
            // A background job that reads its terminal is stopped by the kernel, and what is typed is for the shell.
            let _ = stop.sleep(LOOK_EVERY);
            continue;
        }
        let read = match input.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock
                ) =>
            {
                continue;
            }
            Err(error) => return Err(error),
        };
        for &byte in &bytes[..read] {
            match byte {
                b'\n' => {
                    command(&line, trigger, stop);
                    line.clear();
                }
                byte if line.len() < LINE_LEN => line.push(byte),
                _ => {}
            }
        }
    }
    // `printf record`, without an end of the line.
    if !stop.is_set() {
        command(&line, trigger, stop);
    }
    Ok(())
}

fn command(line: &[u8], trigger: &AtomicBool, stop: &Stop) {
    match line.trim_ascii() {
        b"" => {}
        b"record" => trigger.store(true, Ordering::SeqCst),
        b"stop" => stop.set(),
        unknown => tracing::warn!(
            "{:?} on standard input is not a command: record or stop",
            String::from_utf8_lossy(unknown)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// What the lines did: triggered, stopped.
    fn after(lines: &[u8]) -> (bool, bool) {
        let (read, mut write) = io::pipe().expect("a pipe");
        write.write_all(lines).expect("written");
        drop(write);
        let stop = Stop::new().expect("eventfd");
        let trigger = AtomicBool::new(false);
        let input = std::fs::File::from(std::os::fd::OwnedFd::from(read));
        obey(input, &trigger, &stop).expect("read");
        (trigger.load(Ordering::SeqCst), stop.is_set())
    }

    #[test]
    fn only_a_whole_word_is_a_command() {
        assert_eq!(after(b"record\n"), (true, false));
        assert_eq!(after(b"\n  record\r\n"), (true, false));
        assert_eq!(after(b"record"), (true, false));
        assert_eq!(after(b"nothing\nstop\n"), (false, true));
        assert_eq!(after(b""), (false, false));
        assert_eq!(after(b"records\nrecord now\n\xff\n"), (false, false));
        let long = [&b"record".repeat(100)[..], b"\nstop\n"].concat();
        assert_eq!(after(&long), (false, true));
    }
}
