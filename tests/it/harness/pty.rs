//! A terminal that answers nothing, as a slow line or a plain serial one: bytes in, bytes out.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::until;

/// A program on a terminal that never answers. Dropped, the program is killed.
#[derive(Debug)]
pub(crate) struct Mute {
    child: Child,
    keys: File,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Mute {
    /// Starts a program on a terminal of this size.
    pub(crate) fn start(mut command: Command, width: u16, height: u16) -> Mute {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("granted");
        unlockpt(&ours).expect("unlocked");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let name = name.into_string().expect("a path");
        resize(&ours, width, height);
        let theirs = || {
            let mut options = File::options();
            let file = options.read(true).write(true).open(&name);
            file.expect("its other end")
        };
        command
            .stdin(theirs())
            .stdout(theirs())
            .stderr(Stdio::inherit());
        let child = command.spawn().expect("a program");
        drop(command);
        let keys = File::from(ours);
        let mut screen = keys.try_clone().expect("a copy");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            // It ends with the program.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                let mut seen = all.lock().unwrap_or_else(PoisonError::into_inner);
                seen.extend_from_slice(&bytes[..count]);
            }
        });
        Mute { child, keys, seen }
    }

    /// What it has written so far.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits until it has written `words` more than `times` times.
    pub(crate) fn writes(&self, words: &str, times: usize) {
        until(&format!("it writes {words:?}"), || {
            self.count(words) > times
        });
    }

    /// How often it has written `words`.
    pub(crate) fn count(&self, words: &str) -> usize {
        let seen = self.seen();
        let words = words.as_bytes();
        seen.windows(words.len())
            .filter(|part| *part == words)
            .count()
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("typed");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a signal");
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        resize(&self.keys, width, height);
    }

    /// Waits until it ends; its exit code.
    pub(crate) fn exit(&mut self) -> Option<i32> {
        until("the program ends", || {
            self.child.try_wait().expect("a status").is_some()
        });
        self.child.wait().expect("a status").code()
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(terminal: impl std::os::fd::AsFd, width: u16, height: u16) {
    let size = Winsize {
        ws_row: height,
        ws_col: width,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(terminal, size).expect("a size");
}
