//! A moving test picture that proves itself: no camera needed, and no frame can be torn unnoticed.

mod draw;
mod stamp;

use std::io::Write;
use std::ops::Range;

use crate::clock::{monotonic_ns, wall_ns};
use crate::convert::bgr_to_gray;
use crate::layout::Geometry;
use crate::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, SourceError, SourceInfo,
};
use crate::stop::Stop;
use draw::Canvas;

pub use stamp::{STAMP_LEN, Torn, verify};

/// The colour bars of a television test picture in BGR, from light to dark.
const BARS: [[u8; 3]; 8] = [
    [235, 235, 235],
    [16, 235, 235],
    [235, 235, 16],
    [16, 235, 16],
    [235, 16, 235],
    [16, 16, 235],
    [235, 16, 16],
    [16, 16, 16],
];

/// Frames in which the background moves once through the image.
const TURN: u64 = 240;

/// Draws a moving colour test picture: colour bars that go to the left, below them a gray ramp that goes to the right, a
/// bouncing block, and the frame number in large digits.
///
/// Gray is what [`bgr_to_gray`] makes of the colours, so it equals OpenCV's. The first [`STAMP_LEN`] pixels carry a stamp,
/// in BGR as shades of gray, with which [`verify`] proves that a frame is whole. Images with fewer pixels carry none, and
/// digits that do not fit are left out; any size from 1x1 on can be drawn.
///
/// Frames are there at once: nothing here waits, the producer paces them. A frame allocates nothing and costs little more
/// than writing it.
///
/// # Examples
/// ```
/// use framebus::layout::Geometry;
/// use framebus::source::pattern::{PatternSource, verify};
/// use framebus::source::{Arrival, FrameSource, FrameTarget};
///
/// let geometry = Geometry::new(320, 240).expect("a size");
/// let mut source = PatternSource::new(geometry, Some(30.0));
/// let stop = framebus::stop::Stop::new()?;
/// assert!(matches!(source.wait(&stop)?, Arrival::Frame(_)));
/// let mut gray = vec![0; geometry.gray_len()];
/// source.fill(&mut FrameTarget::new(geometry, &mut gray, None))?;
/// assert_eq!(verify(geometry, &gray), Ok(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PatternSource {
    geometry: Geometry,
    fps: Option<f64>,
    bars: Band,
    ramp: Band,
    /// Where a target has no gray.
    own_gray: Vec<u8>,
    /// The number of the frame that `fill` draws.
    announced: u64,
    /// The number of the frame that `wait` announces next.
    next: u64,
}

impl PatternSource {
    /// Prepares a picture of this size that asks to be shown at `fps` frames a second.
    #[must_use]
    pub fn new(geometry: Geometry, fps: Option<f64>) -> PatternSource {
        let width = geometry.width as usize;
        let bars = Band::new(width, |x| BARS[x * BARS.len() / width]);
        let ramp = Band::new(width, |x| [shade(x, width); 3]);
        PatternSource {
            geometry,
            fps,
            bars,
            ramp,
            own_gray: Vec::new(),
            announced: 0,
            next: 0,
        }
    }

    /// Draws one frame, whatever its number, without [`FrameSource::wait`]; `wait` goes on after it.
    ///
    /// # Errors
    /// Fails when the target is of another size.
    pub fn draw_frame(
        &mut self,
        number: u64,
        target: &mut FrameTarget<'_>,
    ) -> Result<(), SourceError> {
        target.expect(self.geometry)?;
        self.announced = number;
        self.next = number.wrapping_add(1);
        self.draw(target);
        Ok(())
    }

    /// Draws what the target wants; where that is colour alone, gray is drawn beside it for the stamp.
    fn draw(&mut self, target: &mut FrameTarget<'_>) {
        let mut own_gray = std::mem::take(&mut self.own_gray);
        let geometry = self.geometry;
        let gray = match &mut target.gray {
            Some(gray) => &mut **gray,
            None => {
                own_gray.resize(geometry.gray_len(), 0);
                &mut own_gray
            }
        };
        self.draw_on(&mut Canvas {
            geometry,
            gray,
            bgr: target.bgr.as_deref_mut(),
        });
        self.own_gray = own_gray;
    }

    fn draw_on(&self, target: &mut Canvas<'_>) {
        let frame = self.announced;
        let (width, height) = (self.geometry.width, self.geometry.height);
        let turned = u64::from(width) * (frame % TURN) / TURN;
        let turned = usize::try_from(turned).unwrap_or(0);
        let edge = height as usize - height as usize / 4;
        self.bars.draw(target, 0..edge, turned);
        let turned = width as usize - turned;
        self.ramp.draw(target, edge..height as usize, turned);
        draw::block(target, frame);
        draw::number(target, frame);
        if let Some(stamp) = stamp::stamp(self.geometry, frame, target.gray) {
            target.gray[..STAMP_LEN].copy_from_slice(&stamp);
            if let Some(bgr) = &mut target.bgr {
                for (pixel, byte) in bgr.as_chunks_mut().0.iter_mut().zip(stamp) {
                    *pixel = [byte; 3];
                }
            }
        }
    }
}

impl FrameSource for PatternSource {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: self.fps,
            bgr: true,
            live: false,
            native: None,
            description: format!("pattern {}", self.geometry),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if stop.is_set() {
            return Ok(Arrival::Stopped);
        }
        self.announced = self.next;
        self.next += 1;
        Ok(Arrival::Frame(FrameMeta {
            capture_ns: monotonic_ns(),
            wall_ns: wall_ns(),
            source_frame: self.announced,
        }))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.geometry)?;
        self.draw(target);
        Ok(Filled::Frame)
    }

    fn metadata(&mut self, bytes: &mut Vec<u8>) {
        // Writing into memory does not fail.
        let _ = write!(bytes, "{{\"pattern\":{}}}", self.announced);
    }
}

/// One row of a background, two image widths long, so that any part of it that is as long as a row can be copied.
#[derive(Debug)]
struct Band {
    bgr: Vec<u8>,
    gray: Vec<u8>,
}

impl Band {
    fn new(width: usize, colour: impl Fn(usize) -> [u8; 3]) -> Band {
        let bgr: Vec<u8> = (0..2 * width).flat_map(|x| colour(x % width)).collect();
        let mut gray = vec![0; 2 * width];
        bgr_to_gray(&bgr, &mut gray);
        Band { bgr, gray }
    }

    /// Fills these rows of the target, beginning with pixel `turned` of the band, 0 to the width.
    fn draw(&self, target: &mut Canvas<'_>, rows: Range<usize>, turned: usize) {
        let width = target.geometry.width as usize;
        let gray = &self.gray[turned..turned + width];
        for row in target.gray[rows.start * width..rows.end * width].chunks_exact_mut(width) {
            row.copy_from_slice(gray);
        }
        let Some(target) = &mut target.bgr else {
            return;
        };
        let bgr = &self.bgr[3 * turned..3 * (turned + width)];
        for row in target[rows.start * 3 * width..rows.end * 3 * width].chunks_exact_mut(3 * width)
        {
            row.copy_from_slice(bgr);
        }
    }
}

fn shade(x: usize, width: usize) -> u8 {
    u8::try_from(x * 256 / width).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Images {
        gray: Vec<u8>,
        bgr: Vec<u8>,
    }

    fn size(width: u32, height: u32) -> Geometry {
        Geometry::new(width, height).expect("a size")
    }

    fn next_frame(source: &mut PatternSource) -> (u64, Images) {
        let geometry = source.info().geometry;
        let stop = Stop::new().expect("eventfd");
        let Arrival::Frame(capture) = source.wait(&stop).expect("a frame") else {
            panic!("a pattern always has a frame");
        };
        let mut images = Images {
            gray: vec![0xa5; geometry.gray_len()],
            bgr: vec![0x5a; geometry.bgr_len()],
        };
        let mut target = FrameTarget::new(geometry, &mut images.gray, Some(&mut images.bgr));
        assert_eq!(source.fill(&mut target).expect("filled"), Filled::Frame);
        (capture.source_frame, images)
    }

    #[test]
    fn gray_is_what_the_colours_convert_to_at_every_size() {
        for geometry in [
            size(640, 480),
            size(16, 16),
            size(17, 33),
            size(101, 7),
            size(1, 40),
        ] {
            let mut source = PatternSource::new(geometry, None);
            for _ in 0..3 {
                let (_, images) = next_frame(&mut source);
                let mut gray = vec![0; geometry.gray_len()];
                bgr_to_gray(&images.bgr, &mut gray);
                assert!(gray == images.gray, "{geometry}");
            }
        }
    }

    #[test]
    fn every_frame_proves_itself_with_its_number() {
        let geometry = size(160, 120);
        let mut source = PatternSource::new(geometry, None);
        for frame in 0..300 {
            let (number, images) = next_frame(&mut source);
            assert_eq!(number, frame);
            assert_eq!(verify(geometry, &images.gray), Ok(frame));
        }
    }

    #[test]
    fn gray_is_the_same_without_a_colour_image() {
        let geometry = size(64, 48);
        let mut with = PatternSource::new(geometry, None);
        let mut without = PatternSource::new(geometry, None);
        let (_, images) = next_frame(&mut with);
        let stop = Stop::new().expect("eventfd");
        without.wait(&stop).expect("a frame");
        let mut gray = vec![0; geometry.gray_len()];
        let mut target = FrameTarget::new(geometry, &mut gray, None);
        without.fill(&mut target).expect("filled");
        assert!(gray == images.gray);
    }

    #[test]
    fn a_frame_put_together_from_two_is_found_at_every_row() {
        let geometry = size(160, 120);
        let mut source = PatternSource::new(geometry, None);
        let (_, old) = next_frame(&mut source);
        for _ in 0..5 {
            next_frame(&mut source);
        }
        let (_, new) = next_frame(&mut source);
        for row in 1..120 {
            let (top, bottom) = (&new.gray[..row * 160], &old.gray[row * 160..]);
            assert!(
                verify(geometry, &[top, bottom].concat()).is_err(),
                "cut at row {row}"
            );
        }
    }

    #[test]
    fn the_picture_moves_enough_for_a_thumbnail_of_40x20() {
        let geometry = size(640, 480);
        let mut source = PatternSource::new(geometry, None);
        let thumbnail = |gray: &[u8]| -> Vec<u8> {
            (0..800)
                .map(|i| gray[(i / 40 * 24 + 12) * 640 + i % 40 * 16 + 8] / 32)
                .collect()
        };
        let mut last = thumbnail(&next_frame(&mut source).1.gray);
        for _ in 0..20 {
            for _ in 0..9 {
                next_frame(&mut source);
            }
            let now = thumbnail(&next_frame(&mut source).1.gray);
            assert!(last.iter().zip(&now).filter(|(a, b)| a != b).count() >= 10);
            last = now;
        }
    }

    #[test]
    fn the_smallest_images_are_drawn_without_digits_and_stamp() {
        for width in 1..=26 {
            for height in 1..=26 {
                let geometry = size(width, height);
                let mut source = PatternSource::new(geometry, None);
                source.next = u64::MAX - 1;
                let (number, images) = next_frame(&mut source);
                let verified = verify(geometry, &images.gray);
                if geometry.gray_len() < STAMP_LEN {
                    assert_eq!(verified, Err(Torn::TooSmall(geometry)));
                } else {
                    assert_eq!(verified, Ok(number));
                }
            }
        }
    }

    #[test]
    fn a_frame_that_is_not_filled_is_passed_over() {
        let geometry = size(64, 48);
        let mut source = PatternSource::new(geometry, None);
        let stop = Stop::new().expect("eventfd");
        source.wait(&stop).expect("a frame");
        let (number, images) = next_frame(&mut source);
        assert_eq!(number, 1);
        assert_eq!(verify(geometry, &images.gray), Ok(1));
        stop.set();
        assert_eq!(source.wait(&stop).expect("an answer"), Arrival::Stopped);
    }

    #[test]
    fn a_target_of_another_size_is_refused() {
        let mut source = PatternSource::new(size(64, 48), None);
        let mut gray = vec![0; 64 * 47];
        let mut target = FrameTarget::new(size(64, 47), &mut gray, None);
        let error = source.fill(&mut target).expect_err("another size");
        assert_eq!(
            error.to_string(),
            "the source has frames of 64x48, the target is 64x47"
        );
    }
}
