//! The consumer's end of a named pipe.

use std::io::{self, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use interprocess::ConnectWaitMode;
use interprocess::local_socket::{ConnectOptions, GenericFilePath, Stream, ToFsName};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, getpeername,
    recvmsg, send,
};
use thiserror::Error;

use super::protocol::{ANSWER_LEN, Answer, TRIGGER, hello};
use super::server::stream_fd;
use crate::clock::monotonic_ns;
use crate::layout::TriggerKind;
use crate::stop::{Stop, Waited};

/// A claim on a consumer index: as long as it is open, the index is this process's.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// The consumer's own eventfd, if it asked for one.
    pub(crate) event: Option<OwnedFd>,
    pub(crate) kind: TriggerKind,
}

/// Why an index cannot be claimed.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// Nobody listens.
    #[error("nobody listens")]
    Nobody,
    /// Somebody else has the index.
    #[error("the index is in use by pid {pid}")]
    InUse { pid: u32 },
    /// This user may not.
    #[error("permission denied")]
    Denied,
    /// The producer has no descriptor for it.
    #[error("the producer has no file descriptor left")]
    Exhausted,
    /// The producer does not answer in time: it is stopped, or no framebus.
    #[error("no answer")]
    Silent,
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
    /// The system says no.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Connection {
    /// The connection itself: it hangs up when the producer is gone, and carries trigger bytes.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        stream_fd(&self.stream)
    }
}

/// Claims the index whose pipe is at `path`, and agrees on how to wait.
pub(crate) fn connect(
    path: &Path,
    kind: TriggerKind,
    timeout: Duration,
    stop: &Stop,
) -> Result<Connection, ConnectError> {
    let name = path.to_fs_name::<GenericFilePath>()?;
    let stream = ConnectOptions::new()
        .name(name)
        .wait_mode(ConnectWaitMode::Deferred)
        .nonblocking_stream(true)
        .connect_sync()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ConnectError::Nobody,
            io::ErrorKind::PermissionDenied => ConnectError::Denied,
            _ => ConnectError::System(error),
        })?;
    // A stopped producer accepts nobody. When its queue is full a local socket is not "being connected", it is not
    // connected, and never will be: the caller tries again.
    if getpeername(stream_fd(&stream)).is_err() {
        return Err(ConnectError::Silent);
    }
    // A refusal may be there already, and the other end closed: what matters is what can be read.
    let _ = send(
        stream_fd(&stream),
        &[hello(kind)],
        SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
    );
    let (answer, event) = read_answer(&stream, timeout, stop)?;
    let kind = match Answer::decode(&answer) {
        Some(Answer::Welcome { trigger, .. }) => trigger,
        Some(Answer::InUse { pid }) => return Err(ConnectError::InUse { pid }),
        Some(Answer::Exhausted) => return Err(ConnectError::Exhausted),
        None => {
            return Err(ConnectError::System(io::Error::other(
                "the producer's answer is not framebus's",
            )));
        }
    };
    if kind == TriggerKind::Eventfd && event.is_none() {
        return Err(ConnectError::System(io::Error::other(
            "the producer sent no eventfd",
        )));
    }
    Ok(Connection {
        stream,
        event,
        kind,
    })
}

/// Reads triggers that came before the answer, and the answer, with the descriptor beside it.
fn read_answer(
    stream: &Stream,
    timeout: Duration,
    stop: &Stop,
) -> Result<([u8; ANSWER_LEN], Option<OwnedFd>), ConnectError> {
    let deadline =
        monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let mut answer = [0; ANSWER_LEN];
    let mut have = 0;
    let mut event = None;
    while have < ANSWER_LEN {
        let left = Duration::from_nanos(deadline.saturating_sub(monotonic_ns()));
        match stop.wait_readable(stream_fd(stream), Some(left))? {
            Waited::Ready => {}
            Waited::TimedOut => return Err(ConnectError::Silent),
            Waited::Stopped => return Err(ConnectError::Stopped),
        }
        let mut bytes = [0; ANSWER_LEN];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut bytes[have..])];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let count = match recvmsg(stream_fd(stream), &mut parts, &mut ancillary, flags) {
            Ok(message) if message.bytes == 0 => return Err(ConnectError::Nobody),
            // The descriptor was there, and this process has no place for it.
            Ok(message) if message.flags.contains(ReturnFlags::CTRUNC) => {
                return Err(ConnectError::System(rustix::io::Errno::MFILE.into()));
            }
            Ok(message) => message.bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::CONNRESET | rustix::io::Errno::PIPE) => {
                return Err(ConnectError::Nobody);
            }
            Err(error) => return Err(ConnectError::System(error.into())),
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                event = descriptors.last();
            }
        }
        for byte in &bytes[have..have + count] {
            if have > 0 || *byte != TRIGGER {
                answer[have] = *byte;
                have += 1;
            }
        }
    }
    Ok((answer, event))
}
