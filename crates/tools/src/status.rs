//! What a producer says of itself while it runs: a line that changes on a terminal, a line a minute elsewhere.

use std::io::{IsTerminal, Write};

use crate::stderr::Stderr;
use framebus::bus::Producer;
use framebus::clock::monotonic_ns;

const SECOND: u64 = 1_000_000_000;

/// The producer's status.
#[derive(Debug)]
pub(crate) struct Status {
    terminal: bool,
    every_ns: u64,
    last_ns: u64,
    last_sequence: u64,
    /// The line that is on the terminal now.
    shown: usize,
}

impl Status {
    pub(crate) fn new(sequence: u64) -> Status {
        let enabled = tracing::enabled!(tracing::Level::INFO);
        let terminal = std::io::stderr().is_terminal() && enabled;
        let every_ns = if terminal { SECOND } else { 60 * SECOND };
        Status {
            terminal,
            every_ns,
            last_ns: monotonic_ns(),
            last_sequence: sequence,
            shown: 0,
        }
    }

    /// Shows the status when it is time to.
    pub(crate) fn update(&mut self, producer: &Producer) {
        let now = monotonic_ns();
        if now.saturating_sub(self.last_ns) < self.every_ns {
            return;
        }
        let stats = producer.stats();
        let seconds = (now - self.last_ns) as f64 / SECOND as f64;
        let fps = stats.sequence.saturating_sub(self.last_sequence) as f64 / seconds;
        self.last_ns = now;
        self.last_sequence = stats.sequence;
        let line = format!(
            "seq {}  {fps:.1} fps  dropped {}  starved {}  consumers {}",
            stats.sequence,
            stats.dropped,
            stats.starved,
            producer.connected()
        );
        if self.terminal {
            // In one piece: a line that cannot be written now is left out.
            let text = format!("\r{line:<width$}", width = self.shown);
            let _ = Stderr.write_all(text.as_bytes());
            self.shown = line.len();
        } else {
            tracing::info!("{line}");
        }
    }

    /// Removes the line from the terminal, before another line is written.
    pub(crate) fn clear(&mut self) {
        if self.shown > 0 {
            let text = format!("\r{:width$}\r", "", width = self.shown);
            let _ = Stderr.write_all(text.as_bytes());
            self.shown = 0;
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.clear();
    }
}
