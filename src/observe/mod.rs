//! What a bus looks like from outside, as owned data.

mod snapshot;

pub use snapshot::*;
