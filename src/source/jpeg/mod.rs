//! JPEG pictures as cameras send them: luma straight to gray, colours only where somebody wants them, and damage noticed.
//!
//! This decodes baseline and extended sequential pictures of 8 bits, gray or YCbCr (ITU-T T.81 and T.871). The colours'
//! codes have to be followed to find the next luma; nothing else is done with them. Progressive pictures, which no camera
//! streams, are refused. Damage is an error and not a picture that is gray from somewhere on: a code that is none, data that
//! end before or long after the last block, a restart marker that is missing or out of order.

mod filler;
mod header;
mod huffman;
mod idct;
mod standard;

use framebus::convert::ycc_to_bgr;
use framebus::layout::Geometry;
use thiserror::Error;

use header::{Component, Frame, Scan, Segments};
use huffman::{BEHIND, Bits, Huffman, Part, Tables, read_units};
use idct::{Block, transform_row};

pub(crate) use filler::Filler;
pub use header::size;

/// Bytes that a writer may leave unused at the end of a scan: some pad.
const PADDING: usize = 64;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JpegError {
    /// It is damaged or cut off.
    #[error("it is damaged")]
    Damaged,
    /// It is of a kind that is not decoded here.
    #[error("it is not a baseline JPEG")]
    Unsupported,
    /// It has another size than the images it is to be written to.
    #[error("it has another size")]
    Size(Geometry),
}

use JpegError::{Damaged, Unsupported};

/// The end of a picture.
const END: u8 = 0xd9;

/// A decoder: it keeps its tables and its memory from picture to picture.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Of DC and AC, four each, and which of them this picture has defined.
    huffman: [[Option<Huffman>; 4]; 2],
    defined: [[bool; 4]; 2],
    quantisers: [Option<Box<[i32; 64]>>; 4],
    /// The scan's data, laid out, and where its parts end.
    data: Vec<u8>,
    ends: Vec<usize>,
    /// Coefficients of a row of units, and the planes of the colours.
    work: [Work; 3],
}

/// What is worked on of a component.
#[derive(Debug, Default)]
struct Work {
    blocks: Vec<Block>,
    last: Vec<u8>,
    plane: Vec<u8>,
}

impl Decoder {
    /// Writes a picture's luma into `gray`, and its colours into `bgr` where there is one. `limited` luma is stretched.
    ///
    /// # Errors
    /// The picture is damaged, of another kind or of another size; what was written then is nothing to look at.
    pub fn decode(
        &mut self,
        bytes: &[u8],
        geometry: Geometry,
        limited: bool,
        gray: &mut [u8],
        mut bgr: Option<&mut [u8]>,
    ) -> Result<(), JpegError> {
        let mut frame: Option<Frame> = None;
        let mut restart = 0;
        let mut seen = [false; 3];
        self.defined = Default::default();
        let mut segments = Segments::of(bytes).ok_or(Damaged)?;
        while let Some((marker, segment)) = segments.next() {
            match marker {
                header::DHT => self.define_huffman(segment).ok_or(Damaged)?,
                header::DQT => self.define_quantisers(segment).ok_or(Damaged)?,
                header::DRI => restart = header::number(segment).ok_or(Damaged)?.into(),
                header::APP14 if header::is_rgb(segment) => return Err(Unsupported),
                0xc0 | 0xc1 => {
                    let found = Frame::of(segment).ok_or(Damaged)?;
                    found.check()?;
                    if found.geometry != geometry {
                        return Err(JpegError::Size(found.geometry));
                    }
                    frame = Some(found);
                }
                0xc2..=0xcf if marker != header::DHT && marker != 0xc8 => return Err(Unsupported),
                header::SOS => {
                    let frame = frame.as_ref().ok_or(Damaged)?;
                    let scan = Scan::of(segment, frame).ok_or(Damaged)?;
                    let end = self.lay_out(segments.rest()).ok_or(Damaged)?;
                    self.scan(frame, &scan, restart, gray, bgr.is_some())?;
                    segments.skip(end);
                    for (component, ..) in &scan.components {
                        seen[*component] = true;
                    }
                    let colours = frame.components.len() == 3 && bgr.is_some();
                    if seen[0] && (!colours || seen == [true; 3]) {
                        break;
                    }
                }
                _ => {}
            }
        }
        let frame = frame.ok_or(Damaged)?;
        if !seen[0] {
            return Err(Damaged);
        }
        if let Some(bgr) = &mut bgr {
            self.colours(&frame, limited, gray, bgr);
        }
        if limited {
            framebus::convert::stretch_luma(gray);
        }
        Ok(())
    }

    fn define_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&which, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let all = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(all)?;
            let (class, number) = (usize::from(which >> 4), usize::from(which & 15));
            let table = self.huffman.get_mut(class)?.get_mut(number)?;
            // Cameras send the same tables with every picture.
            if !table
                .as_ref()
                .is_some_and(|table| table.is_of(counts, symbols))
            {
                *table = Some(Huffman::new(counts, symbols, class == 1)?);
            }
            self.defined[class][number] = true;
            segment = rest;
        }
        Some(())
    }

    fn define_quantisers(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&which, rest)) = segment.split_first() {
            let bytes = if which >> 4 == 0 { 1 } else { 2 };
            let (values, rest) = rest.split_at_checked(64 * bytes)?;
            let mut table = Box::new([0; 64]);
            for (to, from) in table.iter_mut().zip(values.chunks_exact(bytes)) {
                *to = from.iter().fold(0, |sum, byte| sum << 8 | i32::from(*byte));
            }
            *self.quantisers.get_mut(usize::from(which & 15))? = Some(table);
            segment = rest;
        }
        Some(())
    }

    /// Lays out the data of a scan, up to the next marker that is not one of restart; returns how long they were.
    fn lay_out(&mut self, bytes: &[u8]) -> Option<usize> {
        self.data.clear();
        self.ends.clear();
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let run = find_ff(rest).unwrap_or(rest.len());
            self.data.extend_from_slice(&rest[..run]);
            // Some cameras leave the end marker out: whether all is there, its codes will say.
            match rest.get(run + 1).unwrap_or(&END) {
                0 => {
                    self.data.push(0xff);
                    at += run + 2;
                }
                // Fill bytes in front of a marker.
                0xff => at += run + 1,
                marker @ 0xd0..=0xd7 => {
                    if usize::from(marker - 0xd0) != self.ends.len() % 8 {
                        return None;
                    }
                    self.ends.push(self.data.len());
                    at += run + 2;
                }
                _ => {
                    self.ends.push(self.data.len());
                    self.data.extend_from_slice(&[0; BEHIND]);
                    return Some(at + run);
                }
            }
        }
    }

    /// Decodes a scan. Luma goes to `gray`, the colours to planes of their own, if they are wanted.
    fn scan(
        &mut self,
        frame: &Frame,
        scan: &Scan,
        restart: usize,
        gray: &mut [u8],
        colours: bool,
    ) -> Result<(), JpegError> {
        let alone = scan.components.len() == 1;
        let (units, rows) =
            frame.units(scan.components.first().map(|part| part.0).filter(|_| alone));
        let (huffman, defined, quantisers) = (&self.huffman, &self.defined, &self.quantisers);
        let table = |class: usize, number: u8| {
            let place = usize::from(number);
            let own = huffman[class].get(place).ok_or(Damaged)?.as_ref();
            let own = own.filter(|_| defined[class][place]);
            own.or_else(|| standard::table(class, number))
                .ok_or(Damaged)
        };
        let mut work: Vec<&mut Work> = Vec::new();
        let mut places = Vec::new();
        for (number, own) in self.work.iter_mut().enumerate() {
            if scan.components.iter().any(|part| part.0 == number) {
                work.push(own);
            }
        }
        let mut parts = Vec::new();
        for ((number, dc, ac), work) in scan.components.iter().zip(work) {
            let component: &Component = &frame.components[*number];
            let quantisers = quantisers.get(usize::from(component.quantiser));
            let quantisers = quantisers.and_then(Option::as_deref).ok_or(Damaged)?;
            let (dc, ac) = (table(0, *dc)?, table(1, *ac)?);
            let (across, down) = if alone {
                (1, 1)
            } else {
                (component.across, component.down)
            };
            let wanted = *number == 0 || colours;
            let (in_row, count) = (units * across, units * across * down);
            let Work {
                blocks,
                last,
                plane,
            } = work;
            blocks.resize(count, [0; 64]);
            last.resize(count, 0);
            let size = frame.size_of(component);
            if wanted && *number > 0 {
                plane.resize(size.0 * size.1, 0);
            }
            let tables = Tables { dc, ac, quantisers };
            let blocks = wanted.then_some(blocks.as_mut_slice());
            parts.push(Part {
                tables,
                across,
                down,
                blocks,
                last,
                in_row,
                dc: 0,
            });
            places.push((*number, plane, size));
        }
        let mut bits = Bits::new(&self.data, 0);
        let mut ends = self.ends.iter();
        let mut end = *ends.next().ok_or(Damaged)?;
        let mut done = 0;
        for row in 0..rows {
            for part in &mut parts {
                for block in part.blocks.iter_mut().flat_map(|blocks| blocks.iter_mut()) {
                    *block = [0; 64];
                }
            }
            let mut unit = 0;
            while unit < units {
                if restart > 0 && done > 0 && done % restart == 0 {
                    check_end(&bits, end)?;
                    bits = Bits::new(&self.data, end);
                    end = *ends.next().ok_or(Damaged)?;
                    parts.iter_mut().for_each(|part| part.dc = 0);
                }
                let until_restart = if restart > 0 {
                    restart - done % restart
                } else {
                    units
                };
                let to = units.min(unit + until_restart);
                read_units(&mut bits, &mut parts, unit, to).ok_or(Damaged)?;
                done += to - unit;
                unit = to;
            }
            // What was read behind the end is nothing.
            if bits.place() > end {
                return Err(Damaged);
            }
            for (part, (number, plane, (width, height))) in parts.iter().zip(&mut places) {
                let Some(blocks) = &part.blocks else {
                    continue;
                };
                let pixels = if *number == 0 {
                    &mut *gray
                } else {
                    &mut plane[..]
                };
                let all = blocks
                    .chunks(part.in_row)
                    .zip(part.last.chunks(part.in_row));
                for (down, (blocks, last)) in all.enumerate() {
                    let y = 8 * (row * part.down + down);
                    if y < *height {
                        let to = (*width * (y + 8)).min(pixels.len());
                        transform_row(blocks, last, &mut pixels[*width * y..to], *width, *width);
                    }
                }
            }
        }
        check_end(&bits, end)?;
        ends.next().map_or(Ok(()), |_| Err(Damaged))
    }

    fn colours(&self, frame: &Frame, limited: bool, gray: &[u8], bgr: &mut [u8]) {
        let width = frame.geometry.width as usize;
        if frame.components.len() < 3 {
            for (pixel, gray) in bgr.chunks_exact_mut(3).zip(gray) {
                pixel.fill(*gray);
            }
            if limited {
                framebus::convert::stretch_luma(bgr);
            }
            return;
        }
        let mut lines = [Vec::new(), Vec::new()];
        let rows = bgr
            .chunks_exact_mut(3 * width)
            .zip(gray.chunks_exact(width));
        for (y, (bgr, luma)) in rows.enumerate() {
            for (line, number) in lines.iter_mut().zip([1, 2]) {
                let component = &frame.components[number];
                let (across, down) = (frame.across / component.across, frame.down / component.down);
                let (own_width, _) = frame.size_of(component);
                let row = &self.work[number].plane[y / down * own_width..][..own_width];
                line.clear();
                let spread = row
                    .iter()
                    .flat_map(|value| std::iter::repeat_n(*value, across));
                line.extend(spread);
            }
            ycc_to_bgr(luma, &lines[0], &lines[1], limited, bgr);
        }
    }
}

/// Checks that a part was as long as its codes.
fn check_end(bits: &Bits<'_>, end: usize) -> Result<(), JpegError> {
    match end.checked_sub(bits.place()) {
        Some(0..=PADDING) => Ok(()),
        _ => Err(Damaged),
    }
}

/// Finds the next 0xff.
fn find_ff(bytes: &[u8]) -> Option<usize> {
    const STEP: usize = 32;
    let mut at = 0;
    for chunk in bytes.as_chunks::<STEP>().0 {
        if chunk
            .iter()
            .fold(0, |found, byte| found | u8::from(*byte == 0xff))
            != 0
        {
            break;
        }
        at += STEP;
    }
    bytes[at..]
        .iter()
        .position(|byte| *byte == 0xff)
        .map(|found| at + found)
}

#[cfg(test)]
mod tests;
