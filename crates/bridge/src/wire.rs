//! What goes over the network, byte for byte: the header of a frame, a request for frames, its answer.
//!
//! Everything here comes from strangers. It is checked before anything is allocated, and what is not understood is refused
//! with a sentence. Numbers are little-endian. `docs/bridge.md` has the table.

use framebus::bus::MAX_SEQUENCE;
use framebus::layout::{ColorRange, Format, Geometry, Matrix, PlaneSpec};
use thiserror::Error;

/// The version of the protocol; a part of every key, too, so that two versions do not even meet.
pub const VERSION: u16 = 1;
/// The most images of a frame: a bus has no more planes, and metadata are one of them.
pub const MAX_IMAGES: usize = 8;
/// The most bytes of all images of a frame: twice what 8K in BGR has.
pub const MAX_FRAME: u64 = 200 << 20;

/// The most frames that may be on their way to a receiver.
pub const MAX_WINDOW: u32 = 8;

const FRAME: [u8; 4] = *b"FBfr";
const ASK: [u8; 4] = *b"FBas";
const PONG: [u8; 4] = *b"FBpo";
const STATE: [u8; 4] = *b"FBst";
const FRAME_LEN: usize = 128;
const IMAGE_LEN: usize = 16;

/// Why bytes are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// They are something else.
    #[error("it is no message of framebus bridge")]
    Foreign,
    /// They are of another version.
    #[error("it is of version {0} of the protocol, this framebus-bridge speaks {VERSION}")]
    Version(u16),
    /// They are more or fewer than they say.
    #[error("it is cut short or too long")]
    Length,
    /// A number is none that this field can have.
    #[error("its {0} is none")]
    Field(&'static str),
    /// The frame is larger than any camera's.
    #[error("its frame would have more than {} MB", MAX_FRAME >> 20)]
    Large,
}

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

/// Reads numbers off the front of bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (first, rest) = self.0.split_first_chunk::<N>().ok_or(WireError::Length)?;
        self.0 = rest;
        Ok(*first)
    }

    fn u8(&mut self) -> Result<u8, WireError> {
        Ok(self.bytes::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16, WireError> {
        Ok(u16::from_le_bytes(self.bytes()?))
    }

    fn u32(&mut self) -> Result<u32, WireError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn u64(&mut self) -> Result<u64, WireError> {
        Ok(u64::from_le_bytes(self.bytes()?))
    }

    /// The kind and the version that every message starts with.
    fn start(&mut self, kind: [u8; 4]) -> Result<(), WireError> {
        if self.bytes::<4>().map_err(|_| WireError::Foreign)? != kind {
            return Err(WireError::Foreign);
        }
        match self.u16()? {
            VERSION => Ok(()),
            other => Err(WireError::Version(other)),
        }
    }

    fn zero(&mut self, count: usize) -> Result<(), WireError> {
        for _ in 0..count {
            if self.u8()? != 0 {
                return Err(WireError::Field("reserved byte"));
            }
        }
        Ok(())
    }

    fn end(&self) -> Result<(), WireError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(WireError::Length)
    }
}

fn start(kind: [u8; 4]) -> Vec<u8> {
    let mut bytes = kind.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes
}

fn put<const N: usize>(bytes: &mut Vec<u8>, words: [u64; N]) {
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
}

fn put_small<const N: usize>(bytes: &mut Vec<u8>, words: [u32; N]) {
    for word in words {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
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

/// What a receiver asks a sender for: frames, and the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Which run of credits this is: another one when frames may have been lost on their way.
    pub run: u32,
    /// How many frames of this run have come.
    pub got: u32,
    /// How many frames of this run may have been sent, all in all; as many as have come asks for none.
    pub upto: u32,
    /// When this was said, on the receiver's monotonic clock; 0 wants no answer.
    pub ping_ns: u64,
}

impl Ask {
    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = start(ASK);
        bytes.extend_from_slice(&[0; 2]);
        put_small(&mut bytes, [self.run, self.got, self.upto]);
        put(&mut bytes, [self.ping_ns]);
        bytes
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Ask, WireError> {
        let mut reader = Reader(bytes);
        reader.start(ASK)?;
        reader.zero(2)?;
        let (run, got, upto) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let ping_ns = reader.u64()?;
        reader.end()?;
        if upto.checked_sub(got).is_none_or(|more| more > MAX_WINDOW) {
            return Err(WireError::Field("credit"));
        }
        Ok(Ask {
            run,
            got,
            upto,
            ping_ns,
        })
    }
}

/// What a sender answers at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pong {
    /// The sender, as in [`FrameHeader::sender`].
    pub sender: u64,
    /// Its clock, as in [`FrameHeader::clock`].
    pub clock: u64,
    /// What the receiver's clock said.
    pub ping_ns: u64,
    /// When the question came, on the sender's clock.
    pub came_ns: u64,
    /// When this was said, on the sender's clock.
    pub said_ns: u64,
}

impl Pong {
    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = start(PONG);
        bytes.extend_from_slice(&[0; 2]);
        let (ping_ns, came_ns, said_ns) = (self.ping_ns, self.came_ns, self.said_ns);
        put(
            &mut bytes,
            [self.sender, self.clock, ping_ns, came_ns, said_ns],
        );
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Pong, WireError> {
        let mut reader = Reader(bytes);
        reader.start(PONG)?;
        reader.zero(2)?;
        let mut words = [0; 5];
        for word in &mut words {
            *word = reader.u64()?;
        }
        reader.end()?;
        let [sender, clock, ping_ns, came_ns, said_ns] = words;
        Ok(Pong {
            sender,
            clock,
            ping_ns,
            came_ns,
            said_ns,
        })
    }
}

/// How the far bus is while it gives no frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// The sender, as in [`FrameHeader::sender`].
    pub sender: u64,
    /// Why there are none, in words of the sender; empty while there is no reason but that none came.
    pub reason: String,
}

impl Quiet {
    /// The longest reason in bytes.
    pub const MAX_REASON: usize = 160;

    /// Its bytes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = start(STATE);
        let mut end = self.reason.len().min(Quiet::MAX_REASON);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        bytes.extend_from_slice(&(end as u16).to_le_bytes());
        put(&mut bytes, [self.sender]);
        bytes.extend_from_slice(&self.reason.as_bytes()[..end]);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Quiet, WireError> {
        let mut reader = Reader(bytes);
        reader.start(STATE)?;
        let len = usize::from(reader.u16()?);
        let sender = reader.u64()?;
        if len > Quiet::MAX_REASON || reader.0.len() != len {
            return Err(WireError::Length);
        }
        let text = std::str::from_utf8(reader.0).map_err(|_| WireError::Field("reason"))?;
        // It goes to terminals.
        let plain = |c: char| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        let reason = text.chars().map(plain).collect();
        Ok(Quiet { sender, reason })
    }
}

/// What a receiver gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A frame; the payload has its images.
    Frame(FrameHeader),
    /// An answer.
    Pong(Pong),
    /// There are no frames now.
    Quiet(Quiet),
}

impl Message {
    /// Reads what came beside a payload of so many bytes; only frames have one.
    ///
    /// # Errors
    /// [`WireError`] says what is wrong.
    pub fn read(bytes: &[u8], payload_len: usize) -> Result<Message, WireError> {
        let kind = bytes.first_chunk::<4>().ok_or(WireError::Foreign)?;
        if *kind == FRAME {
            return FrameHeader::read(bytes, payload_len).map(Message::Frame);
        }
        if payload_len != 0 {
            return Err(WireError::Length);
        }
        match *kind {
            PONG => Pong::read(bytes).map(Message::Pong),
            STATE => Quiet::read(bytes).map(Message::Quiet),
            _ => Err(WireError::Foreign),
        }
    }
}

#[cfg(test)]
mod tests;
