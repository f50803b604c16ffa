//! What a bus looks like from outside, as owned data: read-only, without a lock, an index or a lease.

mod consumers;
mod findings;
mod percentiles;
mod picture;
mod process;
mod rate;
mod sampler;
mod snapshot;
mod window;

pub use findings::Thresholds;
#[cfg(test)]
pub(crate) use percentiles::bucket_around;
pub(crate) use percentiles::bucket_number;
pub use sampler::{Baseline, Sampler};
pub use snapshot::*;

#[cfg(test)]
mod schema_tests;
