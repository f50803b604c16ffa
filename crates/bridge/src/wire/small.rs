//! What is said beside frames: a request, its answer, and that there are no frames.

use super::{ASK, MAX_WINDOW, PONG, Reader, STATE, WireError, put, put_small, start};

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
    /// The sender, as in [`FrameHeader::sender`](super::FrameHeader::sender).
    pub sender: u64,
    /// Its clock, as in [`FrameHeader::clock`](super::FrameHeader::clock).
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

    pub(super) fn read(bytes: &[u8]) -> Result<Pong, WireError> {
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
    /// The sender, as in [`FrameHeader::sender`](super::FrameHeader::sender).
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

    pub(super) fn read(bytes: &[u8]) -> Result<Quiet, WireError> {
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
