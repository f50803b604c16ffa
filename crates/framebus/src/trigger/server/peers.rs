//! Who is connected to which pipe, and what the segment says of it.

use std::io;
use std::sync::{Arc, PoisonError};

use super::{Shared, Target, Token, Wire};
use crate::clock::monotonic_ns;
use crate::layout::{ClaimRecord, ClaimState, RecordState, TriggerKind, read_text, write_text};
use crate::shm::OwnedSegment;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::bump;
use crate::system::{self, Doorman, Event, Line, Waker};
use crate::trigger::protocol::{Answer, read_hello};

/// One connected process.
#[derive(Debug)]
struct Peer {
    /// Which of all the connections there have been: an event of an earlier one on the same index is not its own.
    connection: u64,
    line: Arc<Line>,
    process: system::Peer,
    kind: TriggerKind,
    connected_ns: u64,
    /// Whether it has said its first word.
    greeted: bool,
}

/// Everybody who is connected, by index. Only the control thread changes it.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) shared: Arc<Shared>,
    peers: Vec<Option<Peer>>,
    /// Connections so far.
    connections: u64,
}

impl Peers {
    pub(super) fn new(shared: Arc<Shared>, consumers: u8) -> Peers {
        Peers {
            shared,
            peers: (0..consumers).map(|_| None).collect(),
            connections: 0,
        }
    }

    fn segment(&self) -> Arc<OwnedSegment> {
        Arc::clone(
            &self
                .shared
                .segment
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Gives a free index to a new connection; turns it away otherwise.
    pub(super) fn admit(&mut self, doorman: &Doorman, index: u8, line: Line) {
        let connection = self.connections + 1;
        let Some(place) = self.peers.get_mut(usize::from(index)) else {
            return;
        };
        if let Some(holder) = place {
            // One send, never waited for; then the connection closes.
            let pid = holder.process.pid;
            line.send(&Answer::InUse { pid }.encode());
            return;
        }
        let token = Token::Peer { index, connection }.pack();
        if let Err(error) = doorman.watch(&line, token) {
            tracing::warn!("consumer {index} cannot be watched, so it is turned away: {error}");
            return;
        }
        self.connections = connection;
        *place = Some(Peer {
            connection,
            process: line.peer(),
            line: Arc::new(line),
            kind: TriggerKind::Pipe,
            connected_ns: monotonic_ns(),
            greeted: false,
        });
        let segment = self.segment();
        bump(&segment.regions().claim(index).connections, 1);
        self.enter(&segment, index);
        self.retarget(index, Some(None));
        tracing::debug!("consumer {index} has connected");
    }

    /// Enters a connected peer in the segment.
    fn enter(&self, segment: &OwnedSegment, index: u8) {
        let Some(Some(peer)) = self.peers.get(usize::from(index)) else {
            return;
        };
        let claim = segment.regions().claim(index);
        claim.pid.store(peer.process.pid, Relaxed);
        claim.uid.store(peer.process.uid, Relaxed);
        claim.trigger.store(peer.kind as u32, Relaxed);
        claim.connected_ns.store(peer.connected_ns, Relaxed);
        claim.triggers.store(0, Relaxed);
        claim.coalesced.store(0, Relaxed);
        claim.left_out.store(0, Relaxed);
        claim.waited_ns.store(0, Relaxed);
        claim.state.store(ClaimState::Connected as u32, Release);
    }

    /// Enters everybody who is connected in a new segment.
    pub(super) fn enter_all(&self) {
        let segment = self.segment();
        for (index, _) in (0u8..).zip(&self.peers) {
            self.enter(&segment, index);
        }
    }

    /// Handles what a connection has to say: a hello, half a good-bye, or its end.
    pub(super) fn serve(&mut self, doorman: &Doorman, index: u8, connection: u64, event: Event) {
        let Some(Some(peer)) = self.peers.get_mut(usize::from(index)) else {
            return;
        };
        if peer.connection != connection {
            return;
        }
        let line = Arc::clone(&peer.line);
        if event.readable {
            let mut bytes = [0; 64];
            match line.receive(&mut bytes) {
                Ok(count) => {
                    // Whatever it says after its first word is not read, so that nobody can keep this thread busy, unless
                    // the producer waits for it. When it has only shut down its sending half, as .NET's In pipe does at
                    // once, it lives until it hangs up, which is reported without being asked for.
                    if count == 0 || self.shared.told.is_none() {
                        let token = Token::Peer { index, connection }.pack();
                        doorman.watch_end_only(&line, token);
                    }
                    let first = !std::mem::replace(&mut peer.greeted, true);
                    let hello = bytes.iter().take(count).find_map(|byte| read_hello(*byte));
                    if let Some(kind) = hello.filter(|_| first)
                        && !self.welcome(index, kind)
                    {
                        self.remove(doorman, index);
                        return;
                    }
                    self.shared.tell();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.remove(doorman, index);
                    return;
                }
            }
        }
        if event.hung_up {
            self.remove(doorman, index);
        }
    }

    /// Answers a hello; `false` when the peer does not take the answer.
    fn welcome(&mut self, index: u8, kind: TriggerKind) -> bool {
        let segment = self.segment();
        let Some(Some(peer)) = self.peers.get_mut(usize::from(index)) else {
            return false;
        };
        let kind = match kind {
            // O_NONBLOCK of an eventfd belongs to both ends: a peer could take it away, fill the counter, and the next
            // write would stop the camera. A socket is asked not to block with every byte.
            TriggerKind::Eventfd if !peer.process.is_trusted => TriggerKind::Pipe,
            kind => kind,
        };
        let (kind, waker) = match make_waker(kind) {
            Ok(waker) => (kind, waker),
            // Its connection is a descriptor that is there already.
            Err(error) => {
                tracing::warn!("consumer {index} gets no eventfd, and is woken by bytes: {error}");
                (TriggerKind::Pipe, None)
            }
        };
        peer.kind = kind;
        let generation = segment.regions().header().generation.load(Relaxed);
        let answer = Answer::Welcome {
            trigger: kind,
            generation,
        }
        .encode();
        let line = Arc::clone(&peer.line);
        segment
            .regions()
            .claim(index)
            .trigger
            .store(kind as u32, Relaxed);
        // Before the answer: whoever has read it misses no trigger, also when the next frame is the only one.
        match &waker {
            Some(waker) => self.retarget(index, Some(Some(Wire::Flag(Arc::clone(waker))))),
            None if kind == TriggerKind::Spin => self.retarget(index, None),
            None => {}
        }
        match &waker {
            Some(waker) => line.send_with(&answer, waker),
            None => line.send(&answer),
        }
    }

    /// Sends a consumer's triggers elsewhere: `None` nowhere, `Some(None)` down its connection.
    fn retarget(&self, index: u8, wire: Option<Option<Wire>>) {
        let Some(Some(peer)) = self.peers.get(usize::from(index)) else {
            return;
        };
        let mut targets: Vec<Target> = self
            .shared
            .targets
            .load()
            .iter()
            .filter(|target| target.index != index)
            .cloned()
            .collect();
        if let Some(wire) = wire {
            let wire = wire.unwrap_or_else(|| Wire::Pipe(Arc::clone(&peer.line)));
            targets.push(Target { index, wire });
        }
        self.shared.targets.store(Arc::new(targets));
    }

    /// Forgets a peer that is gone: no more triggers, its lease and its record cleared, its index free.
    fn remove(&mut self, doorman: &Doorman, index: u8) {
        let gone_ns = monotonic_ns();
        self.retarget(index, None);
        let Some(peer) = self
            .peers
            .get_mut(usize::from(index))
            .and_then(Option::take)
        else {
            return;
        };
        // The frame path may hold the connection for a moment longer, and its hang-up would wake this thread again and
        // again.
        doorman.forget(&peer.line);
        let segment = self.segment();
        let (claim, record) = (
            segment.regions().claim(index),
            segment.regions().record(index),
        );
        // A lease is the one thing that others wait for.
        record.lease.store(0, Release);
        let detached = record.state.load(Acquire) != RecordState::ATTACHED;
        write_text(&claim.gone_name, &read_text(&record.name));
        write_text(&claim.gone_language, &read_text(&record.language));
        claim.gone_pid.store(peer.process.pid, Relaxed);
        record.clear();
        leave(claim, gone_ns, detached);
        let how = if detached {
            "has detached"
        } else {
            "has died; its lease is cleared"
        };
        tracing::debug!("consumer {index} (pid {}) {how}", peer.process.pid);
        self.shared.tell();
    }

    /// Hangs up on everybody: the end of the stream.
    pub(super) fn hang_up(&mut self) {
        self.shared.targets.store(Arc::default());
        for peer in self.peers.iter_mut().filter_map(Option::take) {
            // A forked child may have a copy of the connection: closing this one alone would end nothing.
            peer.line.hang_up();
        }
    }
}

/// The flag of a consumer that waits on one.
fn make_waker(kind: TriggerKind) -> io::Result<Option<Arc<Waker>>> {
    match kind {
        TriggerKind::Eventfd => Waker::new().map(|waker| Some(Arc::new(waker))),
        TriggerKind::Pipe | TriggerKind::Spin => Ok(None),
    }
}

fn leave(claim: &ClaimRecord, gone_ns: u64, detached: bool) {
    claim.gone_ns.store(gone_ns, Relaxed);
    claim.cleared_ns.store(monotonic_ns(), Relaxed);
    claim.pid.store(0, Relaxed);
    if !detached {
        bump(&claim.deaths, 1);
    }
    let state = if detached {
        ClaimState::Detached
    } else {
        ClaimState::Died
    };
    claim.state.store(state as u32, Release);
}
