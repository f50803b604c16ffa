//! What a bus looks like from outside, as owned data: read-only, without a lock, an index or a lease.

mod consumers;
mod findings;
mod moment;
mod percentiles;
mod pictures;
mod planes;
mod process;
mod rate;
mod reading;
mod sampler;
mod slots;
mod snapshot;
mod window;
mod world;

pub use findings::{FINDING_KINDS, Thresholds};
pub use percentiles::{bucket_around, bucket_number};
pub use planes::PlaneInfo;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use process::Usage;
pub use reading::Baseline;
pub use sampler::Sampler;
pub use snapshot::*;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use {crate::system::Load, world::World};

pub use crate::system::shm_usage;
pub use crate::trigger::HEARTBEAT_MS;

#[cfg(test)]
mod schema_tests;
