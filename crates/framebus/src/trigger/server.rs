//! The producer's end: a control thread that accepts and clears, and a list of targets that the frame path reads.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use rustix::event::epoll::{self, CreateFlags, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::net::{SendFlags, send};

use super::descriptors::is_exhaustion;
use super::protocol::{Answer, TRIGGER};
use super::{NameKeeper, ServerError};
use crate::clock::monotonic_ns;
use crate::shm::OwnedSegment;
use crate::sync::{Ordering, bump};

mod listener;
mod peers;
#[cfg(test)]
mod tests;
mod token;
use listener::{NamedListener, listen};
use peers::Peers;
use token::Token;

/// How often the control thread shows that the producer lives, in milliseconds.
pub const HEARTBEAT_MS: i64 = 200;
const HEARTBEAT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: HEARTBEAT_MS * 1_000_000,
};
/// How long the control thread rests, once a loop, when not even its spare descriptor helps.
const EXHAUSTED: std::time::Duration = std::time::Duration::from_millis(50);

/// Where one consumer's triggers go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) index: u8,
    pub(super) wire: Wire,
}

#[derive(Debug, Clone)]
pub(super) enum Wire {
    /// 8 bytes into an eventfd: never full.
    Eventfd(Arc<OwnedFd>),
    /// One byte into the connection.
    Pipe(Arc<interprocess::local_socket::Stream>),
}

/// What the frame path and the control thread share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The segment that is written now; locked by the frame path only when it is replaced.
    pub(super) segment: Mutex<Arc<OwnedSegment>>,
    /// Replaced as a whole when somebody comes or goes, so that the frame path never waits for the control thread.
    pub(super) targets: ArcSwap<Vec<Target>>,
    /// Written when a consumer has said something or is gone, where the producer waits for its consumers.
    pub(super) told: Option<OwnedFd>,
}

/// The named pipes of a bus. Dropped, it hangs up and removes them.
#[derive(Debug)]
pub(crate) struct TriggerServer {
    shared: Arc<Shared>,
    peers: Arc<Mutex<Peers>>,
    shutdown: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl TriggerServer {
    /// Listens on the pipes of every consumer index. The caller holds the bus's named lock, so that a socket file that is
    /// already there is a dead producer's, and has made room for the descriptors. With `listens`, what consumers say is told.
    pub(crate) fn start(
        names: Arc<dyn NameKeeper>,
        segment: Arc<OwnedSegment>,
        listens: bool,
    ) -> Result<TriggerServer, ServerError> {
        let pipes = &names.pipes_dir();
        let consumers = segment.regions().layout().consumers;
        let epoll =
            epoll::create(CreateFlags::CLOEXEC).map_err(|error| ServerError::new(pipes, error))?;
        let shutdown = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| ServerError::new(pipes, error))?;
        epoll::add(&epoll, &shutdown, Token::Shutdown.pack(), EventFlags::IN)
            .map_err(|error| ServerError::new(pipes, error))?;
        let mut listeners = Vec::with_capacity(consumers.into());
        for index in 0..consumers {
            listeners.push(listen(&epoll, pipes, index, names.access())?);
        }
        let shared = Arc::new(Shared {
            segment: Mutex::new(segment),
            targets: ArcSwap::default(),
            told: match listens {
                true => Some(told().map_err(|error| ServerError::new(pipes, error))?),
                false => None,
            },
        });
        let peers = Arc::new(Mutex::new(Peers::new(Arc::clone(&shared), consumers)));
        let control = Control {
            epoll,
            listeners,
            names: Arc::clone(&names),
            shared: Arc::clone(&shared),
            looked_ns: monotonic_ns(),
            peers: Arc::clone(&peers),
            refusing: Cell::new(false),
            spare: Cell::new(spare()),
        };
        let thread = std::thread::Builder::new()
            .name("control".into())
            .spawn(move || control.run())
            .map_err(|source| ServerError::new(pipes, source))?;
        Ok(TriggerServer {
            shared,
            peers,
            shutdown,
            thread: Some(thread),
        })
    }

    /// Triggers every consumer: one system call each, none of which can block.
    pub(crate) fn notify(&self, segment: &OwnedSegment) {
        for target in self.shared.targets.load().iter() {
            let claim = segment.regions().claim(target.index);
            let sent = match &target.wire {
                Wire::Eventfd(event) => rustix::io::write(event, &1u64.to_ne_bytes()).is_ok(),
                Wire::Pipe(stream) => send(
                    stream_fd(stream),
                    &[TRIGGER],
                    SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
                )
                .is_ok(),
            };
            bump(
                if sent {
                    &claim.triggers
                } else {
                    &claim.coalesced
                },
                1,
            );
        }
    }

    /// Readable when a consumer has said something or is gone, where that is told.
    pub(crate) fn told(&self) -> Option<BorrowedFd<'_>> {
        self.shared.told.as_ref().map(AsFd::as_fd)
    }

    /// Begins to wait anew for what consumers say.
    pub(crate) fn clear_told(&self) {
        if let Some(told) = &self.shared.told {
            // Nothing to read is as good.
            let _ = rustix::io::read(told, &mut [0; 8]);
        }
    }

    /// Goes on with another segment: who is connected stays so, and is entered there.
    pub(crate) fn switch(&self, segment: Arc<OwnedSegment>) {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        *self
            .shared
            .segment
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = segment;
        peers.enter_all();
    }
}

impl Drop for TriggerServer {
    fn drop(&mut self) {
        let _ = rustix::io::write(&self.shutdown, &1u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(super) fn stream_fd(
    stream: &interprocess::local_socket::Stream,
) -> std::os::fd::BorrowedFd<'_> {
    match stream {
        interprocess::local_socket::Stream::UdSocket(stream) => stream.as_fd(),
    }
}

/// The control thread.
struct Control {
    epoll: OwnedFd,
    listeners: Vec<NamedListener>,
    names: Arc<dyn NameKeeper>,
    shared: Arc<Shared>,
    /// When it last looked whether the names are there.
    looked_ns: u64,
    peers: Arc<Mutex<Peers>>,
    /// Whether the last connection could not be accepted: said once, not twenty times a second.
    refusing: Cell<bool>,
    /// A descriptor to give up when there is no other: with its place whoever wants to come in is told why not, and does not
    /// stand in the queue, which would be an event that never ends.
    spare: Cell<Option<OwnedFd>>,
}

fn told() -> rustix::io::Result<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
}

fn spare() -> Option<OwnedFd> {
    eventfd(0, EventfdFlags::CLOEXEC).ok()
}

impl Control {
    fn run(mut self) {
        // Everything that can be ready at once: two descriptors an index, and the request to end.
        let mut events = Vec::with_capacity(2 * self.listeners.len() + 1);
        loop {
            events.clear();
            let waited = epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&HEARTBEAT),
            );
            self.shared.heartbeat();
            self.look_at_names();
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = waited
                && error != rustix::io::Errno::INTR
            {
                tracing::error!("the control thread of the named pipes cannot wait: {error}");
                return;
            }
            // The structure is packed: its fields are copied out.
            let ready = || {
                events
                    .iter()
                    .map(|event| (Token::unpack(event.data), event.flags))
            };
            for (token, flags) in ready() {
                match token {
                    Token::Shutdown => {
                        peers.hang_up();
                        return;
                    }
                    Token::Peer { index, connection } => {
                        peers.serve(&self.epoll, index, connection, flags);
                    }
                    Token::Listener(_) => {}
                }
            }
            // Only now those who want to come in: the index of one that has just gone is free for them.
            let mut exhausted = false;
            for (token, _) in ready() {
                if let Token::Listener(index) = token {
                    exhausted |= !self.accept(&mut peers, index);
                }
            }
            drop(peers);
            if exhausted {
                std::thread::sleep(EXHAUSTED);
            }
        }
    }

    /// Puts back what others have removed of the bus's names; not more often than the heart beats.
    fn look_at_names(&mut self) {
        let now_ns = monotonic_ns();
        if now_ns.saturating_sub(self.looked_ns) < HEARTBEAT_MS as u64 * 1_000_000 {
            return;
        }
        self.looked_ns = now_ns;
        let (epoll, listeners, access) = (&self.epoll, &mut self.listeners, self.names.access());
        let segment = || {
            let segment = self.shared.segment.lock();
            Arc::clone(&segment.unwrap_or_else(PoisonError::into_inner))
        };
        self.names.look(&segment, &mut |pipes| {
            let mut made = 0;
            for (index, listener) in (0u8..).zip(listeners.iter_mut()) {
                if !listener.is_in(pipes) || !listener.has_its_name() {
                    // Who is connected stays so; who waits to be accepted tries again at the new one.
                    *listener = listen(epoll, pipes, index, access)?;
                    made += 1;
                }
            }
            Ok(made)
        });
    }

    /// Lets somebody in; `false` when they are still at the door.
    fn accept(&self, peers: &mut Peers, index: u8) -> bool {
        let Some(listener) = self.listeners.get(usize::from(index)) else {
            return true;
        };
        match listener.accept() {
            Ok(stream) => {
                self.refusing.set(false);
                peers.admit(&self.epoll, index, stream);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => {
                if !self.refusing.replace(true) {
                    tracing::warn!("consumer {index} cannot connect: {error}");
                }
                is_exhaustion(&error) && self.turn_away(listener)
            }
        }
    }

    /// Tells somebody that there is no descriptor for them, with the spare one.
    fn turn_away(&self, listener: &NamedListener) -> bool {
        drop(self.spare.take());
        let accepted = listener.accept();
        if let Ok(stream) = &accepted {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let _ = send(stream_fd(stream), &Answer::Exhausted.encode(), flags);
        }
        let gone = accepted.is_ok();
        drop(accepted);
        self.spare.set(spare());
        gone
    }
}

impl Shared {
    /// Wakes a producer that waits for its consumers.
    pub(super) fn tell(&self) {
        if let Some(told) = &self.told {
            // A full counter is as readable as one more.
            let _ = rustix::io::write(told, &1u64.to_ne_bytes());
        }
    }

    fn heartbeat(&self) {
        let segment = self.segment.lock().unwrap_or_else(PoisonError::into_inner);
        segment
            .regions()
            .header()
            .heartbeat_ns
            .store(monotonic_ns(), Ordering::Relaxed);
    }
}
