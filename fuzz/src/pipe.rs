//! What a stranger says on a named pipe: to a producer, and to a consumer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use framebus::bus::{
    AttachError, BusName, Consumer, ConsumerOptions, IndexChoice, Producer, ProducerOptions,
};
use framebus::layout::{Geometry, TriggerKind};
use framebus::stop::Stop;

use crate::planted::Planted;
use crate::{Choices, bus, false_bus};

/// The index whose pipe strangers come to, and the one that must always be there for a consumer.
const VISITED: u8 = 0;
const KEPT: u8 = 1;

/// A producer that strangers speak to.
struct Spoken {
    /// Kept alive.
    _producer: Mutex<Producer>,
    pipe: PathBuf,
}

static SPOKEN: LazyLock<Spoken> = LazyLock::new(|| {
    let options = ProducerOptions::new(bus(), Geometry::new(16, 8).expect("a size"));
    let producer = Producer::create(options).expect("a bus");
    let pipe = producer.pipes_dir().join(format!("pipe{VISITED}"));
    Spoken {
        _producer: Mutex::new(producer),
        pipe,
    }
});

/// What a stranger in a producer's place says to the next consumer.
static WORDS: LazyLock<Mutex<Sender<Vec<u8>>>> = LazyLock::new(|| {
    let (words, said) = channel::<Vec<u8>>();
    let planted = Planted::new(false_bus(), move |stream| {
        if let Ok(words) = said.recv() {
            let _ = stream.write_all(&words);
        }
    });
    planted.put(&planted.segment);
    Mutex::new(words)
});

/// The first byte chooses who is spoken to, and how the connection ends; the rest is what is said.
pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let how = choices.byte();
    if how & 1 == 0 {
        to_producer(how, choices.0);
    } else {
        to_consumer(how, choices.0);
    }
}

fn to_producer(how: u8, words: &[u8]) {
    let mut stream = UnixStream::connect(&SPOKEN.pipe).expect("the producer listens");
    stream.set_nonblocking(true).expect("a socket");
    let _ = stream.write_all(words);
    if how & 2 != 0 {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let _ = stream.read(&mut [0; 64]);
    drop(stream);
    if how & 12 == 0 {
        attach(bus(), KEPT, TriggerKind::Eventfd, Duration::from_secs(10))
            .expect("a consumer is let in");
    }
}

fn to_consumer(how: u8, words: &[u8]) {
    let kinds = [TriggerKind::Eventfd, TriggerKind::Pipe, TriggerKind::Spin];
    let kind = kinds[usize::from(how >> 1) % kinds.len()];
    let said = WORDS.lock().expect("nobody panics under it");
    said.send(words.to_vec()).expect("the stranger is there");
    if let Ok(mut consumer) = attach(false_bus(), 0, kind, Duration::ZERO) {
        let _ = consumer.wait(Some(Duration::ZERO));
    }
}

fn attach(
    bus: BusName,
    index: u8,
    trigger: TriggerKind,
    timeout: Duration,
) -> Result<Consumer, AttachError> {
    let stop = Stop::new().expect("a descriptor");
    let options = ConsumerOptions::new(bus)
        .index(IndexChoice::Index(index))
        .trigger(trigger);
    // The index may still be the one's that had it a moment ago.
    loop {
        match Consumer::attach(options.clone(), Some(timeout), &stop, |_| {}) {
            Err(AttachError::InUse { .. }) if index == KEPT => {
                std::thread::sleep(Duration::from_millis(1));
            }
            attached => return attached,
        }
    }
}
