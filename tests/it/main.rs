//! The integration tests: the real binaries, real processes, real signals.
//!
//! Long forms: `FRAMEBUS_CHAOS_ROUNDS=500 FRAMEBUS_CHAOS_PRODUCER_ROUNDS=100 cargo test --test it chaos`; a run is repeated
//! with the `FRAMEBUS_CHAOS_SEED` that it printed.

mod chaos;
mod harness;
mod leases;
mod peers;
mod roles;
mod torn;
mod triggers;
