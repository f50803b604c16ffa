//! One end of the conformance test, in Rust: see `crates/capi/tests/clients/conformance.rs`. Usage: as
//! `clients/c/tests/conformance.c`.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use framebus::bus::{
    Consumer, ConsumerOptions, FrameMeta, IndexChoice, Producer, ProducerOptions, Waited,
};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::layout::{Format, Geometry, PlaneSpec};
use framebus::source::{PatternSource, pattern};
use framebus::stop::Stop;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["produce", bus, width, height, fps, consumers, seconds] => {
            produce([bus, width, height, fps, consumers, seconds])
        }
        ["consume", bus, index, mode, timeout] => consume([bus, index, mode, timeout]),
        ["produce-planes", bus, consumers, frames] => produce_planes(bus, consumers, frames),
        ["consume-planes", bus, index] => consume_planes(bus, index),
        _ => std::process::exit(2),
    };
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(1);
    }
}

fn produce(arguments: [&str; 6]) -> Result<(), Box<dyn Error>> {
    let [bus, width, height, fps, consumers, seconds] = arguments;
    let geometry = Geometry::new(width.parse()?, height.parse()?).ok_or("no size")?;
    let mut options = ProducerOptions::new(bus.parse()?, geometry);
    options.consumers = consumers.parse()?;
    options = options.color(true);
    let wanted = usize::from(options.consumers);
    let mut producer = Producer::create(options)?;
    let mut source = PatternSource::new(geometry, None);
    let stop = Stop::new()?;
    while producer.connected() < wanted {
        let _ = stop.sleep(Duration::from_millis(2));
    }
    let period_ns = (1e9 / fps.parse::<f64>()?) as u64;
    let mut next_ns = monotonic_ns();
    let end_ns = next_ns + (1e9 * seconds.parse::<f64>()?) as u64;
    let mut number = 0;
    while next_ns < end_ns {
        let meta = FrameMeta {
            capture_ns: monotonic_ns(),
            wall_ns: wall_ns(),
            source_frame: number,
        };
        if let Some(mut claim) = producer.claim()? {
            source.draw_frame(number, &mut claim.target())?;
            claim.publish(meta);
        }
        number += 1;
        next_ns += period_ns;
        let _ = stop.sleep_until(next_ns);
    }
    let stats = producer.stats();
    println!(
        "{{\"published\": {}, \"sequence\": {}, \"starved\": {}}}",
        stats.published, stats.sequence, stats.starved
    );
    Ok(())
}

fn consume(arguments: [&str; 4]) -> Result<(), Box<dyn Error>> {
    let [bus, index, mode, timeout] = arguments;
    let options = ConsumerOptions::new(bus.parse()?)
        .index(IndexChoice::Index(index.parse()?))
        .every_frame(mode == "every")
        .name("conformance");
    let timeout = Duration::try_from_secs_f64(timeout.parse()?)?;
    let mut consumer = Consumer::attach(options, Some(timeout), &Stop::new()?, |_| {})?;
    let (mut torn, mut backwards, mut last) = (0, 0, 0);
    let end = loop {
        match consumer.wait(None)? {
            Waited::Ended => break "ended",
            Waited::Lost => break "lost",
            _ => {}
        }
        let Some(frame) = consumer.acquire() else {
            continue;
        };
        let gray = frame.gray().unwrap_or_default();
        let whole = pattern::verify(frame.geometry(), gray) == Ok(frame.info().source_frame);
        let same = frame.bgr().is_some_and(|bgr| bgr[3 * 8] == gray[8]);
        torn += u64::from(!whole || !same);
        backwards += u64::from(frame.info().sequence <= last);
        last = frame.info().sequence;
        if mode == "slow" {
            std::thread::sleep(Duration::from_millis(60));
        }
        if mode == "hold" {
            println!("holding {last}");
            std::io::stdout().flush()?;
            loop {
                std::thread::park();
            }
        }
    };
    let stats = consumer.stats();
    println!(
        "{{\"attached\": {}, \"taken\": {}, \"skipped\": {}, \"last\": {}, \"torn\": {torn}, \"backwards\": {backwards}, \"end\": \"{end}\"}}",
        stats.attach_sequence, stats.taken, stats.skipped, stats.last_sequence
    );
    Ok(())
}

/// As in `clients/c/tests/conformance.c`.
const PLANES: &str = "gray,bgr,nv12,gray/2,meta";

fn byte_of(k: usize, index: usize, number: u64) -> u8 {
    (k % 251 + 31 * index + number as usize) as u8
}

fn metadata_of(number: u64) -> String {
    format!("frame {number}{}", "x".repeat((number % 7) as usize))
}

fn produce_planes(bus: &str, consumers: &str, frames: &str) -> Result<(), Box<dyn Error>> {
    let geometry = Geometry::new(64, 48).ok_or("no size")?;
    let options = ProducerOptions::new(bus.parse()?, geometry)
        .consumers(consumers.parse()?)
        .history(frames.parse()?)
        .planes(PlaneSpec::list(PLANES)?);
    let (consumers, frames) = (options.consumers, options.history);
    let mut producer = Producer::create(options)?;
    let stop = Stop::new()?;
    while producer.connected() < usize::from(consumers) {
        let _ = stop.sleep(Duration::from_millis(2));
    }
    for number in 0..u64::from(frames) {
        let _ = stop.sleep(Duration::from_millis(20));
        let mut claim = producer.claim()?.ok_or("starved")?;
        for (index, (plane, image)) in claim.images().enumerate() {
            if plane.format != Format::META {
                for (k, byte) in image.iter_mut().enumerate() {
                    *byte = byte_of(k, index, number);
                }
            }
        }
        claim.set_metadata(metadata_of(number).as_bytes())?;
        claim.publish(FrameMeta {
            source_frame: number,
            ..FrameMeta::default()
        });
    }
    println!("{{\"published\": {frames}}}");
    Ok(())
}

fn consume_planes(bus: &str, index: &str) -> Result<(), Box<dyn Error>> {
    let options = ConsumerOptions::new(bus.parse()?)
        .index(IndexChoice::Index(index.parse()?))
        .every_frame(true)
        .needs(PlaneSpec::list(PLANES)?);
    let mut consumer = options.attach_within(Duration::from_secs(60))?;
    let (mut taken, mut wrong, mut names) = (0, 0, Vec::new());
    for frame in &mut consumer {
        let frame = frame?;
        let number = frame.info().source_frame;
        taken += 1;
        wrong += usize::from(frame.metadata() != metadata_of(number).as_bytes());
        names.clear();
        for (index, view) in frame.planes().enumerate() {
            names.extend(PlaneSpec::of(&view.plane, frame.geometry()).map(|spec| spec.to_string()));
            let is_wrong = |(k, byte): &(usize, &u8)| **byte != byte_of(*k, index, number);
            if view.plane.format != Format::META {
                wrong += view.data.iter().enumerate().filter(is_wrong).count();
            }
        }
        let gray = frame.find(Format::GRAY8)?.data;
        wrong += usize::from(frame.gray() != Some(gray) || gray.len() != 64 * 48);
        wrong += usize::from(frame.find(Format::NV12)?.data.len() != 64 * 72);
        let small: PlaneSpec = "gray/2".parse()?;
        wrong += usize::from(frame.find(small)?.plane.width != 32);
    }
    let names = names.join(" ");
    println!("{{\"taken\": {taken}, \"wrong\": {wrong}, \"planes\": \"{names}\"}}");
    Ok(())
}
