//! Who is connected to which pipe, and what the segment says of it.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, PoisonError};

use interprocess::local_socket::Stream;
use interprocess::local_socket::traits::StreamCommon;
use rustix::event::epoll::{self, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, recv, send, sendmsg,
    shutdown,
};

use super::{Shared, Target, Token, Wire, stream_fd};
use crate::clock::monotonic_ns;
use crate::layout::{ClaimRecord, ClaimState, RecordState, TriggerKind, read_text, write_text};
use crate::shm::OwnedSegment;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::bump;
use crate::trigger::protocol::{Answer, read_hello};

/// One connected process.
#[derive(Debug)]
struct Peer {
    /// Which of all the connections there have been: an event of an earlier one on the same index is not its own.
    connection: u64,
    stream: Arc<Stream>,
    pid: u32,
    uid: u32,
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
    pub(super) fn admit(&mut self, epoll: &OwnedFd, index: u8, stream: Stream) {
        let connection = self.connections + 1;
        let Some(place) = self.peers.get_mut(usize::from(index)) else {
            return;
        };
        if let Some(holder) = place {
            // One send, never waited for; then the connection closes.
            let answer = Answer::InUse { pid: holder.pid }.encode();
            let _ = send(
                stream_fd(&stream),
                &answer,
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            );
            return;
        }
        let interest = EventFlags::IN | EventFlags::RDHUP;
        if let Err(error) = epoll::add(
            epoll,
            stream_fd(&stream),
            Token::Peer { index, connection }.pack(),
            interest,
        ) {
            tracing::warn!("consumer {index} cannot be watched, so it is turned away: {error}");
            return;
        }
        let credentials = stream.peer_creds().ok();
        let pid = credentials
            .as_ref()
            .and_then(|credentials| credentials.pid())
            .and_then(|pid| u32::try_from(pid).ok());
        let uid = rustix::net::sockopt::socket_peercred(stream_fd(&stream))
            .map(|credentials| credentials.uid.as_raw());
        self.connections = connection;
        *place = Some(Peer {
            connection,
            stream: Arc::new(stream),
            pid: pid.unwrap_or(0),
            uid: uid.unwrap_or(u32::MAX),
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
        claim.pid.store(peer.pid, Relaxed);
        claim.uid.store(peer.uid, Relaxed);
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
    pub(super) fn serve(&mut self, epoll: &OwnedFd, index: u8, connection: u64, flags: EventFlags) {
        let Some(Some(peer)) = self.peers.get_mut(usize::from(index)) else {
            return;
        };
        if peer.connection != connection {
            return;
        }
        let stream = Arc::clone(&peer.stream);
        if flags.contains(EventFlags::IN) {
            let mut bytes = [0; 64];
            match recv(stream_fd(&stream), &mut bytes, RecvFlags::DONTWAIT) {
                Ok((count, _)) => {
                    // Whatever it says after its first word is not read, so that nobody can keep this thread busy, unless
                    // the producer waits for it. When it has only shut down its sending half, as .NET's In pipe does at
                    // once, it lives until it hangs up, which is reported without being asked for.
                    if count == 0 || self.shared.told.is_none() {
                        let token = Token::Peer { index, connection }.pack();
                        let nothing = EventFlags::empty();
                        let _ = epoll::modify(epoll, stream_fd(&stream), token, nothing);
                    }
                    let first = !std::mem::replace(&mut peer.greeted, true);
                    let hello = bytes.iter().take(count).find_map(|byte| read_hello(*byte));
                    if let Some(kind) = hello.filter(|_| first)
                        && !self.welcome(index, kind)
                    {
                        self.remove(epoll, index);
                        return;
                    }
                    self.shared.tell();
                }
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
                Err(_) => {
                    self.remove(epoll, index);
                    return;
                }
            }
        }
        if flags.intersects(EventFlags::HUP | EventFlags::ERR) {
            self.remove(epoll, index);
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
            TriggerKind::Eventfd if !is_trusted(peer.uid) => TriggerKind::Pipe,
            kind => kind,
        };
        let (kind, event) = match make_event(kind) {
            Ok(event) => (kind, event),
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
        let stream = Arc::clone(&peer.stream);
        segment
            .regions()
            .claim(index)
            .trigger
            .store(kind as u32, Relaxed);
        // Before the answer: whoever has read it misses no trigger, also when the next frame is the only one.
        match &event {
            Some(event) => self.retarget(index, Some(Some(Wire::Eventfd(Arc::clone(event))))),
            None if kind == TriggerKind::Spin => self.retarget(index, None),
            None => {}
        }
        match &event {
            Some(event) => send_with_descriptor(&stream, &answer, event),
            None => {
                send(
                    stream_fd(&stream),
                    &answer,
                    SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
                ) == Ok(answer.len())
            }
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
            let wire = wire.unwrap_or_else(|| Wire::Pipe(Arc::clone(&peer.stream)));
            targets.push(Target { index, wire });
        }
        self.shared.targets.store(Arc::new(targets));
    }

    /// Forgets a peer that is gone: no more triggers, its lease and its record cleared, its index free.
    fn remove(&mut self, epoll: &OwnedFd, index: u8) {
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
        let _ = epoll::delete(epoll, stream_fd(&peer.stream));
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
        claim.gone_pid.store(peer.pid, Relaxed);
        record.clear();
        leave(claim, gone_ns, detached);
        let how = if detached {
            "has detached"
        } else {
            "has died; its lease is cleared"
        };
        tracing::debug!("consumer {index} (pid {}) {how}", peer.pid);
        self.shared.tell();
    }

    /// Hangs up on everybody: the end of the stream.
    pub(super) fn hang_up(&mut self) {
        self.shared.targets.store(Arc::default());
        for peer in self.peers.iter_mut().filter_map(Option::take) {
            // A forked child may have a copy of the descriptor: closing this one alone would end nothing.
            let _ = shutdown(stream_fd(&peer.stream), Shutdown::Both);
        }
    }
}

/// The eventfd of a consumer that waits on one.
fn make_event(kind: TriggerKind) -> rustix::io::Result<Option<Arc<OwnedFd>>> {
    match kind {
        TriggerKind::Eventfd => eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map(|event| Some(Arc::new(event))),
        TriggerKind::Pipe | TriggerKind::Spin => Ok(None),
    }
}

/// Whether a user could stop this process anyway.
fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
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

/// Sends an answer with an eventfd beside it (SCM_RIGHTS).
fn send_with_descriptor(stream: &Stream, answer: &[u8], event: &OwnedFd) -> bool {
    let descriptors = [event.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return false;
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(
        stream_fd(stream),
        &[IoSlice::new(answer)],
        &mut ancillary,
        flags,
    ) == Ok(answer.len())
}
