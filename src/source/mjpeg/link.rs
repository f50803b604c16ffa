//! A connection to a server, encrypted or not, of which every wait ends when somebody asks to stop.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::system::{sign, wait_for_sign, wait_readable, wait_writable};
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

/// Why a connection is not encrypted.
#[derive(Debug)]
pub(super) enum NoTls {
    /// The name of the host can be in no certificate.
    Name,
    /// Server and client do not agree, or it is not believed.
    Refused(rustls::Error),
    Lost(io::Error),
    HungUp,
    /// The server has not answered in time.
    Silent,
    Stopped,
}

impl From<io::Error> for NoTls {
    fn from(error: io::Error) -> NoTls {
        match error.kind() {
            ErrorKind::TimedOut => NoTls::Silent,
            ErrorKind::Interrupted => NoTls::Stopped,
            _ => NoTls::Lost(error),
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// The moment after which nobody waits any more ([`monotonic_ns`]).
pub(super) fn due_ns(patience: Duration) -> u64 {
    let nanos = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
    monotonic_ns().saturating_add(nanos)
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
        let (ready, done) = sign().map_err(NoLink::Refused)?;
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
        match wait_for_sign(&ready, stop, timeout) {
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

    /// Agrees with the server on how to encrypt, and finds out whether it is the one that was meant.
    pub(super) fn encrypt(
        &mut self,
        host: &str,
        config: Arc<ClientConfig>,
        patience: Duration,
        stop: &Stop,
    ) -> Result<(), NoTls> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| NoTls::Name)?;
        let mut tls = ClientConnection::new(config, name).map_err(NoTls::Refused)?;
        let due_ns = due_ns(patience);
        while tls.is_handshaking() {
            self.flush(&mut tls, stop, patience)?;
            if !tls.wants_read() {
                continue;
            }
            match self.ready(stop, due_ns)? {
                Waited::Ready => {}
                Waited::TimedOut => return Err(NoTls::Silent),
                Waited::Stopped => return Err(NoTls::Stopped),
            }
            match tls.read_tls(&mut self.stream) {
                Ok(0) => return Err(NoTls::HungUp),
                Ok(_) => {}
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error.into()),
            }
            if let Err(error) = tls.process_new_packets() {
                // The server is told why; whether it hears that is nobody's concern.
                let _ = self.flush(&mut tls, stop, Duration::ZERO);
                return Err(NoTls::Refused(error));
            }
        }
        self.flush(&mut tls, stop, patience)?;
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Sends a request, which is short. [`ErrorKind::Interrupted`] is a request to stop.
    pub(super) fn send(
        &mut self,
        mut bytes: &[u8],
        stop: &Stop,
        patience: Duration,
    ) -> io::Result<()> {
        if let Some(mut tls) = self.tls.take() {
            tls.writer().write_all(bytes)?;
            let sent = self.flush(&mut tls, stop, patience);
            self.tls = Some(tls);
            return sent;
        }
        while !bytes.is_empty() {
            let sent = self.stream.write(bytes);
            bytes = &bytes[self.sent(sent, stop, patience)?..];
        }
        Ok(())
    }

    /// Sends what the encryption has to send.
    fn flush(
        &mut self,
        tls: &mut ClientConnection,
        stop: &Stop,
        patience: Duration,
    ) -> io::Result<()> {
        while tls.wants_write() {
            let sent = tls.write_tls(&mut self.stream);
            self.sent(sent, stop, patience)?;
        }
        Ok(())
    }

    /// How much was sent; waits where there is no room.
    fn sent(&self, sent: io::Result<usize>, stop: &Stop, patience: Duration) -> io::Result<usize> {
        match sent {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                match wait_writable(&self.stream, stop, patience)? {
                    Waited::Ready => Ok(0),
                    Waited::TimedOut => Err(ErrorKind::TimedOut.into()),
                    // The socket's own is dealt with below.
                    Waited::Stopped => Err(ErrorKind::Interrupted.into()),
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(0),
            sent => sent,
        }
    }

    /// Waits until there is something to read, up to a moment ([`monotonic_ns`]).
    fn ready(&self, stop: &Stop, due_ns: u64) -> io::Result<Waited> {
        let patience = Duration::from_nanos(due_ns.saturating_sub(monotonic_ns()));
        wait_readable(&self.stream, stop, patience)
    }

    /// Reads what there is, up to a moment ([`monotonic_ns`]).
    pub(super) fn read(&mut self, space: &mut [u8], stop: &Stop, due_ns: u64) -> io::Result<Got> {
        loop {
            if let Some(tls) = &mut self.tls {
                match tls.reader().read(space) {
                    Ok(0) => return Ok(Got::End),
                    Ok(len) => return Ok(Got::Data(len)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // Hung up without a word: pictures say themselves whether they are whole.
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Got::End),
                    Err(error) => return Err(error),
                }
            }
            match self.ready(stop, due_ns)? {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(Got::Nothing),
                Waited::Stopped => return Ok(Got::Stopped),
            }
            let Some(tls) = &mut self.tls else {
                match self.stream.read(space) {
                    Ok(0) => return Ok(Got::End),
                    Ok(len) => return Ok(Got::Data(len)),
                    Err(error) if is_passing(&error) => continue,
                    Err(error) => return Err(error),
                }
            };
            match tls.read_tls(&mut self.stream) {
                Ok(_) => {}
                Err(error) if is_passing(&error) => continue,
                Err(error) => return Err(error),
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            // Such as an answer to new keys; there is always room for that little, or later.
            while tls.wants_write() && tls.write_tls(&mut self.stream).is_ok_and(|len| len > 0) {}
        }
    }
}

/// Whether an error says to try again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock)
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
                return Ok(Link { stream, tls: None });
            }
            Err(error) if error.kind() == ErrorKind::TimedOut => last = NoLink::Silent,
            Err(error) => last = NoLink::Refused(error),
        }
    }
    Err(last)
}
