//! What taking and releasing a frame costs in Rust: for `bin/bench-clients`. Prints nanoseconds a frame.

use framebus::bus::{Consumer, ConsumerOptions, FrameMeta, Producer, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::layout::Geometry;
use framebus::stop::Stop;

/// Frames that are published before they are taken, so that the clock is read only around many.
const BATCH: u8 = 60;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus: framebus::bus::BusName = format!("cost-rs-{}", std::process::id()).parse()?;
    let geometry = Geometry::new(64, 48).ok_or("no size")?;
    let mut producer = Producer::create(
        ProducerOptions::new(bus.clone(), geometry)
            .consumers(1)
            .history(BATCH),
    )?;
    let mut options = ConsumerOptions::new(bus);
    options.every_frame = true;
    let mut consumer = Consumer::attach(options, None, &Stop::new()?, |_| {})?;
    let mut costs = Vec::new();
    for _ in 0..2000 {
        for _ in 0..BATCH {
            producer
                .claim()?
                .ok_or("starved")?
                .publish(FrameMeta::default());
        }
        let begun_ns = monotonic_ns();
        for _ in 0..BATCH {
            drop(consumer.acquire().ok_or("no frame")?);
        }
        costs.push((monotonic_ns() - begun_ns) as f64 / f64::from(BATCH));
    }
    costs.sort_by(f64::total_cmp);
    println!("{:.0}", costs[costs.len() / 2]);
    Ok(())
}
