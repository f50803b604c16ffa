//! Whether the picture has changed: for recordings that begin by themselves, and for writing only what is new.

use super::{FrameView, Sink, SinkError, StreamInfo, Summary};
use framebus::convert::gray_into;
use framebus::layout::{Format, Geometry};

/// The picture is looked at as that many cells, at most: the noise of single pixels is averaged away.
const CELLS: (u32, u32) = (64, 48);
/// A cell has changed when its mean gray is that far from what it was, of 255.
const CELL_CHANGE: u8 = 12;

/// Compares each frame with the last one that was different: what moves slowly counts too, as soon as it has come far enough.
#[derive(Debug)]
pub struct Change {
    /// The part of the cells that has to change.
    share: f64,
    size: Option<Geometry>,
    reference: Vec<u8>,
    cells: Vec<u8>,
    /// Gray of a frame that has none of its own.
    gray: Vec<u8>,
}

impl Change {
    /// Counts as changed what differs in at least this part of the picture, above 0 and up to 1.
    #[must_use]
    pub fn new(share: f64) -> Change {
        Change {
            share,
            size: None,
            reference: Vec::new(),
            cells: Vec::new(),
            gray: Vec::new(),
        }
    }

    /// Whether the frame is different; `None` for the first one of its size, which there is nothing to compare with.
    ///
    /// # Errors
    /// [`SinkError::Unsuitable`] for a frame without an image.
    pub fn look(&mut self, frame: &FrameView<'_>) -> Result<Option<bool>, SinkError> {
        let size = self.measure(frame)?;
        if self.size != Some(size) {
            self.size = Some(size);
            std::mem::swap(&mut self.reference, &mut self.cells);
            return Ok(None);
        }
        let both = self.reference.iter().zip(&self.cells);
        let changed = both.filter(|(old, new)| old.abs_diff(**new) >= CELL_CHANGE);
        let is_different = changed.count() as f64 >= self.share * self.cells.len() as f64;
        if is_different {
            std::mem::swap(&mut self.reference, &mut self.cells);
        }
        Ok(Some(is_different))
    }

    /// Reduces the frame to `cells`.
    fn measure(&mut self, frame: &FrameView<'_>) -> Result<Geometry, SinkError> {
        if let Some(gray) = frame.full(Format::GRAY8) {
            average(frame.geometry, gray, &mut self.cells);
            return Ok(frame.geometry);
        }
        for view in frame.planes.iter().flatten() {
            let Some(size) = view.plane.size() else {
                continue;
            };
            self.gray.resize(size.gray_len(), 0);
            if gray_into(&view.plane, view.data, &mut self.gray) {
                average(size, &self.gray, &mut self.cells);
                return Ok(size);
            }
        }
        Err(SinkError::Unsuitable(
            "--on-change needs an image, and the frames have none".to_owned(),
        ))
    }
}

/// The mean of each cell of a gray image.
fn average(size: Geometry, gray: &[u8], cells: &mut Vec<u8>) {
    let (width, height) = (size.width as usize, size.height as usize);
    let columns = size.width.min(CELLS.0) as usize;
    let rows = size.height.min(CELLS.1) as usize;
    cells.clear();
    for row in 0..rows {
        let (top, bottom) = (row * height / rows, (row + 1) * height / rows);
        for column in 0..columns {
            let (left, right) = (column * width / columns, (column + 1) * width / columns);
            let lines = gray[top * width..bottom * width].chunks(width);
            let sum: u64 = lines
                .map(|line| u64::from(line[left..right].iter().map(|g| u32::from(*g)).sum::<u32>()))
                .sum();
            let pixels = ((bottom - top) * (right - left)) as u64;
            cells.push(u8::try_from(sum / pixels.max(1)).unwrap_or(u8::MAX));
        }
    }
}

/// Gives another sink the first frame, and then only those that are different.
pub struct ChangeSink {
    change: Change,
    inner: Box<dyn Sink + Send>,
    /// How many frames are passed on at most.
    left: Option<u64>,
    /// What was skipped before frames that were not passed on.
    skipped: u64,
    missing: u64,
}

impl ChangeSink {
    /// Passes on at most `count` frames to `inner`.
    #[must_use]
    pub fn new(change: Change, inner: Box<dyn Sink + Send>, count: Option<u64>) -> ChangeSink {
        ChangeSink {
            change,
            inner,
            left: count,
            skipped: 0,
            missing: 0,
        }
    }
}

impl Sink for ChangeSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.inner.begin(stream)
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        if self.left == Some(0) {
            return Err(SinkError::Complete);
        }
        self.skipped += frame.info.skipped;
        self.missing += frame.info.missing;
        if !self.change.look(frame)?.unwrap_or(true) {
            return Ok(());
        }
        let mut passed = *frame;
        passed.info.skipped = std::mem::take(&mut self.skipped);
        passed.info.missing = std::mem::take(&mut self.missing);
        self.inner.frame(&passed)?;
        match &mut self.left {
            Some(1) => Err(SinkError::Complete),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn released(&mut self, now_ns: u64) {
        self.inner.released(now_ns);
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        self.inner.tick(now_ns)
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        self.inner.finish(summary)
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::Frame;

    /// A dark frame with a light square of that side.
    fn with_square(side: usize) -> Frame {
        let mut frame = Frame::new(160, 120, 1);
        frame.gray.fill(40);
        for line in frame.gray.chunks_mut(160).take(side) {
            line[..side].fill(200);
        }
        frame
    }

    fn look(change: &mut Change, frame: &Frame) -> Option<bool> {
        change.look(&frame.view()).expect("an image")
    }

    #[test]
    fn a_change_is_a_part_of_the_picture_and_not_noise() {
        let mut change = Change::new(0.02);
        assert_eq!(look(&mut change, &with_square(0)), None);
        // 2 % of 160x120 is a square of 19.6.
        assert_eq!(look(&mut change, &with_square(10)), Some(false));
        assert_eq!(look(&mut change, &with_square(30)), Some(true));
        assert_eq!(look(&mut change, &with_square(30)), Some(false));
        let mut noisy = with_square(30);
        for (place, pixel) in noisy.gray.iter_mut().enumerate() {
            *pixel += if place % 7 == 0 { 15 } else { 0 };
        }
        assert_eq!(look(&mut change, &noisy), Some(false));
    }

    #[test]
    fn what_moves_slowly_counts_when_it_has_come_far_enough() {
        let mut change = Change::new(0.05);
        let seen: Vec<_> = (0..60)
            .map(|side| look(&mut change, &with_square(side)))
            .collect();
        let times = seen.iter().filter(|seen| **seen == Some(true)).count();
        assert!((2..=5).contains(&times), "{times}");
    }

    #[test]
    fn another_size_is_a_new_beginning_and_other_formats_are_looked_at_too() {
        let mut change = Change::new(0.02);
        assert_eq!(look(&mut change, &with_square(0)), None);
        assert_eq!(look(&mut change, &Frame::new(4, 2, 1)), None);
        let mut frame = Frame::new(4, 2, 1);
        frame.bgr = Some(vec![200; 24]);
        let view = frame.view().only(1);
        assert_eq!(change.look(&view).expect("an image"), Some(true));
        let empty = view.only(3);
        change.look(&empty).expect_err("nothing");
    }
}
