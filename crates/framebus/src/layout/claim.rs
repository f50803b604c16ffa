//! What the producer knows of each consumer index.

use super::Text;
use crate::sync::{AtomicU32, AtomicU64};

layout! {
    /// One consumer index as the producer sees it: who is connected to its pipe. Writer: the producer.
    struct ClaimRecord[256] {
        /// 0 free, 1 connected, 2 detached, 3 died. Release.
        0 state: AtomicU32,
        /// Process at the other end of the pipe, as the kernel tells it (0 = not known).
        4 pid: AtomicU32,
        /// User at the other end of the pipe.
        8 uid: AtomicU32,
        /// How it waits: 1 eventfd, 2 pipe, 3 spin.
        12 trigger: AtomicU32,
        /// When it connected, CLOCK_MONOTONIC ns.
        16 connected_ns: AtomicU64,
        /// When its hang-up was seen, CLOCK_MONOTONIC ns.
        24 gone_ns: AtomicU64,
        /// When its record and lease were cleared after that, CLOCK_MONOTONIC ns.
        32 cleared_ns: AtomicU64,
        /// Triggers sent to it since it connected.
        40 triggers: AtomicU64,
        /// Triggers not sent because its pipe was full: it has one waiting.
        48 coalesced: AtomicU64,
        /// How many have been connected to this index.
        56 connections: AtomicU64,
        /// How many of those died without detaching.
        64 deaths: AtomicU64,
        /// Name of the one that went last.
        72 gone_name: Text<32>,
        /// Language of the one that went last.
        104 gone_language: Text<8>,
        /// Process that went last.
        112 gone_pid: AtomicU32,
        /// 1: the producer, in lockstep, does not wait for it any more: it took too long.
        116 left_out: AtomicU32,
        /// How long the producer has waited for it in lockstep since it connected, ns.
        120 waited_ns: AtomicU64,
        /// Zero.
        128 reserved: [AtomicU32; 32],
    }
}

/// Values of [`ClaimRecord::state`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum ClaimState {
    /// Nobody has been here.
    Free = 0,
    /// Somebody is connected.
    Connected = 1,
    /// The last one said goodbye.
    Detached = 2,
    /// The last one just went.
    Died = 3,
}

impl ClaimState {
    /// Reads a value that another process wrote.
    pub(crate) const fn from_word(word: u32) -> ClaimState {
        match word {
            1 => Self::Connected,
            2 => Self::Detached,
            3 => Self::Died,
            _ => Self::Free,
        }
    }
}
