//! The bytes of a segment: the one source of truth, rendered to `docs/layout.md`.
//!
//! Fixed-width little-endian integers only, every one an atomic: no bool, enum, usize, pointer or float, and nothing
//! under `cfg`. Offsets are written beside the fields and checked by the compiler.

#[macro_use]
mod macros;
mod claim;
mod format;
mod geometry;
mod header;
mod histogram;
mod name;
mod plan;
mod plane;
mod plane_spec;
mod read;
mod record;
mod slot;
mod table;
mod text;

pub(crate) use claim::{ClaimRecord, ClaimState};
pub use format::{Format, Shape};
pub use geometry::Geometry;
pub use header::SegmentState;
pub(crate) use header::{Header, MAGIC, Table2};
pub use histogram::BUCKETS;
pub(crate) use histogram::{Histogram, bucket_floor, bucket_of};
pub use name::{BusName, BusNameError};
pub(crate) use plan::Request;
pub use plan::{Layout, MAX_CONSUMERS, MAX_SLOTS, Malformed, PlanError, segment_bytes};
pub use plane::{ColorRange, Matrix, Plane, Planes};
pub(crate) use plane::{PlaneEntry, PlaneFlags};
pub use plane_spec::{PlaneSpec, PlanesError};
pub use record::TriggerKind;
pub(crate) use record::{ConsumerRecord, RecordFlags, RecordState};
pub(crate) use slot::SlotHeader;
pub use table::layout_document;
pub(crate) use text::{Text, read_text, write_text};

/// The unit of what nobody maps alone, and the bytes of a header and of a consumer record.
pub const PAGE: u64 = 4096;
/// What consumer records and images start on a multiple of: no system that this library knows has larger pages, or maps
/// at more than that.
pub const RECORD_PITCH: u64 = 65536;

/// Layout version that this library writes; it reads every minor of the same major.
pub const ABI_MAJOR: u16 = 2;
/// Minor layout version: grows when a field is added in reserved bytes.
pub const ABI_MINOR: u16 = 0;

/// The ready word: magic, version and ready flag in one, stored last.
pub(crate) const ABI: u32 = (ABI_MAJOR as u32) << 16 | ABI_MINOR as u32;
