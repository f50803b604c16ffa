//! Takes ten frames from a bus: the Rust program of `docs/clients.md`.

use framebus::bus::{Consumer, ConsumerOptions, Waited};
use framebus::stop::Stop;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = std::env::args().nth(1).unwrap_or("cam0".into()).parse()?;
    let stop = Stop::on_signals()?;
    let mut consumer = Consumer::attach(ConsumerOptions::new(bus), None, &stop, |_| {})?;
    let mut left = 10;
    while left > 0 {
        match consumer.wait(None)? {
            Waited::Ended | Waited::Lost | Waited::Stopped => break,
            _ => {}
        }
        if let Some(frame) = consumer.acquire() {
            let sum: u64 = frame.gray().iter().map(|pixel| u64::from(*pixel)).sum();
            let mean = sum as f64 / frame.gray().len() as f64;
            println!("{} {mean:.1}", frame.info().sequence);
            left -= 1;
        }
    }
    Ok(())
}
