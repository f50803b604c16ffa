//! Footage, a camera on the network, and a reader.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use framebus::source::{
    Arrival, Filled, FrameSource, FrameTarget, SourceError, SourceInfo, SourceSpec,
};
use framebus::stop::Stop;
use framebus_worker::{CaptureSource, DecodedSource, ImageSource, OpenOptions};
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Size, Vec3b, Vector};
use opencv::imgcodecs::{imencode, imwrite};
use opencv::videoio::{CAP_FFMPEG, VideoWriter, VideoWriterTrait};

/// Options with time-outs that suit a test: long where something comes, on a machine that is busy, and short where nothing does.
pub(crate) fn quick() -> OpenOptions {
    OpenOptions {
        color: true,
        open_timeout: Some(Duration::from_secs(20)),
        read_timeout: Some(Duration::from_millis(500)),
        ..OpenOptions::default()
    }
}

/// For sources that send nothing.
pub(crate) fn impatient() -> OpenOptions {
    OpenOptions {
        open_timeout: Some(Duration::from_secs(1)),
        ..quick()
    }
}

pub(crate) fn looped() -> OpenOptions {
    OpenOptions {
        looped: true,
        ..quick()
    }
}

pub(crate) fn open(source: &str, options: &OpenOptions) -> Opened {
    try_open(source, options).expect("it opens")
}

pub(crate) fn try_open(source: &str, options: &OpenOptions) -> Result<Opened, SourceError> {
    let spec: SourceSpec = source.parse()?;
    if matches!(spec, SourceSpec::File(_) | SourceSpec::Url(_)) {
        let stop = Stop::new().expect("eventfd");
        let opened = DecodedSource::open(&spec, options, &stop)?;
        return Ok(Opened::Decoded(opened.expect("nobody asks to stop")));
    }
    if matches!(spec, SourceSpec::Images(_)) {
        return ImageSource::open(&spec, options).map(Opened::Images);
    }
    CaptureSource::open(&spec, options).map(Opened::Captured)
}

/// A source of either kind.
pub(crate) enum Opened {
    Captured(CaptureSource),
    Images(ImageSource),
    Decoded(DecodedSource),
}

impl Opened {
    /// How many frames OpenCV did not put where it was told to.
    pub(crate) fn moved_frames(&self) -> u64 {
        match self {
            Opened::Captured(source) => source.moved_frames(),
            Opened::Images(_) | Opened::Decoded(_) => 0,
        }
    }

    fn source(&mut self) -> &mut dyn FrameSource {
        match self {
            Opened::Captured(source) => source,
            Opened::Images(source) => source,
            Opened::Decoded(source) => source,
        }
    }
}

impl FrameSource for Opened {
    fn info(&self) -> SourceInfo {
        match self {
            Opened::Captured(source) => source.info(),
            Opened::Images(source) => source.info(),
            Opened::Decoded(source) => source.info(),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.source().wait(stop)
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        self.source().fill(target)
    }
}

/// A picture that differs from frame to frame.
pub(crate) fn picture(size: (i32, i32), number: i32) -> Mat {
    let pixels: Vec<Vec3b> = (0..size.0 * size.1)
        .map(|i| {
            let (x, y) = (i % size.0, i / size.0);
            let moving = (x + 5 * number) / 2;
            Vec3b::from([moving, y, x / 2 + y / 2].map(|value| (value % 256) as u8))
        })
        .collect();
    let picture = Mat::new_rows_cols_with_data(size.1, size.0, &pixels).expect("a picture");
    picture.try_clone().expect("a copy")
}

/// Writes a video of 160x120.
pub(crate) fn video(path: &Path, codec: &[u8; 4], frames: i32) {
    let [a, b, c, d] = codec.map(char::from);
    let code = VideoWriter::fourcc(a, b, c, d).expect("a code");
    let size = Size::new(160, 120);
    let mut writer =
        VideoWriter::new_with_backend(path, CAP_FFMPEG, code, 30.0, size, true).expect("a writer");
    for number in 0..frames {
        writer.write(&picture((160, 120), number)).expect("a frame");
    }
    writer.release().expect("a file");
}

pub(crate) fn image(path: &Path, image: &Mat) {
    assert!(imwrite(path, image, &Vector::new()).expect("an image"));
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// What a source did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A frame, by its number.
    Frame(u64),
    Damaged,
    Resized,
    Stalled(String),
    End,
    Stopped,
}

/// A consumer that keeps the last frame.
pub(crate) struct Reader<S = Opened> {
    pub(crate) source: S,
    pub(crate) stop: Stop,
    pub(crate) bgr: Vec<u8>,
    pub(crate) gray: Vec<u8>,
}

impl<S: FrameSource> Reader<S> {
    pub(crate) fn new(source: S) -> Reader<S> {
        let mut reader = Reader {
            source,
            stop: Stop::new().expect("eventfd"),
            bgr: Vec::new(),
            gray: Vec::new(),
        };
        reader.make_room();
        reader
    }

    fn make_room(&mut self) {
        let geometry = self.source.info().geometry;
        self.bgr = vec![0; geometry.bgr_len()];
        self.gray = vec![0; geometry.gray_len()];
    }

    pub(crate) fn next(&mut self) -> Seen {
        match self.source.wait(&self.stop).expect("the source goes on") {
            Arrival::Frame(capture) => {
                assert!(capture.capture_ns > 0 && capture.wall_ns > 0);
                let geometry = self.source.info().geometry;
                let mut target = FrameTarget::new(geometry, &mut self.gray, Some(&mut self.bgr));
                match self.source.fill(&mut target).expect("the source goes on") {
                    Filled::Frame | Filled::Gray => Seen::Frame(capture.source_frame),
                    Filled::Damaged | Filled::Unfinished => Seen::Damaged,
                }
            }
            Arrival::Resized => {
                self.make_room();
                Seen::Resized
            }
            Arrival::Stalled(why) => Seen::Stalled(why),
            Arrival::End => Seen::End,
            Arrival::Stopped => Seen::Stopped,
        }
    }

    /// Reads to the end, at most 1000 frames.
    pub(crate) fn all(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.len() < 1000 {
            match self.next() {
                Seen::End => break,
                other => seen.push(other),
            }
        }
        seen
    }

    /// Reads until `wanted`, at most 100 times; returns what came before.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        let mut seen = Vec::new();
        for _ in 0..100 {
            let next = self.next();
            if wanted(&next) {
                return seen;
            }
            seen.push(next);
        }
        panic!("it never came: {seen:?}");
    }
}

/// What the network camera does with its next visitor.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Visit {
    /// So many frames of this size, then it closes the connection.
    Frames((i32, i32), i32),
    /// It answers with this status.
    Status(&'static str),
    /// It answers with one picture and closes the connection.
    Snapshot((i32, i32)),
    /// It closes the connection at once.
    Nothing,
}

/// Starts a camera that speaks HTTP with MJPEG; it treats its visitors in this order, and those after them as the last.
pub(crate) fn camera(visits: &'static [Visit]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // What it sends is made now: its thread outlives the test, and must not be in OpenCV when the process ends.
    let answers: Vec<Vec<Vec<u8>>> = visits.iter().map(|visit| answer(*visit)).collect();
    thread::spawn(move || {
        let last = answers.last().into_iter().cycle();
        for (answer, stream) in answers.iter().chain(last).zip(listener.incoming()) {
            // The visitor may leave at any time.
            let _ = stream.and_then(|stream| serve(stream, answer));
        }
    });
    format!("http://{address}/video")
}

/// What a visitor is sent, piece by piece.
fn answer(visit: Visit) -> Vec<Vec<u8>> {
    let (size, frames) = match visit {
        Visit::Frames(size, frames) => (size, frames),
        Visit::Status(status) => {
            return vec![format!("HTTP/1.0 {status}\r\n\r\n").into_bytes()];
        }
        Visit::Snapshot(size) => {
            let head = b"HTTP/1.0 200 OK\r\nContent-Type: image/jpeg\r\n\r\n";
            return vec![[head.as_slice(), &jpeg(size, 0)].concat()];
        }
        Visit::Nothing => return Vec::new(),
    };
    let head =
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    let parts = (0..frames).map(|number| {
        let jpeg = jpeg(size, number);
        let length = jpeg.len();
        let head =
            format!("--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), jpeg.as_slice(), b"\r\n"].concat()
    });
    std::iter::once(head.to_vec()).chain(parts).collect()
}

pub(crate) fn jpeg(size: (i32, i32), number: i32) -> Vec<u8> {
    let mut jpeg = Vector::<u8>::new();
    imencode(".jpg", &picture(size, number), &mut jpeg, &Vector::new()).expect("a JPEG");
    jpeg.as_slice().to_vec()
}

fn serve(mut stream: TcpStream, answer: &[Vec<u8>]) -> std::io::Result<()> {
    let mut request = [0; 1024];
    let _ = stream.read(&mut request)?;
    for piece in answer {
        stream.write_all(piece)?;
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// A directory for one test.
pub(crate) struct Directory(tempfile::TempDir);

impl Directory {
    pub(crate) fn new() -> Directory {
        Directory(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub(crate) fn pixels(image: &Mat) -> &[u8] {
    image.data_bytes().expect("packed rows")
}
