//! The segments of a JPEG, and what its frame and its scans are.

use framebus::layout::Geometry;

use super::JpegError;

pub(super) const DHT: u8 = 0xc4;
pub(super) const DQT: u8 = 0xdb;
pub(super) const DRI: u8 = 0xdd;
pub(super) const SOS: u8 = 0xda;
pub(super) const APP14: u8 = 0xee;
const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;

/// The segments of a picture, up to its end.
#[derive(Debug)]
pub(super) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// `None` when it does not begin as a JPEG.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Segments<'a>> {
        bytes
            .starts_with(&[0xff, SOI])
            .then_some(Segments { bytes, at: 2 })
    }

    /// The next segment: its marker, and what is in it. `None` at the end, also where the bytes end.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            // Some writers fill the space between segments.
            let rest = self.bytes.get(self.at..)?;
            let found = rest
                .windows(2)
                .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
            let (marker, behind) = (rest[found + 1], self.at + found + 2);
            self.at = behind;
            match marker {
                EOI => return None,
                // These have no length.
                0x01 | 0xd0..=SOI => {}
                _ => {
                    let length = usize::from(number(self.bytes.get(behind..)?)?);
                    let segment = self.bytes.get(behind + 2..behind + length)?;
                    self.at = behind + length;
                    return Some((marker, segment));
                }
            }
        }
    }

    /// What follows the segment.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }
}

/// The size of a picture, by its header.
#[must_use]
pub fn size(bytes: &[u8]) -> Option<Geometry> {
    let mut segments = Segments::of(bytes)?;
    while let Some((marker, segment)) = segments.next() {
        match marker {
            DHT | 0xc8 | 0xcc => {}
            0xc0..=0xcf => return Frame::of(segment).map(|frame| frame.geometry),
            SOS => return None,
            _ => {}
        }
    }
    None
}

/// Whether Adobe's segment says that the components are red, green and blue.
pub(super) fn is_rgb(segment: &[u8]) -> bool {
    segment.starts_with(b"Adobe") && segment.get(11) == Some(&0)
}

pub(super) fn number(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.first_chunk()?))
}

/// A component of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    id: u8,
    /// Blocks in a unit, across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantiser: u8,
}

/// What a frame is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) geometry: Geometry,
    bits: u8,
    pub(super) components: Vec<Component>,
    /// The most that a component has.
    pub(super) across: usize,
    pub(super) down: usize,
}

impl Frame {
    pub(super) fn of(segment: &[u8]) -> Option<Frame> {
        let (head, components) = segment.split_at_checked(6)?;
        let height = number(&head[1..])?;
        let width = number(&head[3..])?;
        let components: Vec<Component> = components
            .chunks_exact(3)
            .take(head[5].into())
            .map(|part| Component {
                id: part[0],
                across: usize::from(part[1] >> 4),
                down: usize::from(part[1] & 15),
                quantiser: part[2],
            })
            .collect();
        if components.len() != usize::from(head[5]) {
            return None;
        }
        Some(Frame {
            geometry: Geometry::new(width.into(), height.into())?,
            bits: head[0],
            across: components.iter().map(|one| one.across).max()?,
            down: components.iter().map(|one| one.down).max()?,
            components,
        })
    }

    /// Checks that it is one that is decoded here: gray, or luma in full size with two colours.
    pub(super) fn check(&self) -> Result<(), JpegError> {
        let fits = |component: &Component| {
            let (across, down) = (component.across, component.down);
            matches!((across, down), (1 | 2 | 4, 1 | 2 | 4))
                && self.across.is_multiple_of(across)
                && self.down.is_multiple_of(down)
        };
        let luma = self.components.first();
        let luma_is_full =
            luma.is_some_and(|luma| luma.across == self.across && luma.down == self.down);
        let count = matches!(self.components.len(), 1 | 3);
        if self.bits == 8 && count && luma_is_full && self.components.iter().all(fits) {
            Ok(())
        } else {
            Err(JpegError::Unsupported)
        }
    }

    /// Units in a row, and rows of them; of one component that has a scan alone, its blocks.
    pub(super) fn units(&self, alone: Option<usize>) -> (usize, usize) {
        let (width, height) = match alone {
            Some(number) => self.size_of(&self.components[number]),
            None => {
                let (width, height) = (self.geometry.width as usize, self.geometry.height as usize);
                (width.div_ceil(self.across), height.div_ceil(self.down))
            }
        };
        (width.div_ceil(8), height.div_ceil(8))
    }

    /// The size of a component's plane.
    pub(super) fn size_of(&self, component: &Component) -> (usize, usize) {
        let (width, height) = (self.geometry.width as usize, self.geometry.height as usize);
        (
            (width * component.across).div_ceil(self.across),
            (height * component.down).div_ceil(self.down),
        )
    }
}

/// What a scan is made of.
#[derive(Debug)]
pub(super) struct Scan {
    /// Components, in the order of the frame, with the numbers of their tables of DC and AC.
    pub(super) components: Vec<(usize, u8, u8)>,
}

impl Scan {
    pub(super) fn of(segment: &[u8], frame: &Frame) -> Option<Scan> {
        let (&count, selectors) = segment.split_first()?;
        let mut components = Vec::new();
        for selector in selectors.chunks_exact(2).take(count.into()) {
            let wanted = |component: &Component| component.id == selector[0];
            let number = frame.components.iter().position(wanted)?;
            components.push((number, selector[1] >> 4, selector[1] & 15));
        }
        // They stand in the frame's order (T.81, B.2.3), each once.
        let in_order = components.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let all = components.len() == 1 || components.len() == frame.components.len();
        (!components.is_empty() && components.len() == usize::from(count) && in_order && all)
            .then_some(Scan { components })
    }
}
