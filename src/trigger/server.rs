//! The producer's end: a control thread that accepts and clears, and a list of targets that the frame path reads.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{
    GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::net::{SendFlags, send};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use super::protocol::TRIGGER;
use crate::bus::pipe_path;
use crate::clock::monotonic_ns;
use crate::shm::OwnedSegment;
use crate::sync::{Ordering, bump};

mod peers;
use peers::Peers;

/// How often the control thread shows that the producer lives, in milliseconds.
pub(crate) const HEARTBEAT_MS: i64 = 200;
const HEARTBEAT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: HEARTBEAT_MS * 1_000_000,
};
/// How long accepting rests when the system has no descriptor left.
const EXHAUSTED: std::time::Duration = std::time::Duration::from_millis(50);

/// Why a named pipe cannot be listened to.
#[derive(Debug, Error)]
#[error("the named pipe {path} cannot be made: {source}")]
pub struct ServerError {
    path: String,
    source: io::Error,
}

impl ServerError {
    fn new(path: &Path, source: impl Into<io::Error>) -> ServerError {
        ServerError {
            path: path.display().to_string(),
            source: source.into(),
        }
    }

    /// Whether this user may not make it.
    pub(crate) fn is_permission(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

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
    /// already there is a dead producer's.
    pub(crate) fn start(
        pipes: &Path,
        mode: u32,
        gid: Option<u32>,
        segment: Arc<OwnedSegment>,
    ) -> Result<TriggerServer, ServerError> {
        let consumers = segment.regions().layout().consumers;
        allow_descriptors(consumers);
        let epoll =
            epoll::create(CreateFlags::CLOEXEC).map_err(|error| ServerError::new(pipes, error))?;
        let shutdown = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| ServerError::new(pipes, error))?;
        epoll::add(
            &epoll,
            &shutdown,
            EventData::new_u64(SHUTDOWN),
            EventFlags::IN,
        )
        .map_err(|error| ServerError::new(pipes, error))?;
        let mut listeners = Vec::with_capacity(consumers.into());
        for index in 0..consumers {
            let path = pipe_path(pipes, index);
            let listener = NamedListener::new(&path, mode, gid)
                .map_err(|source| ServerError::new(&path, source))?;
            epoll::add(
                &epoll,
                listener.fd(),
                EventData::new_u64(index.into()),
                EventFlags::IN,
            )
            .map_err(|error| ServerError::new(&path, error))?;
            listeners.push(listener);
        }
        let shared = Arc::new(Shared {
            segment: Mutex::new(segment),
            targets: ArcSwap::default(),
        });
        let peers = Arc::new(Mutex::new(Peers::new(Arc::clone(&shared), consumers)));
        let control = Control {
            epoll,
            listeners,
            peers: Arc::clone(&peers),
            refusing: Cell::new(false),
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

/// Makes room for a listener, a connection and an eventfd for each consumer: the usual soft limit of 1024 is for programs
/// that use `select`. Where the hard limit is lower still, making the pipes says so.
fn allow_descriptors(consumers: u8) {
    let needed = 64 + 3 * u64::from(consumers);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let current = Some(limit.maximum.map_or(needed, |maximum| needed.min(maximum)));
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current,
                maximum: limit.maximum,
            },
        );
    }
}

/// A named pipe that is listened to. Its name goes with it, unless it is a successor's by then.
#[derive(Debug)]
struct NamedListener {
    listener: Listener,
    path: PathBuf,
    id: (u64, u64),
}

impl NamedListener {
    fn new(path: &Path, mode: u32, gid: Option<u32>) -> io::Result<NamedListener> {
        let listener = ListenerOptions::new()
            .name(path.to_fs_name::<GenericFilePath>()?)
            .nonblocking(ListenerNonblockingMode::Both)
            .mode(u16::try_from(mode).unwrap_or(0o600).into())
            .try_overwrite(true)
            // The crate would remove whatever has the name when it is dropped.
            .reclaim_name(false)
            .create_sync()?;
        let named = NamedListener {
            listener,
            path: path.to_owned(),
            id: file_id(path)?,
        };
        if let Some(gid) = gid {
            std::os::unix::fs::chown(path, None, Some(gid))?;
        }
        // What binding makes of the mode is without the bits of the umask.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(named)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::UdSocket(listener) => listener.as_fd(),
        }
    }
}

impl Drop for NamedListener {
    fn drop(&mut self) {
        if file_id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

pub(super) fn stream_fd(
    stream: &interprocess::local_socket::Stream,
) -> std::os::fd::BorrowedFd<'_> {
    match stream {
        interprocess::local_socket::Stream::UdSocket(stream) => stream.as_fd(),
    }
}

/// Tokens of the control thread's events: listeners are their index, connections are above `CONNECTION`.
const CONNECTION: u64 = 1 << 16;
const SHUTDOWN: u64 = 1 << 32;

/// The control thread.
struct Control {
    epoll: OwnedFd,
    listeners: Vec<NamedListener>,
    peers: Arc<Mutex<Peers>>,
    /// Whether the last connection could not be accepted: said once, not twenty times a second.
    refusing: Cell<bool>,
}

impl Control {
    fn run(self) {
        // Everything that can be ready at once: two descriptors an index, and the request to end.
        let mut events = Vec::with_capacity(2 * self.listeners.len() + 1);
        loop {
            events.clear();
            let waited = epoll::wait(
                &self.epoll,
                rustix::buffer::spare_capacity(&mut events),
                Some(&HEARTBEAT),
            );
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            peers.shared.heartbeat();
            if let Err(error) = waited
                && error != rustix::io::Errno::INTR
            {
                tracing::error!("the control thread of the named pipes cannot wait: {error}");
                return;
            }
            // The structure is packed: its fields are copied out.
            let ready = || events.iter().map(|event| (event.data.u64(), event.flags));
            for (token, flags) in ready() {
                match token {
                    SHUTDOWN => {
                        peers.hang_up();
                        return;
                    }
                    CONNECTION.. => peers.serve(&self.epoll, (token - CONNECTION) as u8, flags),
                    _ => {}
                }
            }
            // Only now those who want to come in: the index of one that has just gone is free for them.
            for (token, _) in ready().filter(|(token, _)| *token < CONNECTION) {
                self.accept(&mut peers, token as u8);
            }
        }
    }

    fn accept(&self, peers: &mut Peers, index: u8) {
        let Some(listener) = self.listeners.get(usize::from(index)) else {
            return;
        };
        match listener.listener.accept() {
            Ok(stream) => {
                self.refusing.set(false);
                peers.admit(&self.epoll, index, stream, CONNECTION + u64::from(index));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                if !self.refusing.replace(true) {
                    tracing::warn!("consumer {index} cannot connect: {error}");
                }
                std::thread::sleep(EXHAUSTED);
            }
        }
    }
}

impl Shared {
    fn heartbeat(&self) {
        let segment = self.segment.lock().unwrap_or_else(PoisonError::into_inner);
        segment
            .regions()
            .header()
            .heartbeat_ns
            .store(monotonic_ns(), Ordering::Relaxed);
    }
}
