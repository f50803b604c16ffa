//! The bytes of a segment: the one source of truth, rendered to `docs/layout.md`.
//!
//! Fixed-width little-endian integers only, every one an atomic: no bool, enum, usize, pointer or float, and nothing
//! under `cfg`. Offsets are written beside the fields and checked by the compiler.

#[macro_use]
mod macros;
mod claim;
mod geometry;
mod header;
mod histogram;
mod name;
mod plan;
mod read;
mod record;
mod slot;
mod table;
mod text;

pub(crate) use claim::{ClaimRecord, ClaimState};
pub use geometry::Geometry;
pub use header::SegmentState;
pub(crate) use header::{Header, HeaderFlags, MAGIC, Table2};
pub use histogram::BUCKETS;
pub(crate) use histogram::{Histogram, bucket_floor, bucket_of};
pub use name::{BusName, BusNameError};
pub(crate) use plan::Request;
pub use plan::{Layout, MAX_CONSUMERS, MAX_SLOTS, Malformed, segment_bytes};
pub use record::TriggerKind;
pub(crate) use record::{ConsumerRecord, RecordFlags, RecordState};
pub(crate) use slot::{SlotFlags, SlotHeader};
pub use table::layout_document;
pub(crate) use text::{Text, read_text, write_text};

/// The unit of regions and images.
pub const PAGE: u64 = 4096;

/// Layout version that this library writes; it reads every minor of the same major.
pub const ABI_MAJOR: u16 = 1;
/// Minor layout version: grows when a field is added in reserved bytes.
pub const ABI_MINOR: u16 = 2;

/// The ready word: magic, version and ready flag in one, stored last.
pub(crate) const ABI: u32 = (ABI_MAJOR as u32) << 16 | ABI_MINOR as u32;

/// A fourcc as V4L2 writes it.
pub(crate) const fn fourcc(code: [u8; 4]) -> u32 {
    u32::from_le_bytes(code)
}

/// Gray, 8 bits a pixel.
pub(crate) const FORMAT_GRAY8: u32 = fourcc(*b"GREY");
/// Blue, green, red, 8 bits each.
pub(crate) const FORMAT_BGR8: u32 = fourcc(*b"BGR3");
