//! `framebus top` on a terminal, started again whenever it has ended.

use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::assert_decent;
use crate::harness::{Bus, Exit, FRAMEBUS, Random, Terminal, until};

const KEYS: [&str; 10] = [
    "1", "2", "3", "4", "5", "Tab", "Space", "C-l", "?", "Escape",
];

pub(super) struct View<'a> {
    bus: &'a Bus,
    terminal: Terminal,
    stands_still: bool,
}

impl View<'_> {
    pub(super) fn open(bus: &Bus) -> View<'_> {
        let terminal = Terminal::open(bus, 100, 30);
        let (pid, codes) = (terminal.file("pid"), terminal.file("codes"));
        let (pid, codes) = (pid.display(), codes.display());
        // A shell that does not care when its child stands still.
        terminal.run(&format!(
            "exec sh -c 'while :; do \
             sh -c \"echo \\$\\$ >{pid}.new; mv {pid}.new {pid}; exec {FRAMEBUS} top -d 200ms\"; \
             echo $? >>{codes}; done'"
        ));
        terminal.shows("READ-ONLY");
        View {
            bus,
            terminal,
            stands_still: false,
        }
    }

    /// Presses a key, changes the size, or sends a signal. Returns how many signals were sent.
    pub(super) fn torment(&mut self, random: &mut Random) -> u64 {
        if self.stands_still {
            return self.go_on();
        }
        match random.below(8) {
            0 => self.terminal.press(&[KEYS[random.below(10) as usize]]),
            1 => {
                let (width, height) = (20 + random.below(150), 5 + random.below(50));
                self.terminal.resize(width as u16, height as u16);
            }
            2 => return self.send(Signal::KILL),
            3 => return self.send(Signal::INT),
            4 => return self.send(Signal::TERM),
            _ => {
                self.stands_still = true;
                return self.send(Signal::STOP);
            }
        }
        0
    }

    /// Sends a signal to the view that there is now, if there is one.
    fn send(&self, signal: Signal) -> u64 {
        let pid = fs::read_to_string(self.terminal.file("pid")).ok();
        let pid = pid.and_then(|pid| Pid::from_raw(pid.trim().parse().ok()?));
        let Some((pid, process)) =
            pid.and_then(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?)))
        else {
            return 0;
        };
        // The number may be somebody else's by now.
        let environment = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero()));
        let ours = format!("FRAMEBUS_BUS={}", self.bus.name());
        let mut words = environment
            .iter()
            .flat_map(|words| words.split(|byte| *byte == 0));
        if !words.any(|word| word == ours.as_bytes()) {
            return 0;
        }
        u64::from(pidfd_send_signal(process, signal).is_ok())
    }

    pub(super) fn go_on(&mut self) -> u64 {
        if !std::mem::take(&mut self.stands_still) {
            return 0;
        }
        self.send(Signal::CONT)
    }

    /// Proves that it still shows the bus, and looks at what all before it ended with.
    pub(super) fn end(&mut self) {
        self.go_on();
        self.terminal.resize(100, 30);
        // Whatever it shows or is asked for, a new one begins with the overview.
        until("the view is replaced", || self.send(Signal::KILL) == 1);
        self.terminal.shows("PRODUCER");
        let codes = fs::read_to_string(self.terminal.file("codes")).unwrap_or_default();
        for code in codes.lines() {
            let code: i32 = code.parse().expect("an exit code");
            // The shell's word for a signal.
            let exit = match code {
                137 => Exit::Signal(Signal::KILL.as_raw()),
                code => Exit::Code(code),
            };
            assert_decent("top", exit, "");
        }
    }
}
