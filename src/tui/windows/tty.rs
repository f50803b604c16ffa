//! Standard output as a console, which waits for nobody but who marks text in it.

use std::io::{self, Stdout, Write};

use framebus::stop::Stop;

/// The console of standard output. Once somebody asks to stop, what is to be drawn is thrown away: `last_words` follow.
#[derive(Debug)]
pub(crate) struct Tty {
    console: Stdout,
    stop: Stop,
}

impl Tty {
    /// Takes the console of standard output.
    pub(crate) fn open(stop: &Stop) -> io::Result<Tty> {
        // Has the console understand sequences, where it can.
        let _ = crossterm::ansi_support::supports_ansi();
        Ok(Tty {
            console: io::stdout(),
            stop: stop.clone(),
        })
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stop.is_set() {
            true => Ok(bytes.len()),
            false => self.console.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.console.flush()
    }
}

/// Writes the last words.
pub(crate) fn last_words(bytes: &[u8]) -> io::Result<()> {
    let mut console = io::stdout();
    console.write_all(bytes)?;
    console.flush()
}
