//! What `framebus consume --seed` does, without the command: for the test of programs of the sample under Wine
//! (`tests/windows/run.py`).
//!
//! usage: seed BUS PREFIX PROGRAMS SECONDS, which says at its end in a line of JSON what was copied.

use std::error::Error;
use std::time::Duration;

use framebus::bus::{ConsumerOptions, Waited};
use framebus::clock::monotonic_ns;
use framebus::seed::{Counts, Seed, SeedOptions};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [bus, prefix, programs, seconds] = arguments[..] else {
        std::process::exit(2);
    };
    match share(bus, prefix, programs, seconds) {
        Ok(Counts {
            copied,
            no_buffer,
            mutex_held,
            triggered,
            given_back,
            abandoned,
            ..
        }) => println!(
            "{{\"copied\": {copied}, \"no_buffer\": {no_buffer}, \"mutex_held\": {mutex_held}, \"triggered\": {triggered}, \
             \"given_back\": {given_back}, \"abandoned\": {abandoned}}}"
        ),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

fn share(bus: &str, prefix: &str, programs: &str, seconds: &str) -> Result<Counts, Box<dyn Error>> {
    let options = ConsumerOptions::new(bus.parse()?);
    let mut consumer = options.attach_within(Duration::from_secs(60))?;
    let options = SeedOptions {
        programs: programs.parse()?,
        prefix: prefix.to_owned(),
    };
    let mut seed = Seed::create(&options, consumer.stream().geometry)?;
    let end_ns = monotonic_ns() + 1_000_000_000 * seconds.parse::<u64>()?;
    while monotonic_ns() < end_ns {
        match consumer.wait(Some(Duration::from_secs(1)))? {
            Waited::Frame => {
                if let Some(frame) = consumer.acquire() {
                    let gray = frame.gray().ok_or("no gray")?;
                    seed.put(gray, frame.bgr(), frame.info().wake_ns)?;
                }
            }
            Waited::TimedOut => seed.look()?,
            _ => break,
        }
    }
    Ok(seed.counts())
}
