//! Streams and recordings: Y4M, raw frames, and Y4M with the times of its frames.

use std::fs::File;
use std::io::{PipeReader, Write};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use framebus::layout::Geometry;
use framebus::source::{Arrival, FrameSource, FrameTarget, SourceError};
use framebus::stop::Stop;
use framebus_cli::recording::sidecar;
use framebus_cli::source::{RawFormat, RawSource, ReplaySource, Speed, Y4mSource};
use tempfile::TempDir;

use crate::{Choices, put};

/// Frames that are read of a stream at most.
const FRAMES: u32 = 8;
/// Pixels of a frame that is written; one on a bus has at most what shared memory has room for.
const MOST_PIXELS: usize = 1 << 18;
/// What a pipe takes without a reader.
const PIPE: usize = 60_000;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

fn file(bytes: &[u8]) -> (PathBuf, File) {
    let path = DIRECTORY.path().join("stream.y4m");
    put(&path, bytes);
    let file = File::open(&path).expect("the file");
    (path, file)
}

/// A pipe with these bytes in it, that ends after them.
fn pipe(bytes: &[u8]) -> PipeReader {
    let (read, mut write) = std::io::pipe().expect("a pipe");
    let bytes = &bytes[..bytes.len().min(PIPE)];
    write.write_all(bytes).expect("a pipe takes so much");
    read
}

/// Takes frames as a producer does.
fn take(source: &mut dyn FrameSource, keep_bgr: bool) -> Result<(), SourceError> {
    let stop = Stop::new().expect("a descriptor");
    for _ in 0..FRAMES {
        match source.wait(&stop)? {
            Arrival::Frame(_) => {}
            Arrival::Resized => continue,
            Arrival::Stalled(_) | Arrival::End | Arrival::Stopped => return Ok(()),
        }
        let geometry = source.info().geometry;
        if geometry.gray_len() > MOST_PIXELS {
            // It is passed over, as one is for which there was no slot.
            continue;
        }
        let mut gray = vec![0; geometry.gray_len()];
        let mut bgr = vec![0; geometry.bgr_len()];
        let bgr = keep_bgr.then_some(&mut bgr[..]);
        source.fill(&mut FrameTarget::new(geometry, &mut gray, bgr))?;
    }
    Ok(())
}

/// The first byte chooses: through a file or a pipe, looped, with BGR. The rest is the stream.
pub(crate) fn y4m(data: &[u8]) {
    let mut choices = Choices(data);
    let how = choices.byte();
    let (looped, bgr) = (how & 2 != 0, how & 4 != 0);
    let stop = Stop::new().expect("a descriptor");
    if how & 1 == 0 {
        let (_, file) = file(choices.0);
        if let Ok(Some(source)) = Y4mSource::open(file, "file", looped, &stop) {
            let _ = take(&mut source.with_patience(Duration::ZERO), bgr);
        }
    } else if let Ok(Some(source)) = Y4mSource::open(pipe(choices.0), "pipe", false, &stop) {
        let _ = take(&mut source.with_patience(Duration::ZERO), bgr);
    }
}

/// The first bytes choose format and size as well. The rest is the stream.
pub(crate) fn raw(data: &[u8]) {
    let mut choices = Choices(data);
    let how = choices.byte();
    let (looped, bgr) = (how & 2 != 0, how & 4 != 0);
    let formats = [RawFormat::Gray, RawFormat::Bgr, RawFormat::Yuyv];
    let format = formats[usize::from(how >> 4) % formats.len()];
    let (width, height) = (choices.u16(), choices.u16());
    let Some(geometry) = Geometry::new(width.into(), height.into()) else {
        return;
    };
    let fps = (how & 8 != 0).then_some(1e6);
    if how & 1 == 0 {
        let (_, file) = file(choices.0);
        if let Ok(source) = RawSource::new(file, "file", format, geometry, fps, looped) {
            let _ = take(&mut source.with_patience(Duration::ZERO), bgr);
        }
    } else if let Ok(source) = RawSource::new(pipe(choices.0), "pipe", format, geometry, fps, false)
    {
        let _ = take(&mut source.with_patience(Duration::ZERO), bgr);
    }
}

/// The first bytes choose how, and how long the recording is; the rest is the recording and then its times.
pub(crate) fn replay(data: &[u8]) {
    let mut choices = Choices(data);
    let how = choices.byte();
    let len = usize::from(choices.u16()).min(choices.0.len());
    let (video, times) = choices.0.split_at(len);
    let (path, _) = file(video);
    put(&sidecar(&path), times);
    // Nobody waits for the next frame of a stranger's recording here.
    let speed = match how & 1 {
        0 => Speed::Times(1e15),
        _ => Speed::Max,
    };
    let stop = Stop::new().expect("a descriptor");
    let opened = ReplaySource::open(&path, speed, how & 2 != 0, how & 4 != 0, &stop);
    if let Ok(Some(mut source)) = opened {
        let _ = take(&mut source, false);
    }
}
