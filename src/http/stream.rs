//! A client's connection that remembers when it moved last, and breaks when an answer is not taken in time.
//!
//! An answer that comes in parts has no end: of that one each write has the time that another answer has as a whole.

use std::cell::Cell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// How a connection goes, for those who look at it from outside.
#[derive(Debug)]
pub(super) struct Pace {
    /// When a byte went to the client or came from it last.
    pub(super) moved: Cell<Instant>,
    /// Whether its answer comes in parts.
    pub(super) in_parts: Cell<bool>,
}

impl Pace {
    pub(super) fn new() -> Rc<Pace> {
        Rc::new(Pace {
            moved: Cell::new(Instant::now()),
            in_parts: Cell::new(false),
        })
    }
}

/// A connection with a limit on the time that an answer may take.
#[derive(Debug)]
pub(super) struct ClientStream {
    stream: TcpStream,
    pace: Rc<Pace>,
    answer_time: Duration,
    /// Runs from the first write that had to wait until everything is written.
    late: Option<Pin<Box<Sleep>>>,
}

impl ClientStream {
    /// Tells `pace` about every byte.
    pub(super) fn new(stream: TcpStream, pace: Rc<Pace>, answer_time: Duration) -> ClientStream {
        // An answer is written as a whole; without this it only might be later.
        let _ = stream.set_nodelay(true);
        ClientStream {
            stream,
            pace,
            answer_time,
            late: None,
        }
    }

    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    /// Looks at the outcome of a write.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if outcome.is_ready() {
            self.pace.moved.set(Instant::now());
            if self.pace.in_parts.get() {
                self.late = None;
            }
            return outcome;
        }
        let answer_time = self.answer_time;
        let late = self
            .late
            .get_or_insert_with(|| Box::pin(sleep(answer_time)));
        late.as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if outcome.is_ready() {
            self.pace.moved.set(Instant::now());
        }
        outcome
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Reached when all that was to be written is.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.late = None;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
