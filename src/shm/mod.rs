//! Shared memory: the only unsafe code of the library.
//!
//! What is proved here, so that `bus` can be safe:
//! - control regions are only ever seen as atomics, inside a range that was checked against the object's real size;
//! - pixels are a slice only for who has the right to them: `&mut` through the producer's one [`Pixels`], `&` through a
//!   lease, and a checked copy for observers;
//! - a consumer's mapping is read-only but for its own page, an observer's is read-only altogether.
#![allow(unsafe_code)]

mod mapping;
mod object;
mod owned;
mod regions;
#[cfg(test)]
mod tests;
mod views;

pub(crate) use object::{SHM_DIR, list_objects, shm_usage, unlink_object};
pub(crate) use owned::{CreateSegmentError, OwnedSegment, Permissions, Pixels};
pub(crate) use regions::Regions;
pub(crate) use views::{ConsumerSegment, ObserverSegment, OpenSegmentError, mark_retired};
