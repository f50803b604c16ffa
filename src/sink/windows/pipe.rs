//! Writing to a pipe, which cannot be waited for on Windows, nor given up: a thread writes it.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::system::is_file;
use framebus::stop::{Stop, Waited};

/// ERROR_PIPE_NOT_CONNECTED: what Wine says of a pipe that nobody reads any more.
const NOT_CONNECTED: i32 = 233;
/// What is written at once.
const PIECE: usize = 1 << 20;

/// What is open, and is closed by whoever has it.
pub(in crate::sink) type Owned = OwnedHandle;

/// What something open is, as far as writing to it goes.
#[derive(Debug)]
pub(in crate::sink) enum Opened {
    /// A file on a disk: never waits for a reader, and can be cut back.
    Regular(File),
    /// Everything else.
    Flow(Flow),
}

/// A pipe, a console or another device, with the thread that writes it.
#[derive(Debug)]
pub(in crate::sink) struct Flow {
    pieces: Sender<Vec<u8>>,
    shared: Arc<Shared>,
    is_terminal: bool,
}

#[derive(Debug)]
struct Shared {
    /// Set while the thread has nothing to write.
    free: Stop,
    failed: Mutex<Option<io::Error>>,
}

impl Flow {
    /// Whether it takes bytes that it has not written yet: it has when it can be written again.
    pub(in crate::sink) const TAKES_AHEAD: bool = true;

    fn of(mut file: File) -> io::Result<Flow> {
        let is_terminal = file.is_terminal();
        let shared = Arc::new(Shared {
            free: Stop::new()?,
            failed: Mutex::default(),
        });
        shared.free.set();
        let own = Arc::clone(&shared);
        let (pieces, receiver) = channel::<Vec<u8>>();
        // Nobody waits for its end: a write to a pipe that nobody reads has none.
        std::thread::Builder::new()
            .name("writer".into())
            .spawn(move || {
                for piece in receiver {
                    if let Err(error) = file.write_all(&piece) {
                        own.fail(error);
                        own.free.set();
                        return;
                    }
                    own.free.set();
                }
            })?;
        Ok(Flow {
            pieces,
            shared,
            is_terminal,
        })
    }

    /// Gives some of the bytes to the thread, which has to be free.
    pub(in crate::sink) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.shared.free.clear();
        let sent = self.pieces.send(piece.to_vec());
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    /// Waits until the thread is free, or somebody asks to stop.
    pub(in crate::sink) fn wait(&self, stop: &Stop) -> io::Result<Waited> {
        let waited = stop.wait_handle(self.shared.free.as_handle(), None)?;
        self.shared.result()?;
        Ok(waited)
    }

    /// Waits until the thread is free, for at most `timeout`; returns whether it is.
    pub(in crate::sink) fn wait_writable(&self, timeout: Duration) -> io::Result<bool> {
        let free = self.shared.free.is_set() || self.shared.free.sleep(timeout);
        self.shared.result()?;
        Ok(free)
    }

    /// Returns whether the other end is known to be closed: it shows with the next bytes.
    pub(in crate::sink) fn reader_gone(&self) -> bool {
        let result = self.shared.result();
        result.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The system chooses how much a pipe holds.
    pub(in crate::sink) fn enlarge(&self, _len: usize) {}

    pub(in crate::sink) fn is_terminal(&self) -> bool {
        self.is_terminal
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<io::Error>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, error: io::Error) {
        *self.lock() = Some(error);
    }

    /// What has failed, again and again.
    fn result(&self) -> io::Result<()> {
        match &*self.lock() {
            None => Ok(()),
            Some(error) => Err(match error.raw_os_error() {
                Some(NOT_CONNECTED) => io::ErrorKind::BrokenPipe.into(),
                Some(code) => io::Error::from_raw_os_error(code),
                None => error.kind().into(),
            }),
        }
    }
}

/// Standard output, once more.
pub(in crate::sink) fn stdout() -> io::Result<Owned> {
    io::stdout().as_handle().try_clone_to_owned()
}

/// Asks what something open is.
pub(in crate::sink) fn examine(file: File) -> io::Result<Opened> {
    match is_file(&file) {
        true => Ok(Opened::Regular(file)),
        false => Flow::of(file).map(Opened::Flow),
    }
}

/// Opens a device or a named pipe that somebody else has made.
pub(in crate::sink) fn open_special(path: &Path, _stop: &Stop) -> io::Result<Option<File>> {
    OpenOptions::new().write(true).open(path).map(Some)
}

/// Whether what is written goes behind what others write meanwhile: a shell puts the place at the end, and no more.
pub(in crate::sink) fn appends(_file: &File) -> io::Result<bool> {
    Ok(false)
}
