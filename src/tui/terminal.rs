//! The terminal, borrowed: raw mode and the alternate screen, given back on every way out.

use std::io::{self, BufWriter, Write};
use std::sync::{Mutex, Once};

use crossterm::cursor::{Hide, Show};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;

use super::graphics::Shown;
use super::model::{Hit, Model};
use super::tty::{self, Tty};
use super::view::{self, Drawn};
use framebus::stop::Stop;

/// Presses and the wheel, with coordinates in decimal; not every movement.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";
/// Bracketed paste: the terminal says where pasted text begins and ends, so that it is not taken for keys.
const PASTE_ON: &[u8] = b"\x1b[?2004h";
const PASTE_OFF: &[u8] = b"\x1b[?2004l";

/// Whether a panic has a terminal to give back.
static BORROWED: Mutex<bool> = Mutex::new(false);

/// The terminal; dropping it gives it back as it was.
pub(crate) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Tty>>>,
    shown: Shown,
    mouse: bool,
}

impl Screen {
    /// Borrows the terminal. Drawing on one that does not read waits until it does, or until `stop` is set.
    pub(crate) fn enter(mouse: bool, stop: &Stop) -> io::Result<Screen> {
        restore_on_panic();
        // Which colours there are is the theme's decision: with NO_COLOR crossterm would drop bold and reverse with them.
        force_color_output(true);
        let writer = BufWriter::with_capacity(1 << 16, Tty::open(stop)?);
        let terminal = Terminal::new(CrosstermBackend::new(writer))?;
        let mut screen = Screen {
            terminal,
            shown: Shown::default(),
            mouse,
        };
        screen.borrow()?;
        Ok(screen)
    }

    /// Draws the state; only cells that changed are sent.
    pub(crate) fn draw(&mut self, model: &Model) -> io::Result<Vec<Hit>> {
        // Another thread panicked: its message is on the terminal now.
        if !is_borrowed() {
            return Err(io::Error::other(
                "the terminal was given back after a panic",
            ));
        }
        draw(&mut self.terminal, &mut self.shown, model)
    }

    /// Draws everything again with the next `draw`.
    ///
    /// Not by `Terminal::clear`: that asks the terminal where its cursor is, and one that does not answer, or answers late over a
    /// slow line, would end the view.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        let size = self.terminal.size()?;
        self.shown.forget();
        self.terminal.resize(size.into())
    }

    /// Returns the terminal's size in cells and in pixels, which are 0 where it does not know them.
    pub(crate) fn sizes(&mut self) -> io::Result<((u16, u16), (u16, u16))> {
        let size = match self.terminal.backend_mut().window_size() {
            // A console of Windows does not say.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                let cells = self.terminal.size()?;
                return Ok(((cells.width, cells.height), (0, 0)));
            }
            size => size?,
        };
        let (cells, pixels) = (size.columns_rows, size.pixels);
        Ok(((cells.width, cells.height), (pixels.width, pixels.height)))
    }

    /// Sends bytes that draw nothing.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let out = self.terminal.backend_mut();
        out.write_all(bytes)?;
        Write::flush(out)
    }

    /// Turns the mouse on or off.
    pub(crate) fn set_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        let out = self.terminal.backend_mut();
        out.write_all(if on { MOUSE_ON } else { MOUSE_OFF })?;
        Write::flush(out)
    }

    /// Gives the terminal back for as long as `meanwhile` runs, and draws everything again afterwards.
    pub(crate) fn lend(&mut self, meanwhile: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        give_back();
        let result = meanwhile();
        self.borrow()?;
        self.forget()?;
        result
    }

    /// Takes the terminal; whoever drops this gives it back.
    fn borrow(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        set_borrowed(true);
        let out = self.terminal.backend_mut();
        queue!(out, EnterAlternateScreen, Hide)?;
        out.write_all(PASTE_ON)?;
        if self.mouse {
            out.write_all(MOUSE_ON)?;
        }
        Write::flush(out)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Draws the state on a terminal, in one piece where it knows how to.
pub(crate) fn draw<W: Write>(
    terminal: &mut Terminal<CrosstermBackend<W>>,
    shown: &mut Shown,
    model: &Model,
) -> io::Result<Vec<Hit>> {
    let mut drawn = Drawn::default();
    queue!(terminal.backend_mut(), BeginSynchronizedUpdate)?;
    let frame = terminal.draw(|frame| drawn = view::draw(frame.buffer_mut(), model))?;
    let screen = frame.area;
    shown.send(terminal.backend_mut(), screen, drawn.placed)?;
    execute!(terminal.backend_mut(), EndSynchronizedUpdate)?;
    Ok(drawn.hits)
}

/// Returns what a screen shows, as lines of text.
pub(crate) fn plain(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let line = |cells: &[ratatui::buffer::Cell]| {
        let text: String = cells.iter().map(|cell| cell.symbol()).collect();
        text.trim_end().to_owned() + "\n"
    };
    buffer.content().chunks(width).map(line).collect()
}

/// Gives the terminal back, if it is borrowed. It may be gone: nothing here can fail in a way that matters.
fn give_back() {
    if set_borrowed(false) {
        let mut words = [MOUSE_OFF, PASTE_OFF].concat();
        let _ = queue!(words, EndSynchronizedUpdate, LeaveAlternateScreen, Show);
        let _ = tty::last_words(&words);
        let _ = disable_raw_mode();
    }
}

fn is_borrowed() -> bool {
    *BORROWED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Notes whether the terminal is borrowed; returns whether it was.
fn set_borrowed(borrowed: bool) -> bool {
    let mut state = BORROWED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    std::mem::replace(&mut *state, borrowed)
}

fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}
