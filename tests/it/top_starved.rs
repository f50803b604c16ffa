//! `framebus top` on a terminal that takes no output: the bus does not notice, and who asks it to end is obeyed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Action, Termios, Winsize, tcflow, tcgetattr, tcsetwinsize};

use crate::harness::{Bus, Exit, FRAMEBUS, LIVELY, Process, maps, until};
use crate::roles::{Report, Taker};
use crate::top::{claims, nothing_changes};

/// A terminal of the test's own, of which it is the other end.
struct Pty {
    other_end: File,
    terminal: OwnedFd,
    path: PathBuf,
}

impl Pty {
    fn open() -> Pty {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let other_end = openpt(flags).expect("a terminal");
        grantpt(&other_end).expect("granted");
        unlockpt(&other_end).expect("unlocked");
        let path = ptsname(&other_end, Vec::new()).expect("a name");
        let path = PathBuf::from(path.into_string().expect("a path"));
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let terminal = open(&path, flags, Mode::empty()).expect("the terminal");
        let size = Winsize {
            ws_row: 60,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).expect("a size");
        Pty {
            other_end: other_end.into(),
            terminal,
            path,
        }
    }

    /// Starts `top` with this as its terminal, and waits until it looks at the bus.
    fn watch(&self, bus: &Bus) -> Process {
        let mut command = bus.command("sh");
        let path = self.path.display();
        let script = format!("exec {FRAMEBUS} top -d 100ms <{path} >{path}");
        command
            .args(["-c", &script])
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            // Colours are what fills it.
            .env_remove("NO_COLOR");
        let watcher = Process::spawn(command);
        until("it looks at the bus", || !maps(&watcher, bus).is_empty());
        watcher
    }

    fn settings(&self) -> Termios {
        tcgetattr(&self.terminal).expect("settings")
    }

    fn is_raw(&self) -> bool {
        use rustix::termios::LocalModes;
        !self.settings().local_modes.contains(LocalModes::ICANON)
    }
}

/// What a terminal's settings say, without what cannot be compared.
fn words(settings: &Termios) -> String {
    format!("{settings:?}")
}

#[test]
fn one_whose_terminal_is_never_read_changes_nothing_and_ends_when_asked_to() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let taker = Taker::steady(&bus, 0);
    let before = claims(&bus);
    let mut pty = Pty::open();
    let settings = words(&pty.settings());
    let watcher = pty.watch(&bus);
    until("it has the terminal", || pty.is_raw());
    // View in half blocks: a drawing is more than a terminal has room for.
    pty.other_end.write_all(b"4R").expect("keys");
    // `poll` may go on to say that there is room when nothing fits any more.
    bus.frames_go_by(120);
    nothing_changes(&bus, &before);
    assert!(!watcher.has_ended());

    let watched = watcher.end(Signal::TERM);
    assert_eq!(watched.exit, Exit::Code(143), "{}", watched.stderr);
    assert_eq!(watched.stderr, "");
    assert_eq!(words(&pty.settings()), settings);
    let mut seen = Vec::new();
    let mut bytes = [0; 4096];
    until("the last words come", || {
        let count = pty.other_end.read(&mut bytes).expect("output");
        seen.extend_from_slice(&bytes[..count]);
        let seen = String::from_utf8_lossy(&seen);
        seen.contains("\x1b[?1049l") && seen.ends_with("\x1b[?25h")
    });
    nothing_changes(&bus, &before);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    Report::of(&taker.wait());
    bus.assert_nothing_left();
}

#[test]
fn one_whose_terminal_is_held_changes_nothing_and_ends_when_asked_to() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let taker = Taker::steady(&bus, 0);
    let before = claims(&bus);
    let pty = Pty::open();
    let settings = words(&pty.settings());
    let watcher = pty.watch(&bus);
    until("it has the terminal", || pty.is_raw());
    // As Ctrl-S does.
    tcflow(&pty.terminal, Action::OOff).expect("output held");
    nothing_changes(&bus, &before);
    assert!(!watcher.has_ended());
    let watched = watcher.end(Signal::TERM);
    assert_eq!(watched.exit, Exit::Code(143), "{}", watched.stderr);
    tcflow(&pty.terminal, Action::OOn).expect("output");
    assert_eq!(words(&pty.settings()), settings);
    nothing_changes(&bus, &before);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    Report::of(&taker.wait());
    bus.assert_nothing_left();
}
