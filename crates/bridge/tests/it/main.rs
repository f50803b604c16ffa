//! The bridge between machines of a network of their own: `ip netns`, as root.
//!
//! `FRAMEBUS_BRIDGE_EVENTS=2000` has the random test go on for longer; a run is repeated with the `FRAMEBUS_CHAOS_SEED` that it
//! printed.

mod lab;
mod watcher;

mod chaos;
mod clocks;
mod failures;
mod images;
mod links;
mod lookers;
mod many;
mod strangers;
mod tls;
