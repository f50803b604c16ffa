//! Words that every system uses.

use std::io;

use thiserror::Error;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for is there.
    Ready,
    /// The time is over.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// How a consumer's wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A trigger came: there may be a new frame.
    Trigger,
    /// The producer is gone.
    HangUp,
    /// The time is over.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// Who else may use what a producer makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// Mode bits.
    pub(crate) mode: u32,
    /// Group.
    pub(crate) gid: Option<u32>,
}

/// Why a segment cannot be made.
#[derive(Debug, Error)]
pub(crate) enum CreateSegmentError {
    #[error("the name is taken")]
    NameTaken,
    #[error("it needs {needed} bytes, {free} are free")]
    Full { needed: u64, free: u64 },
    #[error("group {gid}: {source}")]
    Group { gid: u32, source: io::Error },
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Why a lock cannot be had.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// Somebody holds it.
    #[error("it is held")]
    Held,
    /// It belongs to another user.
    #[error("it belongs to user {uid}")]
    #[allow(dead_code, reason = "where users share a place for locks")]
    Foreign { uid: u32 },
    /// The system says no.
    #[error(transparent)]
    System(io::Error),
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectRefusal {
    /// Nobody listens.
    Nobody,
    /// This user may not.
    Denied,
    /// Whoever listens does not let anybody in at the moment.
    Busy,
    /// The system says no.
    System(io::Error),
}

/// How many descriptors a process needs for a bus, and how many it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooFew {
    pub(crate) needed: u64,
    pub(crate) limit: u64,
}

/// The process at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// 0 = not known.
    pub(crate) pid: u32,
    /// `u32::MAX` = not known.
    pub(crate) uid: u32,
    /// Whether it could stop this process anyway, and can be given a [`super::Bell`] of it.
    pub(crate) is_trusted: bool,
}

/// Something that a [`super::Doorman`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    /// What it is about, as it was given to the doorman.
    pub(crate) token: u64,
    /// Something can be read, or somebody wants to come in.
    pub(crate) readable: bool,
    /// The other end is gone.
    pub(crate) hung_up: bool,
}

/// What a process and its children have used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consumed {
    pub(crate) cpu_ns: u64,
    /// Memory of its own: without what it shares, such as the segment.
    pub(crate) rss_bytes: Option<u64>,
}

/// How busy the machine is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How many processes want to run, on average over the last minute.
    pub wanting: f64,
    /// How many can at once.
    pub cores: usize,
}
