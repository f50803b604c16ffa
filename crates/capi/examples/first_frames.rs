//! Takes ten frames from a bus: the Rust program of `docs/clients.md`.

use framebus::ConsumerOptions;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = std::env::args().nth(1).unwrap_or("cam0".into()).parse()?;
    let mut consumer = ConsumerOptions::new(bus).attach()?;
    for frame in consumer.frames().take(10) {
        let frame = frame?;
        let gray = frame.gray().ok_or("the bus has no gray plane")?;
        let sum: u64 = gray.iter().map(|pixel| u64::from(*pixel)).sum();
        let mean = sum as f64 / gray.len() as f64;
        println!("{} {mean:.1}", frame.info().sequence);
    }
    Ok(())
}
