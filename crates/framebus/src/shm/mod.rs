//! Shared memory: the only unsafe code of the library.
//!
//! What is proved here, so that `bus` can be safe:
//! - control regions are only ever seen as atomics, inside a range that was checked against the object's real size;
//! - pixels are a slice only for who has the right to them: `&mut` through the producer's one [`Pixels`], `&` through a
//!   lease, and a checked copy for observers;
//! - a consumer's mapping is read-only but for its own page, an observer's is read-only altogether;
//! - an object that somebody cuts short is an error for whoever has it mapped, never a SIGBUS;
//! - a handle that was copied by a fork is known for one.
//!
//! One thing is not proved, as it cannot be said in the language: an observer in the producer's own process loads atomically
//! what the producer writes through `&mut`. The copy is thrown away when its sequence has changed.
#![allow(unsafe_code)]

mod at_home;
mod owned;
mod regions;
#[cfg(all(test, unix))]
mod tests;
mod views;

pub(crate) use at_home::AtHome;
pub(crate) use owned::{OwnedSegment, Pixels, SlotPixels};
pub(crate) use regions::Regions;
pub(crate) use views::{ConsumerSegment, ObserverSegment, OpenSegmentError, mark_retired};
