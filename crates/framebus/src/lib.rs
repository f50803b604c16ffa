//! One camera, many programs: a producer captures once and shares its frames through shared memory with any number of
//! processes. Each takes them at its own rate.
//!
//! # What is guaranteed
//!
//! - The producer never waits for anybody. A slow, stopped or dead consumer loses at most its own frames.
//! - A frame that a consumer holds does not change. A frame is never torn. Sequences only grow.
//! - A consumer maps other processes' memory read-only. The page tables enforce it: it can damage only its own record.
//! - You can `kill -9` any process at any moment, and restart it without cleaning up.
//! - An observer changes nothing.
//!
//! # What is not
//!
//! - A consumer that is slower than the camera skips frames. [`bus::ConsumerOptions::every_frame`] reads in order, as far
//!   as the slots reach back, and counts what it missed.
//! - Whoever may write the segment (the same user, or the group of `--mode 0660`) could damage it on purpose. Readers check
//!   every offset and length, but cannot check that pixels are what a camera saw.
//! - Linux. On Windows it has run under Wine only (`docs/windows.md`).
//!
//! # Take frames
//!
//! ```
//! # use framebus::{BusName, FrameMeta, Geometry, Producer, ProducerOptions};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus: BusName = format!("doc-take-{}", std::process::id()).parse()?;
//! # let size = Geometry::new(64, 48).ok_or("size")?;
//! # let mut producer = Producer::create(ProducerOptions::new(bus.clone(), size).history(8))?;
//! use std::time::Duration;
//! use framebus::ConsumerOptions;
//!
//! # /*
//! let bus = "cam0".parse()?;
//! # */
//! let options = ConsumerOptions::new(bus).every_frame(true);
//! let mut consumer = options.attach_within(Duration::from_secs(5))?;
//! # for _ in 0..3 { producer.claim()?.ok_or("a slot")?.publish(FrameMeta::default()); }
//! # drop(producer);
//! let mut taken = 0;
//! for frame in &mut consumer {
//!     let frame = frame?;
//!     let size = frame.geometry();
//!     let gray = frame.gray().ok_or("a bus with gray")?; // rows of `width` bytes, in place
//!     assert_eq!(gray.len(), size.width as usize * size.height as usize);
//!     taken += 1;
//! } // ends when the producer ends
//! assert_eq!(consumer.stats().taken, taken);
//! # assert_eq!(taken, 3);
//! # Ok(())
//! # }
//! ```
//!
//! In an event loop, wait for [`Consumer::as_fd`]. To stop on signals, give [`Consumer::attach`] a [`Stop`].
//!
//! # Publish frames
//!
//! ```
//! use framebus::{BusName, Format, FrameMeta, Geometry, Producer, ProducerOptions, clock};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus: BusName = format!("doc-publish-{}", std::process::id()).parse()?;
//! # /*
//! let bus: BusName = "cam0".parse()?;
//! # */
//! let size = Geometry::new(64, 48).ok_or("sides are 1 to 32768")?;
//! let mut producer = Producer::create(ProducerOptions::new(bus, size).source("a drawing"))?;
//! for number in 0..10 {
//!     let capture_ns = clock::monotonic_ns();
//!     // `None` when every slot is leased: that frame is lost, and nobody waits.
//!     if let Some(mut claim) = producer.claim()? {
//!         claim.plane(Format::GRAY8).ok_or("a bus with gray")?.fill(number);
//!         claim.publish(FrameMeta { capture_ns, wall_ns: clock::wall_ns(), source_frame: number.into() });
//!     }
//! }
//! assert_eq!(producer.stats().published, 10);
//! # Ok(())
//! # }
//! ```
//!
//! # Observe
//!
//! ```
//! use framebus::observe::{Baseline, BusState, Sampler, Thresholds};
//! # use framebus::{BusName, FrameMeta, Geometry, Producer, ProducerOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus: BusName = format!("doc-observe-{}", std::process::id()).parse()?;
//! # let size = Geometry::new(64, 48).ok_or("size")?;
//! # let mut producer = Producer::create(ProducerOptions::new(bus.clone(), size))?;
//! # producer.claim()?.ok_or("a slot")?.publish(FrameMeta::default());
//! # /*
//! let bus: BusName = "cam0".parse()?;
//! # */
//! // Read-only: no lock, no index, no lease. It may be there before the bus is, and follows it.
//! let mut sampler = Sampler::new(bus, Baseline::Start, Thresholds::default());
//! let snapshot = sampler.sample(true);
//! assert_eq!(snapshot.state, BusState::Running);
//! for consumer in &snapshot.consumers {
//!     println!("{} {:?} fps, skipped {}", consumer.name, consumer.fps, consumer.skipped);
//! }
//! let picture = snapshot.picture.ok_or("the newest frame, copied")?;
//! # assert_eq!(picture.gray.len(), 64 * 48);
//! # Ok(())
//! # }
//! ```
//!
//! # Map
//!
//! | module | what it is |
//! |---|---|
//! | [`bus`] | the protocol: producer, consumer, lease, observer |
//! | [`observe`] | snapshots: owned data about a bus |
//! | [`layout`] | the bytes of a segment; no unsafe |
//! | `system` | what a bus needs of the operating system |
//! | `shm` | checked views of a segment: with `system` nearly all unsafe code |
//! | `lease` | how producer and consumers never collide: explored by loom |
//! | `trigger` | named pipes: claim, liveness, wake-ups |
//! | [`source`], [`convert`] | the trait of a source, what its name means, and the test pattern; conversions of planes |
//! | [`pump`] | the two loops: from a source to a bus, and from a bus to a program |
//! | [`stop`], [`clock`] | a request to stop that wakes waiting threads; the times of frames |
//! | [`redact`], [`units`] | hides secrets in a text; shows bytes for people |
//!
//! With the feature `serde`, snapshots are `Serialize`: the JSON of `framebus top --json`, whose schema is
//! `docs/top.schema.json`. So are the small values that options are made of, which are `Deserialize` too.

pub mod bus;
pub mod clock;
pub mod convert;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod layout;
mod lease;
pub mod observe;
pub mod pump;
pub mod redact;
#[cfg(feature = "seed")]
#[doc(hidden)]
pub mod seed;
mod shm;
pub mod source;
pub mod stop;
mod sync;
mod system;
mod trigger;
pub mod units;

pub use bus::{
    BusName, Claim, Consumer, ConsumerOptions, Frame, FrameInfo, FrameMeta, Observer, OwnedFrame,
    Producer, ProducerOptions, Waited,
};
pub use layout::{Format, Geometry, PlaneSpec};
pub use stop::Stop;
