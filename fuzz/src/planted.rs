//! A bus that nobody produces: a segment as a producer makes it, and somebody who answers on the first of its pipes.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use framebus::bus::{BusName, Producer, ProducerOptions};
use framebus::fuzzing::with_a_frame;
use framebus::layout::Geometry;

/// The bus, without its segment, which is put there with [`Planted::put`].
pub(crate) struct Planted {
    /// The segment, with one frame in it.
    pub(crate) segment: Vec<u8>,
    /// Where its images begin.
    pub(crate) control: usize,
    path: PathBuf,
}

impl Planted {
    /// Makes it. `answer` says what there is to say to who has come to the first pipe and said hello.
    pub(crate) fn new(
        bus: BusName,
        mut answer: impl FnMut(&mut UnixStream) + Send + 'static,
    ) -> Planted {
        let path = PathBuf::from(format!("/dev/shm/framebus.{bus}"));
        let options = ProducerOptions::new(bus, Geometry::new(16, 8).expect("a size"))
            .consumers(2)
            .bgr_image(true);
        let producer = Producer::create(options).expect("a bus");
        let mut segment = std::fs::read(&path).expect("its segment");
        let control = with_a_frame(&mut segment, producer.layout());
        let pipes = producer.pipes_dir().to_owned();
        drop(producer);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&pipes).expect("a directory");
        let listener = UnixListener::bind(pipes.join("pipe0")).expect("a pipe");
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                // Who says nothing has gone.
                let _ = stream.read(&mut [0]);
                answer(&mut stream);
            }
        });
        Planted {
            segment,
            control,
            path,
        }
    }

    /// Puts a segment under the name.
    pub(crate) fn put(&self, bytes: &[u8]) -> File {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        let file = options.mode(0o600).open(&self.path).expect("the object");
        file.write_all_at(bytes, 0).expect("the segment");
        file
    }
}

/// Welcomes whoever comes, who is to be woken by bytes, and wakes it.
pub(crate) fn welcome(stream: &mut UnixStream) {
    let _ = stream.write_all(b"FB\0P\0\0\0\0\x01\0\0\0\0\0\0\0\x01");
}
