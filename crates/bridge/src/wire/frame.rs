//! The header of a frame.

use framebus::bus::MAX_SEQUENCE;
use framebus::layout::{ColorRange, Format, Geometry, Matrix, PlaneSpec};

use super::{FRAME, MAX_FRAME, MAX_IMAGES, Reader, WireError, put, put_small, start};

const FRAME_LEN: usize = 128;
const IMAGE_LEN: usize = 16;

/// How the bytes of an image are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Packing {
    /// As they are on the bus, without padding.
    Raw = 0,
    /// A baseline JPEG: of gray, BGR or RGB.
    Jpeg = 1,
}

/// One image of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Which plane of the bus it is, in frames of the header's size.
    pub plane: PlaneSpec,
    /// How it is packed.
    pub packing: Packing,
    /// Its bytes in the payload.
    pub len: u32,
}

/// What is said of a frame; its images, then its metadata, are the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameHeader {
    /// The sender: when it was started, ns since 1970. Of two the later one counts.
    pub sender: u64,
    /// Whose clock the times are of: another number after a boot.
    pub clock: u64,
    /// Since when the far bus counts sequences.
    pub epoch_ms: u64,
    /// The far bus's generation.
    pub generation: u64,
    /// The frame's number there.
    pub sequence: u64,
    /// Whose number that is, where the far bus has it from elsewhere.
    pub origin: u64,
    /// When it was captured, on the sender's monotonic clock.
    pub capture_ns: u64,
    /// The same in wall-clock ns since 1970.
    pub wall_ns: u64,
    /// Its number in the source.
    pub source_frame: u64,
    /// When it was put on its way, on the sender's monotonic clock.
    pub sent_ns: u64,
    /// Which request it answers: the run, and how many frames of it there have been with this one.
    pub run: u32,
    /// See `run`.
    pub index: u32,
    /// Its size.
    pub geometry: Geometry,
    /// Frames a second that the far source announces, in thousandths; 0 is not known.
    pub millihertz: u32,
    /// The most bytes of metadata of a frame; 0 is no plane for them.
    pub metadata_room: u32,
    /// Bytes of this frame's metadata.
    pub metadata_len: u32,
    /// Its images, in the order of the payload.
    pub images: Vec<Image>,
}

impl FrameHeader {
    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = start(FRAME);
        bytes.reserve(FRAME_LEN + IMAGE_LEN * self.images.len());
        bytes.extend_from_slice(&[self.images.len() as u8, 0]);
        let words = [
            self.sender,
            self.clock,
            self.epoch_ms,
            self.generation,
            self.sequence,
            self.origin,
            self.capture_ns,
            self.wall_ns,
            self.source_frame,
            self.sent_ns,
        ];
        put(&mut bytes, words);
        let Geometry { width, height } = self.geometry;
        let (room, len) = (self.metadata_room, self.metadata_len);
        let small = [
            self.run,
            self.index,
            width,
            height,
            self.millihertz,
            room,
            len,
        ];
        put_small(&mut bytes, small);
        bytes.resize(FRAME_LEN, 0);
        for image in &self.images {
            let plane = &image.plane;
            put_small(&mut bytes, [plane.format.word(), plane.divisor]);
            let (range, matrix) = (plane.range as u8, plane.matrix as u8);
            bytes.extend_from_slice(&[image.packing as u8, range, matrix, 0]);
            put_small(&mut bytes, [image.len]);
        }
        bytes
    }

    /// Reads a header that came with a payload of `payload_len` bytes. What it returns fits together: the images can be
    /// planes of one bus, and the payload has as many bytes as they and the metadata say.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn read(bytes: &[u8], payload_len: usize) -> Result<FrameHeader, WireError> {
        let mut reader = Reader(bytes);
        reader.start(FRAME)?;
        let count = usize::from(reader.u8()?);
        if count == 0 || count > MAX_IMAGES {
            return Err(WireError::Field("number of images"));
        }
        if bytes.len() != FRAME_LEN + count * IMAGE_LEN {
            return Err(WireError::Length);
        }
        reader.zero(1)?;
        let mut words = [0; 10];
        for word in &mut words {
            *word = reader.u64()?;
        }
        let [
            sender,
            clock,
            epoch_ms,
            generation,
            sequence,
            origin,
            capture_ns,
            wall_ns,
            source_frame,
            sent_ns,
        ] = words;
        let mut small = [0; 7];
        for word in &mut small {
            *word = reader.u32()?;
        }
        let [
            run,
            index,
            width,
            height,
            millihertz,
            metadata_room,
            metadata_len,
        ] = small;
        reader.zero(FRAME_LEN - 8 - 80 - 28)?;
        let geometry = Geometry::new(width, height).ok_or(WireError::Field("size"))?;
        if sequence == 0 || sequence > MAX_SEQUENCE {
            return Err(WireError::Field("sequence"));
        }
        if metadata_room > PlaneSpec::MAX_META || metadata_len > metadata_room {
            return Err(WireError::Field("length of metadata"));
        }
        if count + usize::from(metadata_room > 0) > MAX_IMAGES {
            return Err(WireError::Field("number of images"));
        }
        let (mut images, mut sum, mut bytes) = (Vec::with_capacity(count), 0, 0);
        for _ in 0..count {
            let (image, plane_bytes) = read_image(&mut reader, geometry)?;
            let again = |other: &Image| {
                (other.plane.format, other.plane.divisor)
                    == (image.plane.format, image.plane.divisor)
            };
            if images.iter().any(again) {
                return Err(WireError::Field("second image of the same plane"));
            }
            sum += u64::from(image.len);
            bytes += plane_bytes;
            images.push(image);
        }
        reader.end()?;
        if bytes > MAX_FRAME {
            return Err(WireError::Large);
        }
        if sum + u64::from(metadata_len) != payload_len as u64 {
            return Err(WireError::Length);
        }
        Ok(FrameHeader {
            sender,
            clock,
            epoch_ms,
            generation,
            sequence,
            origin,
            capture_ns,
            wall_ns,
            source_frame,
            sent_ns,
            run,
            index,
            geometry,
            millihertz,
            metadata_room,
            metadata_len,
            images,
        })
    }
}

/// Reads an image; its bytes on a bus, too.
fn read_image(reader: &mut Reader<'_>, geometry: Geometry) -> Result<(Image, u64), WireError> {
    let (format, divisor) = (Format::from_word(reader.u32()?), reader.u32()?);
    let [packing, range, matrix, zero] = reader.bytes()?;
    let len = reader.u32()?;
    if zero != 0 {
        return Err(WireError::Field("reserved byte"));
    }
    let packing = match packing {
        0 => Packing::Raw,
        1 if has_jpeg(format) => Packing::Jpeg,
        _ => return Err(WireError::Field("encoding")),
    };
    if format.name().is_none() || format == Format::META {
        return Err(WireError::Field("format"));
    }
    if divisor == 0 || divisor > Geometry::MAX_SIDE {
        return Err(WireError::Field("size of an image"));
    }
    let range = match range {
        0 => ColorRange::Unknown,
        1 => ColorRange::Full,
        2 => ColorRange::Limited,
        _ => return Err(WireError::Field("range")),
    };
    let matrix = match matrix {
        0 => Matrix::Unknown,
        1 => Matrix::Bt601,
        2 => Matrix::Bt709,
        _ => return Err(WireError::Field("matrix")),
    };
    let spec = PlaneSpec::new(format)
        .divisor(divisor)
        .colors(range, matrix);
    let plane = spec.plane(geometry);
    let plane = plane.map_err(|_| WireError::Field("size of an image"))?;
    let bytes = plane.bytes() as u64;
    let fits = match packing {
        Packing::Raw => u64::from(len) == bytes,
        // Noise makes a JPEG larger than its pixels, but not twice.
        Packing::Jpeg => len > 0 && u64::from(len) <= 2 * bytes + 4096,
    };
    if !fits {
        return Err(WireError::Length);
    }
    let image = Image {
        plane: spec,
        packing,
        len,
    };
    Ok((image, bytes))
}

/// Whether images of this format can be sent as JPEG.
#[must_use]
pub fn has_jpeg(format: Format) -> bool {
    [Format::GRAY8, Format::BGR8, Format::RGB8].contains(&format)
}
