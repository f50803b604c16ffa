//! A connection to a server, of which every wait ends when somebody asks to stop.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::stop::{Stop, Waited};

/// How a wait ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    Data(usize),
    End,
    /// Nothing came in time.
    Nothing,
    Stopped,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum NoLink {
    UnknownHost,
    Refused(io::Error),
    /// Nobody has answered in time.
    Silent,
    Stopped,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
}

impl Link {
    /// Connects to the first address of a host that accepts.
    pub(super) fn connect(
        host: &str,
        port: u16,
        timeout: Duration,
        stop: &Stop,
    ) -> Result<Link, NoLink> {
        // Looking a name up cannot be interrupted: a thread does, and is left alone where nobody waits for it any more.
        let (sender, receiver) = channel();
        let (ready, done) = std::io::pipe().map_err(NoLink::Refused)?;
        let host = host.to_owned();
        let work = move || {
            let _ = sender.send(connect(&host, port, timeout));
            // Closing it is the sign.
            drop(done);
        };
        std::thread::Builder::new()
            .name("connect".into())
            .spawn(work)
            .map_err(NoLink::Refused)?;
        match stop.wait_readable(ready.as_fd(), Some(timeout)) {
            Ok(Waited::Ready) => {}
            Ok(Waited::TimedOut) => return Err(NoLink::Silent),
            Ok(Waited::Stopped) => return Err(NoLink::Stopped),
            Err(error) => return Err(NoLink::Refused(error)),
        }
        match receiver.try_recv() {
            Ok(connected) => connected,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => Err(NoLink::Silent),
        }
    }

    /// Sends a request, which is short.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        stop: &Stop,
        patience: Duration,
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(len) => bytes = &bytes[len..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    match stop.wait_writable(self.stream.as_fd(), Some(patience))? {
                        Waited::Ready => {}
                        Waited::TimedOut | Waited::Stopped => {
                            return Err(ErrorKind::TimedOut.into());
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what there is, up to a moment ([`monotonic_ns`]).
    pub(super) fn read(&mut self, space: &mut [u8], stop: &Stop, due_ns: u64) -> io::Result<Got> {
        loop {
            let patience = Duration::from_nanos(due_ns.saturating_sub(monotonic_ns()));
            match stop.wait_readable(self.stream.as_fd(), Some(patience))? {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(Got::Nothing),
                Waited::Stopped => return Ok(Got::Stopped),
            }
            match self.stream.read(space) {
                Ok(0) => return Ok(Got::End),
                Ok(len) => return Ok(Got::Data(len)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn connect(host: &str, port: u16, timeout: Duration) -> Result<Link, NoLink> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|_| NoLink::UnknownHost)?;
    let mut last = NoLink::UnknownHost;
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                stream.set_nonblocking(true).map_err(NoLink::Refused)?;
                return Ok(Link { stream });
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => last = NoLink::Silent,
            Err(error) => last = NoLink::Refused(error),
        }
    }
    Err(last)
}
