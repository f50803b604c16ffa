//! What a bus looks like from outside, as owned data: read-only, without a lock, an index or a lease.

mod consumers;
mod findings;
mod percentiles;
mod pictures;
mod process;
mod rate;
mod sampler;
mod slots;
mod snapshot;
mod window;
mod world;

pub use findings::Thresholds;
#[cfg(test)]
pub(crate) use percentiles::bucket_around;
pub(crate) use percentiles::bucket_number;
#[cfg(test)]
pub(crate) use process::Usage;
pub use sampler::{Baseline, Sampler};
pub use snapshot::*;
#[cfg(test)]
pub(crate) use world::World;

#[cfg(test)]
mod schema_tests;
