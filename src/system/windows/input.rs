//! Bytes that are waited for. A pipe here has nothing to wait for and no way to give up a read: a thread reads it ahead.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::windows::io::AsHandle;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use winapi_util::HandleRef;

use crate::system::Stream;
use framebus::stop::{Stop, Waited};

/// What is read at once.
const PIECE: usize = 1 << 20;
/// How many pieces are read ahead: what writes the pipe waits as soon as it does elsewhere.
const MOST_PIECES: usize = 4;

/// Standard input: a file, or what a thread reads of anything else.
#[derive(Debug)]
pub enum StandardInput {
    /// A file on a disk.
    File(File),
    /// A pipe or a console.
    Ahead(Ahead),
}

/// What was read of a pipe and not taken yet.
#[derive(Debug)]
pub struct Ahead {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pieces: Mutex<Pieces>,
    /// There is room for one more.
    room: Condvar,
    /// Set while there is something to take, or nothing more comes.
    there: Stop,
}

#[derive(Debug, Default)]
struct Pieces {
    all: VecDeque<Vec<u8>>,
    /// How much of the first was taken.
    taken: usize,
    /// How the input has ended.
    end: Option<io::Result<()>>,
}

/// Opens standard input.
///
/// # Errors
/// Fails when there is none, or the process has no thread left.
pub fn standard_input() -> io::Result<StandardInput> {
    let stdin = io::stdin();
    let input = File::from(stdin.as_handle().try_clone_to_owned()?);
    if winapi_util::file::typ(HandleRef::stdin()).is_ok_and(|kind| kind.is_disk()) {
        return Ok(StandardInput::File(input));
    }
    let shared = Arc::new(Shared {
        pieces: Mutex::default(),
        room: Condvar::new(),
        there: Stop::new()?,
    });
    let own = Arc::clone(&shared);
    // Nobody waits for its end: a read of a pipe that nobody writes has none.
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(move || own.fill(input))?;
    Ok(StandardInput::Ahead(Ahead { shared }))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.pieces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut input: File) {
        let mut space = vec![0; PIECE];
        loop {
            let mut piece = Vec::new();
            let end = match input.read(&mut space) {
                Ok(0) => Some(Ok(())),
                // Whoever has written it has closed it.
                Err(error) if is_end(&error) => Some(Ok(())),
                Err(error) => Some(Err(error)),
                Ok(len) => {
                    piece = space[..len].to_vec();
                    None
                }
            };
            let mut pieces = self.lock();
            if end.is_some() {
                pieces.end = end;
                self.there.set();
                return;
            }
            while pieces.all.len() >= MOST_PIECES {
                pieces = self
                    .room
                    .wait(pieces)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            pieces.all.push_back(piece);
            self.there.set();
        }
    }
}

/// ERROR_PIPE_NOT_CONNECTED is what Wine says of a pipe that nobody writes any more.
fn is_end(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe || error.raw_os_error() == Some(233)
}

impl Read for Ahead {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let mut pieces = self.shared.lock();
        let taken = pieces.taken;
        let Some(first) = pieces.all.front() else {
            return match pieces.end.take() {
                None => Err(ErrorKind::WouldBlock.into()),
                // An error is said once; after it there is an end.
                Some(end) => {
                    pieces.end = Some(Ok(()));
                    end.map(|()| 0)
                }
            };
        };
        let len = space.len().min(first.len() - taken);
        space[..len].copy_from_slice(&first[taken..][..len]);
        let is_taken = taken + len == first.len();
        pieces.taken = if is_taken { 0 } else { taken + len };
        if is_taken {
            pieces.all.pop_front();
            self.shared.room.notify_one();
        }
        if pieces.all.is_empty() && pieces.end.is_none() {
            self.shared.there.clear();
        }
        Ok(len)
    }
}

impl Read for StandardInput {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            StandardInput::File(file) => file.read(space),
            StandardInput::Ahead(ahead) => ahead.read(space),
        }
    }
}

impl Stream for StandardInput {
    fn wait(&self, stop: &Stop, patience: Option<Duration>) -> io::Result<Waited> {
        match self {
            StandardInput::File(file) => file.wait(stop, patience),
            StandardInput::Ahead(ahead) => {
                stop.wait_handle(ahead.shared.there.as_handle(), patience)
            }
        }
    }

    fn file_len(&self) -> io::Result<Option<u64>> {
        match self {
            StandardInput::File(file) => file.file_len(),
            StandardInput::Ahead(_) => Ok(None),
        }
    }

    fn position(&self) -> io::Result<u64> {
        match self {
            StandardInput::File(file) => file.position(),
            StandardInput::Ahead(_) => Err(ErrorKind::NotSeekable.into()),
        }
    }

    fn go_to(&self, position: u64) -> io::Result<()> {
        match self {
            StandardInput::File(file) => file.go_to(position),
            StandardInput::Ahead(_) => Err(ErrorKind::NotSeekable.into()),
        }
    }
}

/// A file on a disk never waits.
impl Stream for File {
    fn wait(&self, stop: &Stop, _patience: Option<Duration>) -> io::Result<Waited> {
        Ok(match stop.is_set() {
            true => Waited::Stopped,
            false => Waited::Ready,
        })
    }

    fn file_len(&self) -> io::Result<Option<u64>> {
        Ok(Some(self.metadata()?.len()))
    }

    fn position(&self) -> io::Result<u64> {
        let mut file = self;
        file.stream_position()
    }

    fn go_to(&self, position: u64) -> io::Result<()> {
        let mut file = self;
        file.seek(SeekFrom::Start(position)).map(drop)
    }
}
