//! What goes over the network, byte for byte: the header of a frame, a request for frames, its answer.
//!
//! Everything here comes from strangers. It is checked before anything is allocated, and what is not understood is refused
//! with a sentence. Numbers are little-endian. `docs/bridge.md` has the table.

mod frame;
mod small;

pub use frame::{FrameHeader, Image, Packing, has_jpeg};
pub use small::{Ask, Pong, Quiet};

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
