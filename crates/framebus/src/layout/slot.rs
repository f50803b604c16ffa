//! What is known of the frame in a slot.

use crate::sync::{AtomicU32, AtomicU64};

layout! {
    /// One slot: what is known of the frame in it. Writer: the producer, only between claim and publish.
    struct SlotHeader[128] {
        /// Sequence of the frame, from 1; 0 = being written, or never written. Release at publish; the lease protocol's word.
        0 sequence: AtomicU64,
        /// When it was captured, CLOCK_MONOTONIC ns. Relaxed, under `sequence`, as all that follow.
        8 capture_ns: AtomicU64,
        /// When it was published, CLOCK_MONOTONIC ns.
        16 publish_ns: AtomicU64,
        /// When it was captured, ns since 1970-01-01 UTC.
        24 wall_ns: AtomicU64,
        /// Its number in the source, from 0.
        32 source_frame: AtomicU64,
        /// Bytes of the frame's metadata in the plane META; 0 = none.
        40 meta_len: AtomicU32,
        /// Zero.
        44 reserved0: AtomicU32,
        /// How many numbers up to this sequence no frame of this generation has: only where a publisher gives the numbers.
        48 missing: AtomicU64,
        /// Whose number the sequence is: 0 = the producer's own, otherwise what the publisher says.
        56 origin: AtomicU64,
        /// Zero.
        64 reserved1: [AtomicU64; 8],
    }
}
