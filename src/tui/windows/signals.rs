//! What wakes the view: keys, the mouse, another size and a request to stop, in one wait. Windows: the console's events.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::io::AsHandle;
use std::time::Duration;

use crossterm::event::{
    self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

use crate::tui::input::{Input, Parser};
use crate::tui::woken::Woken;
use framebus::stop::{Stop, Waited};

/// Whether a console answers what it is asked: not where it can be told from keys.
pub(crate) const ANSWERS: bool = false;

/// The console of this process. What is done with it becomes the bytes that a terminal would send.
#[derive(Debug)]
pub(crate) struct Events {
    console: File,
    parser: Parser,
}

impl Events {
    /// Listens to the console, also where standard input is something else.
    pub(crate) fn new() -> io::Result<Events> {
        Ok(Events {
            console: OpenOptions::new().read(true).write(true).open("CONIN$")?,
            parser: Parser::default(),
        })
    }

    /// Waits for at most `timeout`, or until something happens.
    pub(crate) fn wait(&mut self, stop: &Stop, timeout: Duration) -> io::Result<Woken> {
        let mut woken = Woken::default();
        if stop.wait_handle(self.console.as_handle(), Some(timeout))? != Waited::Ready {
            return Ok(woken);
        }
        while event::poll(Duration::ZERO)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    self.parser.feed(&bytes_of(key));
                }
                Event::Mouse(mouse) => {
                    let button = match mouse.kind {
                        MouseEventKind::Down(MouseButton::Left) => 0,
                        MouseEventKind::ScrollUp => 64,
                        MouseEventKind::ScrollDown => 65,
                        _ => continue,
                    };
                    let (column, row) = (mouse.column + 1, mouse.row + 1);
                    let report = format!("\x1b[<{button};{column};{row}M");
                    self.parser.feed(report.as_bytes());
                }
                Event::Resize(..) => woken.resized = true,
                _ => {}
            }
        }
        Ok(woken)
    }

    /// A console does not answer.
    pub(crate) fn answer(
        &mut self,
        _stop: &Stop,
        _limit: Duration,
        _is_complete: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// Takes the next input that has come.
    pub(crate) fn next(&mut self) -> Option<Input> {
        self.parser.next()
    }

    /// Returns whether an escape byte waits for what follows it.
    pub(crate) fn waits(&self) -> bool {
        self.parser.waits()
    }

    /// Takes an escape byte that nothing followed.
    pub(crate) fn flush(&mut self) -> Option<Input> {
        self.parser.flush()
    }
}

/// The bytes that a terminal sends for a key; none for one that `top` does not know.
fn bytes_of(key: KeyEvent) -> Vec<u8> {
    let text: &[u8] = match key.code {
        KeyCode::Char(letter) if key.modifiers == KeyModifiers::CONTROL => {
            let letter = letter.to_ascii_lowercase();
            return match letter {
                'a'..='z' => vec![letter as u8 - b'a' + 1],
                _ => Vec::new(),
            };
        }
        KeyCode::Char(letter) => return letter.to_string().into_bytes(),
        KeyCode::Enter => b"\r",
        KeyCode::Esc => b"\x1b",
        KeyCode::Tab => b"\t",
        KeyCode::BackTab => b"\x1b[Z",
        KeyCode::Backspace => b"\x7f",
        KeyCode::Up => b"\x1b[A",
        KeyCode::Down => b"\x1b[B",
        KeyCode::Right => b"\x1b[C",
        KeyCode::Left => b"\x1b[D",
        KeyCode::Home => b"\x1b[H",
        KeyCode::End => b"\x1b[F",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        _ => b"",
    };
    text.to_vec()
}

/// There is no shell that stops its jobs.
pub(crate) fn suspend() -> io::Result<()> {
    Ok(())
}
