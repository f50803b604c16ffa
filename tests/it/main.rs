//! The integration tests: the real binaries, real processes, real signals.
//!
//! Long forms: `bin/chaos 10000`, and
//! `FRAMEBUS_CHAOS_ROUNDS=500 FRAMEBUS_CHAOS_PRODUCER_ROUNDS=100 cargo test --test it chaos`; a run is repeated with the
//! `FRAMEBUS_CHAOS_SEED` that it printed.

mod arrows;
mod bad_input;
mod bad_segment;
mod chaos;
mod cut;
mod damaged_latest;
mod descriptors;
mod everybody;
mod findings;
mod generations;
mod harness;
mod leases;
mod lockstep;
mod logs;
mod metrics;
mod names;
mod observers;
mod old_segments;
mod outputs;
mod peers;
mod permissions;
mod progress;
mod public_api;
mod roles;
mod schema;
mod security_page;
mod segment;
mod serve;
mod signals;
mod strangers;
mod top;
mod top_printed;
mod top_starved;
mod top_terminal;
mod torn;
mod triggers;
