//! Where what is in the sample's mapping.

use crate::layout::Geometry;
use crate::system::Bytes;

const HEIGHT: usize = 0;
const WIDTH: usize = 4;
const BGR_STEP: usize = 8;
const GRAY_STEP: usize = 12;
const COUNT: usize = 16;
pub(super) const NEWEST: usize = 17;
const USERS: usize = 18;

/// The mapping for frames of one size and a number of programs: there are two buffers more than programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    geometry: Geometry,
    buffers: u8,
}

impl Shape {
    pub(super) fn new(geometry: Geometry, programs: u8) -> Shape {
        Shape {
            geometry,
            buffers: programs.saturating_add(2),
        }
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    pub(super) fn buffers(&self) -> usize {
        self.buffers.into()
    }

    /// How many programs use a buffer: one byte.
    pub(super) fn user_at(&self, buffer: usize) -> usize {
        USERS + buffer
    }

    pub(super) fn bgr_at(&self) -> usize {
        USERS + self.buffers()
    }

    /// Images follow each other without a gap.
    pub(super) fn gray_at(&self, buffer: usize) -> usize {
        self.bgr_at() + self.geometry.bgr_len() + buffer * self.geometry.gray_len()
    }

    pub(super) fn len(&self) -> usize {
        self.gray_at(self.buffers())
    }

    /// What is before the index of the newest buffer.
    fn head(&self) -> [(usize, [u8; 4]); 4] {
        let Geometry { width, height } = self.geometry;
        [
            (HEIGHT, height.to_le_bytes()),
            (WIDTH, width.to_le_bytes()),
            (BGR_STEP, (3 * width).to_le_bytes()),
            (GRAY_STEP, width.to_le_bytes()),
        ]
    }

    /// Whether memory has this shape already, and may be in use.
    pub(super) fn is_of(&self, bytes: &Bytes) -> bool {
        let has = |at: usize, expected: &[u8]| {
            (at..)
                .zip(expected)
                .all(|(at, byte)| bytes.get(at) == Some(*byte))
        };
        self.head().iter().all(|(at, word)| has(*at, word))
            && has(COUNT, &[self.buffers])
            && bytes
                .get(NEWEST)
                .is_some_and(|newest| newest < self.buffers)
    }

    /// Gives memory this shape: nobody uses a buffer, and the first one is the newest.
    pub(super) fn write(&self, bytes: &Bytes) {
        for (at, word) in self.head() {
            bytes.write(at, &word);
        }
        bytes.set(COUNT, self.buffers);
        bytes.set(NEWEST, 0);
        for buffer in 0..self.buffers() {
            bytes.set(self.user_at(buffer), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_layout_page() {
        let shape = Shape::new(Geometry::new(6, 5).expect("a size"), 3);
        assert_eq!(shape.buffers(), 5);
        assert_eq!(shape.head()[2], (8, [18, 0, 0, 0]));
        assert_eq!((shape.user_at(0), shape.user_at(4)), (18, 22));
        assert_eq!((shape.bgr_at(), shape.gray_at(0)), (23, 23 + 90));
        assert_eq!(shape.gray_at(1) - shape.gray_at(0), 30);
        assert_eq!(shape.len(), 18 + 5 + 90 + 5 * 30);
    }
}
