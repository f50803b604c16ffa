//! The structures of a consumer.

use std::ffi::c_char;

use framebus::bus::{ConsumerStats, OwnedFrame, Stream};
use framebus::layout::Format;

use crate::plain::Plain;

/// How a consumer waits for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum framebus_trigger {
    /// The default: an eventfd.
    Default = 0,
    /// On an eventfd that the producer hands over.
    Eventfd = 1,
    /// On the trigger bytes of its named pipe.
    Pipe = 2,
    /// Busy-polling: lowest latency, uses a whole core. Not together with framebus_consumer_fd.
    Spin = 3,
}

/// What a consumer wants.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_consumer_options {
    /// sizeof(framebus_consumer_options).
    pub size: u32,
    /// Consumer index + 1; 0 takes the first that is free.
    pub index_plus_1: u32,
    /// Name of the bus; NULL: $FRAMEBUS_BUS, else "cam0".
    pub bus: *const c_char,
    /// What observers call it; NULL: nothing.
    pub name: *const c_char,
    /// What it is written in; NULL: "c".
    pub language: *const c_char,
    /// How to wait: a framebus_trigger.
    pub trigger: u32,
    /// Not 0: take every frame in order, as far as the slots reach back, instead of the newest.
    pub every_frame: u32,
    /// How long to wait for the bus, in nanoseconds; 0: not at all; below 0: for as long as it takes.
    pub timeout_ns: i64,
    /// Go on from this sequence, of an earlier handle: what was published since counts as skipped. 0: from now.
    pub resume_from: u64,
    /// The planes without which it is of no use, such as "gray,nv12": a bus that has them not is NO_IMAGE, when it is opened and
    /// when it goes on without them. NULL: none.
    pub needs: *const c_char,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_consumer_options {}

/// A frame. Its pixels do not change, and may be read, until the frame is released.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_frame {
    /// sizeof(framebus_frame).
    pub size: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row of the gray image; 0 without one.
    pub stride: u32,
    /// The gray image: `height` rows of `width` bytes, `stride` apart; NULL on a bus without gray.
    pub gray: *const u8,
    /// The BGR image: `height` rows of 3 * `width` bytes, `bgr_stride` apart; NULL on a bus without colour.
    pub bgr: *const u8,
    /// Bytes from row to row of the BGR image; 0 without one.
    pub bgr_stride: u32,
    /// The slot it is in.
    pub slot: u32,
    /// Its sequence: from 1, strictly increasing.
    pub sequence: u64,
    /// How many frames went by between the one taken before and this one.
    pub skipped: u64,
    /// Its number in the source.
    pub source_frame: u64,
    /// When it was captured (framebus_monotonic_ns).
    pub capture_ns: u64,
    /// When it was published.
    pub publish_ns: u64,
    /// When this consumer had it.
    pub wake_ns: u64,
    /// When it was captured (framebus_wall_ns).
    pub wall_ns: u64,
    /// How many numbers between the frame taken before and this one no frame has: only where a publisher gives them.
    pub missing: u64,
    /// Whose number the sequence is: 0 for this bus's own.
    pub origin: u64,
    /// How many planes its bus has: framebus_consumer_plane tells of each.
    pub plane_count: u32,
    /// Bytes of its metadata.
    pub metadata_len: u32,
    /// What its producer says of it; NULL on a bus without metadata.
    pub metadata: *const u8,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_frame {}

impl framebus_frame {
    pub(crate) fn of(frame: &OwnedFrame) -> framebus_frame {
        let geometry = frame.geometry();
        let (info, gray, bgr) = (frame.info(), frame.gray(), frame.bgr());
        let metadata = frame.plane(Format::META);
        framebus_frame {
            size: 0,
            width: geometry.width,
            height: geometry.height,
            stride: gray.map_or(0, |_| geometry.width),
            gray: gray.map_or(std::ptr::null(), <[u8]>::as_ptr),
            bgr: bgr.map_or(std::ptr::null(), <[u8]>::as_ptr),
            bgr_stride: bgr.map_or(0, |_| 3 * geometry.width),
            slot: info.slot.into(),
            sequence: info.sequence,
            skipped: info.skipped,
            source_frame: info.source_frame,
            capture_ns: info.capture_ns,
            publish_ns: info.publish_ns,
            wake_ns: info.wake_ns,
            wall_ns: info.wall_ns,
            missing: info.missing,
            origin: info.origin,
            plane_count: frame.bus_planes().len() as u32,
            metadata_len: info.metadata_len,
            metadata: metadata.map_or(std::ptr::null(), |view| view.data.as_ptr()),
        }
    }
}

/// What the frames of a bus are.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_stream {
    /// sizeof(framebus_stream).
    pub size: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Not 0: frames have a BGR plane.
    pub color: u32,
    /// Not 0: gray is limited-range luma (16 to 235).
    pub limited_range: u32,
    /// The index that this consumer has.
    pub index: u32,
    /// Generation of the segment: 1 more at every producer start and every change of size or planes.
    pub generation: u64,
    /// Frames a second that the source announces; 0: not known.
    pub nominal_fps: f64,
}

// SAFETY: numbers, the size first.
unsafe impl Plain for framebus_stream {}

impl framebus_stream {
    pub(crate) fn of(stream: Stream, index: u8) -> framebus_stream {
        framebus_stream {
            size: 0,
            width: stream.geometry.width,
            height: stream.geometry.height,
            color: stream.has_color().into(),
            limited_range: stream.has_limited_gray().into(),
            index: index.into(),
            generation: stream.generation,
            nominal_fps: stream.nominal_fps.unwrap_or(0.0),
        }
    }
}

/// What a consumer has done since it was opened: attach_sequence + taken + skipped + missing == last_sequence.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_consumer_stats {
    /// sizeof(framebus_consumer_stats).
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Sequence that was the newest when it was opened.
    pub attach_sequence: u64,
    /// Frames taken.
    pub taken: u64,
    /// Frames that went by, counted when the next one is taken.
    pub skipped: u64,
    /// The newest frame it took; attach_sequence before the first.
    pub last_sequence: u64,
    /// Numbers that no frame has; always 0 unless a publisher gives the numbers.
    pub missing: u64,
}

// SAFETY: numbers, the size first.
unsafe impl Plain for framebus_consumer_stats {}

impl From<ConsumerStats> for framebus_consumer_stats {
    fn from(stats: ConsumerStats) -> Self {
        framebus_consumer_stats {
            size: 0,
            reserved: 0,
            attach_sequence: stats.attach_sequence,
            taken: stats.taken,
            skipped: stats.skipped,
            last_sequence: stats.last_sequence,
            missing: stats.missing,
        }
    }
}
