//! The header page.

use super::{Histogram, PlaneEntry, Planes, Text};
use crate::sync::{AtomicI32, AtomicU8, AtomicU32, AtomicU64};

/// `FRAMEBUS`, read as a little-endian number.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"FRAMEBUS");

layout! {
    /// The seed's Table 2, byte for byte as its document has it, for anybody who knows only that. Its own programs differ: they have a
    /// step of the BGR image before that of the gray ones, and write the numbers of users (see the end of this page). Writer: the
    /// producer. Relaxed.
    struct Table2[512] {
        /// Image height in pixels.
        0 shared_frame_height: AtomicI32,
        /// Image width in pixels.
        4 shared_frame_width: AtomicI32,
        /// Bytes from row to row of a gray image.
        8 shared_gray_frame_step: AtomicI32,
        /// Number of gray buffers.
        12 num_frame_buffers: AtomicU8,
        /// Index of the newest gray buffer.
        13 shared_latest_cam_buffer_idx: AtomicU8,
        /// How many consumers used each gray buffer when the newest frame was published.
        14 shared_buffers_idx_in_use: [AtomicU8; 255],
        /// Zero.
        269 reserved: [AtomicU8; 243],
    }
}

layout! {
    /// framebus's own header, at byte 512. Writer: the producer. What stands before `latest` is written before `abi` and
    /// never again; readers take offsets and counts from here and never derive them.
    struct Header[3584] {
        /// Layout version, major << 16 | minor; 0 = not ready. Stored last, with release.
        0 abi: AtomicU32,
        /// Bytes of this header.
        4 header_len: AtomicU32,
        /// "FRAMEBUS".
        8 magic: AtomicU64,
        /// Bytes of the segment.
        16 segment_len: AtomicU64,
        /// 1 more at every producer start and every change of size.
        24 generation: AtomicU64,
        /// Sequence before the first frame of this generation.
        32 base_sequence: AtomicU64,
        /// Offset of the slot headers.
        40 slots_offset: AtomicU64,
        /// Number of slots.
        48 slot_count: AtomicU32,
        /// Bytes of a slot header.
        52 slot_len: AtomicU32,
        /// Offset of the claim records.
        56 claims_offset: AtomicU64,
        /// Bytes of a claim record.
        64 claim_len: AtomicU32,
        /// Number of consumer indices.
        68 consumer_count: AtomicU32,
        /// Offset of the consumer records.
        72 records_offset: AtomicU64,
        /// Bytes of a consumer record.
        80 record_len: AtomicU32,
        /// Slots beyond consumers + 2.
        84 history: AtomicU32,
        /// Bytes from one consumer record to the next, and what images start on a multiple of: a multiple of the page size of
        /// every machine that maps it.
        88 record_pitch: AtomicU64,
        /// Bytes of an entry in the table of planes.
        96 plane_len: AtomicU32,
        /// Number of planes, 1 to 8.
        100 plane_count: AtomicU32,
        /// Zero.
        104 reserved0: [AtomicU64; 4],
        /// 1: the producer waits until every consumer that takes every frame, and says when it releases one, has room
        /// (lockstep); 0 = it waits for nobody.
        136 lockstep: AtomicU32,
        /// Frames a second that the source announces, in thousandths; 0 = not known.
        140 nominal_millihertz: AtomicU32,
        /// The producer's process.
        144 producer_pid: AtomicU32,
        /// The producer's user.
        148 producer_uid: AtomicU32,
        /// Start time of the producer's process in clock ticks since boot.
        152 producer_start_ticks: AtomicU64,
        /// When the segment was made, CLOCK_MONOTONIC ns.
        160 created_ns: AtomicU64,
        /// When the segment was made, ns since 1970-01-01 UTC.
        168 created_wall_ns: AtomicU64,
        /// Since when sequences have been counted, ms since 1970-01-01 UTC: the same as long as they only grow, another one
        /// when they begin at 1 again (after a clean end). 0 = not known.
        176 epoch_ms: AtomicU64,
        /// Zero.
        184 reserved2: AtomicU64,
        /// The newest frame: sequence << 8 | slot; 0 before the first. Release at publish; the lease protocol's word.
        192 latest: AtomicU64,
        /// Low half of the newest sequence: a word to wait on with FUTEX_WAIT (not private).
        200 sequence_futex: AtomicU32,
        /// 1 running, 2 stalled (the source gives nothing), 3 ended, 4 retired (another segment has this name). Release.
        204 state: AtomicU32,
        /// Frames published in this generation.
        208 published: AtomicU64,
        /// Frames that came and were not published.
        216 dropped: AtomicU64,
        /// How many of those because every slot was leased.
        224 starved: AtomicU64,
        /// 1 while the producer waits for its consumers: whoever attaches or, in lockstep, releases a frame then writes one
        /// byte to its named pipe. The word of the lockstep protocol.
        232 waiting: AtomicU64,
        /// When the newest frame was published, CLOCK_MONOTONIC ns.
        240 publish_ns: AtomicU64,
        /// Slot that is being written, + 1; 0 = none.
        248 writing_slot: AtomicU32,
        /// Consumer index that the producer waits for, + 1; 0 = none.
        252 waiting_for: AtomicU32,
        /// The producer's last sign of life, CLOCK_MONOTONIC ns; several times a second, also when no frame comes.
        256 heartbeat_ns: AtomicU64,
        /// Frames that the source lost by itself, before the producer had them: gaps in a camera's numbers.
        264 source_dropped: AtomicU64,
        /// How long the producer has waited for consumers in lockstep, ns.
        272 waited_ns: AtomicU64,
        /// Zero.
        280 reserved5: [AtomicU64; 5],
        /// What is captured, as a person calls it.
        320 source: Text<128>,
        /// Directory of the named pipes.
        448 pipes: Text<192>,
        /// Zero.
        640 reserved6: [AtomicU64; 16],
        /// Published → next published.
        768 interval: Histogram,
        /// Captured → published: decoding, conversion, copy.
        1712 copy: Histogram,
        /// What images, or bytes, there are for every frame. In the seed's order where it has them: gray first.
        2656 planes: [PlaneEntry; Planes::MAX],
        /// Why the source gives nothing while the state is stalled; empty = not known. Written before the state.
        3168 stall_reason: Text<192>,
        /// Zero.
        3360 reserved7: [AtomicU64; 28],
    }
}

/// How a segment says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SegmentState {
    /// Frames are published.
    Running = 1,
    /// The producer lives, its source gives nothing.
    Stalled = 2,
    /// The producer ended.
    Ended = 3,
    /// Another segment has this name.
    Retired = 4,
}

impl SegmentState {
    /// Reads a value that another process wrote.
    pub(crate) const fn from_word(word: u32) -> Option<SegmentState> {
        match word {
            1 => Some(Self::Running),
            2 => Some(Self::Stalled),
            3 => Some(Self::Ended),
            4 => Some(Self::Retired),
            _ => None,
        }
    }
}
