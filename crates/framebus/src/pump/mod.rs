//! The two loops that most programs need: from a source to a bus, and from a bus to whoever takes its frames.
//!
//! | loop | what it does |
//! |---|---|
//! | [`feed`] | waits for the source, claims a slot, has it filled, publishes; renews the bus when frames change |
//! | [`take`] | attaches, waits, takes, releases; follows the bus when its producer comes back |
//!
//! Both end at a count, after a time, when somebody asks to stop ([`crate::Stop`]) and with the stream. What a program does
//! beside that (log, count, tell a service manager) it does in the calls of its [`Feeder`] or its [`Taker`], on the loop's own
//! thread: whatever waits there holds up the frames.
//!
//! ```
//! use framebus::pump::{self, FeedOptions, Feeder, TakeEnd, TakeOptions, Taker};
//! use framebus::source::{PatternSource, SourceInfo};
//! use framebus::{BusName, Consumer, ConsumerOptions, Frame, Geometry, ProducerOptions, Stop};
//!
//! struct Camera(BusName);
//! impl Feeder for Camera {
//!     fn options(&mut self, source: &SourceInfo) -> ProducerOptions {
//!         ProducerOptions::new(self.0.clone(), source.geometry).history(20)
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Brightness(Vec<u64>);
//! impl Taker for Brightness {
//!     type Error = std::convert::Infallible;
//!     fn attached(&mut self, _consumer: &Consumer) -> Result<(), Self::Error> {
//!         Ok(())
//!     }
//!     fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Self::Error> {
//!         let gray = frame.gray().unwrap_or_default();
//!         let sum: u64 = gray.iter().copied().map(u64::from).sum();
//!         self.0.push(sum / gray.len().max(1) as u64);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let bus: BusName = format!("doc-pump-{}", std::process::id()).parse()?;
//! # /*
//! let bus: BusName = "cam0".parse()?;
//! # */
//! let stop = Stop::new()?; // or Stop::on_signals()
//! let (feeder, of_feeder) = (Camera(bus.clone()), stop.clone());
//! let producer = std::thread::spawn(move || {
//!     let pattern = PatternSource::new(Geometry { width: 64, height: 48 }, Some(100.0));
//!     pump::feed(pattern, feeder, &FeedOptions::default(), &of_feeder)
//! });
//!
//! let mut brightness = Brightness::default();
//! let options = TakeOptions::default().count(5);
//! let end = pump::take(&ConsumerOptions::new(bus), &mut brightness, &options, &stop)?;
//! assert_eq!(end, TakeEnd::Done);
//! assert_eq!(brightness.0.len(), 5);
//!
//! stop.set();
//! assert!(producer.join().map_err(|_| "a panic")?? >= 5);
//! # Ok(())
//! # }
//! ```

mod feed;
mod feed_options;
mod pacer;
mod take;
mod take_options;
#[cfg(test)]
mod tests;

pub use feed::{Feeder, feed};
pub use feed_options::{FeedError, FeedOptions};
pub use pacer::Pacer;
pub use take::{Taker, take};
pub use take_options::{TakeEnd, TakeError, TakeOptions};
