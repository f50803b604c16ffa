//! What `framebus bench` and `bin/bench` measure with: consumers in processes of their own, the bus and bare wake-ups in
//! turns, medians over rounds. Not a part of the library's interface: it changes as the two need it.

mod bare;
mod crew;
mod figures;
mod frames;
mod supervise;
mod wakes;
mod ways;

pub use crew::{Hand, Log, Program, Role, Sample};
pub use figures::{Spread, cpu_of, median, paired, percentile};
pub use frames::{picture, publish, read_three_write_one};
pub use supervise::{asked_to_end, bus_name, play, supervise};
pub use wakes::Wakes;
pub use ways::{Outcome, Pace, Way, sit};
