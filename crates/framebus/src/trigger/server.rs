//! The producer's end: a control thread that accepts and clears, and a list of targets that the frame path reads.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::protocol::{Answer, TRIGGER};
use super::{NameKeeper, ServerError};
use crate::clock::monotonic_ns;
use crate::shm::OwnedSegment;
use crate::sync::{Ordering, bump};
use crate::system::{Bell, Door, Doorman, Line, Permissions, Waker, is_exhaustion, pipe_path};

mod peers;
#[cfg(all(test, unix))]
mod tests;
mod token;
use peers::Peers;
use token::Token;

/// How often the control thread shows that the producer lives, in milliseconds.
pub const HEARTBEAT_MS: i64 = 200;
const HEARTBEAT: Duration = Duration::from_millis(HEARTBEAT_MS as u64);
/// How long the control thread rests, once a loop, when not even its spare descriptor helps.
const EXHAUSTED: Duration = Duration::from_millis(50);

/// Where one consumer's triggers go.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) index: u8,
    pub(super) wire: Wire,
}

#[derive(Debug, Clone)]
pub(super) enum Wire {
    /// A flag of the consumer's own: never full.
    Flag(Arc<Waker>),
    /// One byte into the connection.
    Pipe(Arc<Line>),
}

/// What the frame path and the control thread share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The segment that is written now; locked by the frame path only when it is replaced.
    pub(super) segment: Mutex<Arc<OwnedSegment>>,
    /// Replaced as a whole when somebody comes or goes, so that the frame path never waits for the control thread.
    pub(super) targets: ArcSwap<Vec<Target>>,
    /// Written when a consumer has said something or is gone, where the producer waits for its consumers.
    pub(super) told: Option<Bell>,
}

/// The named pipes of a bus. Dropped, it hangs up and removes them.
#[derive(Debug)]
pub(crate) struct TriggerServer {
    shared: Arc<Shared>,
    peers: Arc<Mutex<Peers>>,
    doorman: Arc<Doorman>,
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
        let doorman = Arc::new(Doorman::new().map_err(|error| ServerError::new(pipes, error))?);
        let mut doors = Vec::with_capacity(consumers.into());
        for index in 0..consumers {
            doors.push(open(&doorman, pipes, index, names.permissions())?);
        }
        let shared = Arc::new(Shared {
            segment: Mutex::new(segment),
            targets: ArcSwap::default(),
            told: match listens {
                true => Some(Bell::new().map_err(|error| ServerError::new(pipes, error))?),
                false => None,
            },
        });
        let peers = Arc::new(Mutex::new(Peers::new(Arc::clone(&shared), consumers)));
        let control = Control {
            doorman: Arc::clone(&doorman),
            doors,
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
            doorman,
            thread: Some(thread),
        })
    }

    /// Triggers every consumer: one system call each, none of which can block.
    pub(crate) fn notify(&self, segment: &OwnedSegment) {
        for target in self.shared.targets.load().iter() {
            let claim = segment.regions().claim(target.index);
            let sent = match &target.wire {
                Wire::Flag(waker) => waker.ring(),
                Wire::Pipe(line) => line.send(&[TRIGGER]),
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

    /// Set when a consumer has said something or is gone, where that is told.
    pub(crate) fn told(&self) -> Option<&Bell> {
        self.shared.told.as_ref()
    }

    /// Begins to wait anew for what consumers say.
    pub(crate) fn clear_told(&self) {
        if let Some(told) = &self.shared.told {
            told.clear();
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
        self.doorman.call();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Listens on the pipe of a consumer index.
fn open(
    doorman: &Doorman,
    pipes: &Path,
    index: u8,
    permissions: Permissions,
) -> Result<Door, ServerError> {
    let path = pipe_path(pipes, index);
    let door = Door::open(&path, permissions).map_err(|source| ServerError::new(&path, source))?;
    let watched = doorman.watch_door(&door, Token::Door(index).pack());
    watched.map_err(|error| ServerError::new(&path, error))?;
    Ok(door)
}

/// The control thread.
struct Control {
    doorman: Arc<Doorman>,
    doors: Vec<Door>,
    names: Arc<dyn NameKeeper>,
    shared: Arc<Shared>,
    /// When it last looked whether the names are there.
    looked_ns: u64,
    peers: Arc<Mutex<Peers>>,
    /// Whether the last connection could not be accepted: said once, not twenty times a second.
    refusing: Cell<bool>,
    /// A descriptor to give up when there is no other: with its place whoever wants to come in is told why not, and does not
    /// stand in the queue, which would be an event that never ends.
    spare: Cell<Option<Bell>>,
}

fn spare() -> Option<Bell> {
    Bell::new().ok()
}

impl Control {
    fn run(mut self) {
        let mut events = Vec::new();
        loop {
            let waited = self.doorman.wait(&mut events, HEARTBEAT);
            self.shared.heartbeat();
            self.look_at_names();
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = waited {
                tracing::error!("the control thread of the named pipes cannot wait: {error}");
                return;
            }
            for event in &events {
                match Token::unpack(event.token) {
                    Token::Shutdown => {
                        peers.hang_up();
                        return;
                    }
                    Token::Peer { index, connection } => {
                        peers.serve(&self.doorman, index, connection, *event);
                    }
                    Token::Door(_) => {}
                }
            }
            // Only now those who want to come in: the index of one that has just gone is free for them.
            let mut exhausted = false;
            for event in &events {
                if let Token::Door(index) = Token::unpack(event.token) {
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
        let (doorman, doors) = (&self.doorman, &mut self.doors);
        let permissions = self.names.permissions();
        let segment = || {
            let segment = self.shared.segment.lock();
            Arc::clone(&segment.unwrap_or_else(PoisonError::into_inner))
        };
        self.names.look(&segment, &mut |pipes| {
            let mut made = 0;
            for (index, door) in (0u8..).zip(doors.iter_mut()) {
                if !door.is_in(pipes) || !door.has_its_name() {
                    // Who is connected stays so; who waits to be accepted tries again at the new one.
                    *door = open(doorman, pipes, index, permissions)?;
                    made += 1;
                }
            }
            Ok(made)
        });
    }

    /// Lets somebody in; `false` when they are still at the door.
    fn accept(&self, peers: &mut Peers, index: u8) -> bool {
        let Some(door) = self.doors.get(usize::from(index)) else {
            return true;
        };
        match door.accept() {
            Ok(line) => {
                self.refusing.set(false);
                peers.admit(&self.doorman, index, line);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => true,
            Err(error) => {
                if !self.refusing.replace(true) {
                    tracing::warn!("consumer {index} cannot connect: {error}");
                }
                is_exhaustion(&error) && self.turn_away(door)
            }
        }
    }

    /// Tells somebody that there is no descriptor for them, with the spare one.
    fn turn_away(&self, door: &Door) -> bool {
        drop(self.spare.take());
        let accepted = door.accept();
        if let Ok(line) = &accepted {
            let _ = line.send(&Answer::Exhausted.encode());
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
            told.ring();
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
