//! One camera, many programs: a producer captures once and shares its frames through shared memory with any number of
//! processes, each at its own rate.
//!
//! # What is guaranteed
//!
//! - The producer never waits for anybody. A consumer that is slow, stopped or dead costs at most its own frames.
//! - A frame that a consumer holds does not change; a frame is never torn; sequences only grow.
//! - What a consumer is given of others' memory is read-only in the page tables: it can damage its own record and
//!   nothing else.
//! - Whatever dies, at whatever instruction, leaves nothing that a restart needs help with.
//! - An observer changes nothing.
//!
//! # What is not
//!
//! - A consumer that is slower than the camera skips frames; [`bus::ConsumerOptions::every_frame`] reads in order as far
//!   as the slots reach back, and counts what it missed.
//! - Whoever may write the segment (same user, or the group of `--mode 0660`) could damage it on purpose; readers check
//!   every offset and length, but not that pixels are what a camera saw.
//! - Linux only, for now.
//!
//! # Map
//!
//! | module | what it is |
//! |---|---|
//! | [`layout`] | the bytes of a segment; no unsafe |
//! | `shm` | mappings and checked views: the only unsafe code |
//! | [`bus`] | the protocol: producer, consumer, lease, observer |
//! | `trigger` | named pipes: claim, liveness, wake-ups |
//! | [`source`], [`convert`] | what gives frames, and the test pattern; colour to gray |
//! | [`observe`] | snapshots: owned data about a bus |
//! | [`stop`], [`clock`] | a request to stop that wakes whoever waits; the times of frames |
//! | [`redact`] | texts without the secrets that are in them |
//!
//! # Example
//!
//! ```
//! use framebus::bus::{BusName, Consumer, ConsumerOptions, FrameMeta, Producer, ProducerOptions, Waited};
//! use framebus::layout::Geometry;
//! use framebus::stop::Stop;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus: BusName = format!("doc-{}", std::process::id()).parse()?;
//! let size = Geometry::new(64, 48).ok_or("size")?;
//! let mut producer = Producer::create(ProducerOptions::new(bus.clone(), size))?;
//!
//! // Usually in another process.
//! let stop = Stop::new()?;
//! let mut consumer = Consumer::attach(ConsumerOptions::new(bus), Some(Duration::from_secs(5)), &stop, |_| {})?;
//!
//! let mut claim = producer.claim()?.ok_or("every slot is leased")?;
//! claim.target().gray.fill(128);
//! claim.publish(FrameMeta::default());
//!
//! assert_eq!(consumer.wait(Some(Duration::from_secs(5)))?, Waited::Frame);
//! let frame = consumer.acquire().ok_or("no frame")?;
//! assert_eq!(frame.info().sequence, 1);
//! assert!(frame.gray().iter().all(|pixel| *pixel == 128));
//! # Ok(())
//! # }
//! ```

pub mod bus;
pub mod clock;
pub mod convert;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod layout;
mod lease;
pub mod observe;
pub mod redact;
mod shm;
pub mod source;
pub mod stop;
mod sync;
mod trigger;
pub mod units;
