//! A connection over a named pipe: a Unix socket.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use interprocess::ConnectWaitMode;
use interprocess::local_socket::traits::StreamCommon;
use interprocess::local_socket::{ConnectOptions, GenericFilePath, Stream, ToFsName};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, getpeername, recv, recvmsg, send, sendmsg, shutdown,
};

use super::bell::{Bell, Waker};
use super::process::own_uid;
use crate::system::kinds::{ConnectRefusal, Peer, Waited};

const QUIETLY: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// One end of a connection. Nothing here waits but [`Line::wait`].
#[derive(Debug)]
pub(crate) struct Line {
    stream: Stream,
}

impl Line {
    pub(super) fn new(stream: Stream) -> Line {
        Line { stream }
    }

    /// Connects to the named pipe at `path`.
    pub(crate) fn connect(path: &Path) -> Result<Line, ConnectRefusal> {
        let name = path
            .to_fs_name::<GenericFilePath>()
            .map_err(ConnectRefusal::System)?;
        let stream = ConnectOptions::new()
            .name(name)
            .wait_mode(ConnectWaitMode::Deferred)
            .nonblocking_stream(true)
            .connect_sync()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ConnectRefusal::Nobody
                }
                io::ErrorKind::PermissionDenied => ConnectRefusal::Denied,
                _ => ConnectRefusal::System(error),
            })?;
        let line = Line { stream };
        // A stopped producer accepts nobody. When its queue is full a local socket is not "being connected", it is not
        // connected, and never will be: the caller tries again.
        if getpeername(line.fd()).is_err() {
            return Err(ConnectRefusal::Busy);
        }
        Ok(line)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::UdSocket(stream) => stream.as_fd(),
        }
    }

    /// Sends all of it, or nothing when the other end has not made room.
    pub(crate) fn send(&self, bytes: &[u8]) -> bool {
        send(self.fd(), bytes, QUIETLY) == Ok(bytes.len())
    }

    /// Sends an answer and the right to wait for a flag (SCM_RIGHTS).
    pub(crate) fn send_with(&self, answer: &[u8], waker: &Waker) -> bool {
        let descriptors = [waker.as_fd()];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return false;
        }
        sendmsg(self.fd(), &[IoSlice::new(answer)], &mut ancillary, QUIETLY) == Ok(answer.len())
    }

    /// Reads what is there; 0 is the end of what the other side sends, which may live on (.NET's In pipe shuts down its
    /// sending half at once), `WouldBlock` nothing yet.
    pub(crate) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        match recv(self.fd(), bytes, RecvFlags::DONTWAIT) {
            Ok((count, _)) => Ok(count),
            Err(Errno::INTR) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is there, and a flag that came with it.
    pub(crate) fn receive_with(&self, bytes: &mut [u8]) -> io::Result<(usize, Option<Waker>)> {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let parts = &mut [IoSliceMut::new(bytes)];
        let count = match recvmsg(self.fd(), parts, &mut ancillary, flags) {
            // The descriptor was there, and this process has no place for it.
            Ok(message) if message.flags.contains(ReturnFlags::CTRUNC) => {
                return Err(Errno::MFILE.into());
            }
            Ok(message) => message.bytes,
            Err(Errno::INTR) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(Errno::CONNRESET | Errno::PIPE) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut waker = None;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                waker = descriptors.last().map(Bell::from);
            }
        }
        Ok((count, waker))
    }

    /// The flag that an answer is about, of those that came with it.
    pub(crate) fn waker_of(&self, _answer: &[u8], came: Option<Waker>) -> Option<Waker> {
        came
    }

    /// Waits until something can be read (an end counts), or `stop` is set.
    pub(crate) fn wait(
        &self,
        stop: &Bell,
        stopped: impl Fn() -> bool,
        timeout: Duration,
    ) -> io::Result<Waited> {
        stop.wait_for_fd(self.fd(), PollFlags::IN, stopped, Some(timeout))
    }

    /// The other process.
    pub(crate) fn peer(&self) -> Peer {
        let credentials = self.stream.peer_creds().ok();
        let pid = credentials
            .as_ref()
            .and_then(|credentials| credentials.pid())
            .and_then(|pid| u32::try_from(pid).ok());
        let uid = rustix::net::sockopt::socket_peercred(self.fd())
            .map_or(u32::MAX, |credentials| credentials.uid.as_raw());
        Peer {
            pid: pid.unwrap_or(0),
            uid,
            is_trusted: uid == 0 || uid == own_uid(),
        }
    }

    /// Ends the connection, whoever has a copy of it: a forked child may.
    pub(crate) fn hang_up(&self) {
        let _ = shutdown(self.fd(), Shutdown::Both);
    }
}

#[cfg(test)]
impl From<std::os::fd::OwnedFd> for Line {
    fn from(socket: std::os::fd::OwnedFd) -> Line {
        let stream = interprocess::os::unix::uds_local_socket::Stream::from(socket);
        Line::new(Stream::UdSocket(stream))
    }
}
