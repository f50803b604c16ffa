//! The integration tests: the real binaries, real processes, real signals.
//!
//! Long forms: `FRAMEBUS_CHAOS_ROUNDS=500 FRAMEBUS_CHAOS_PRODUCER_ROUNDS=100 cargo test --test it chaos`; a run is repeated
//! with the `FRAMEBUS_CHAOS_SEED` that it printed.

mod bad_input;
mod bad_segment;
mod chaos;
mod findings;
mod generations;
mod harness;
mod leases;
mod logs;
mod observers;
mod outputs;
mod peers;
mod permissions;
mod roles;
mod schema;
mod segment;
mod signals;
mod top;
mod top_starved;
mod top_terminal;
mod torn;
mod triggers;
