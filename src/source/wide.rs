//! Samples of more than 8 bits, which a bus carries as 8: the high bits of each. OpenCV's and this library's images of 16 bits
//! are made gray in the same way.

use super::input::Input;
use crate::system::Stream;
use framebus::source::{Filled, SourceError};

/// A part of a frame as it came. It stays until the next frame, so that what came before a pause is not lost.
#[derive(Debug, Default)]
pub(super) struct Wide(Vec<u8>);

impl Wide {
    /// Reads `target.len()` samples of so many bits from sample `begin` of the payload on. Up to 8 bits they go straight
    /// into the target.
    pub(super) fn read<R: Stream>(
        &mut self,
        input: &mut Input<R>,
        bits: u32,
        begin: usize,
        target: &mut [u8],
    ) -> Result<Filled, SourceError> {
        if bits <= 8 {
            return input.read_payload(begin, target);
        }
        self.0.resize(2 * target.len(), 0);
        let filled = input.read_payload(2 * begin, &mut self.0)?;
        if filled == Filled::Frame {
            let shift = bits - 8;
            for (narrow, wide) in target.iter_mut().zip(self.0.as_chunks::<2>().0) {
                // A sample that has more bits than it may is as bright as can be.
                *narrow = (u16::from_le_bytes(*wide) >> shift).min(255) as u8;
            }
        }
        Ok(filled)
    }
}
