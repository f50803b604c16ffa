//! What the worker and the decoder say to each other: JSON in packets over a socket, pixels through a file in memory.
//!
//! The decoder is not trusted: it reads what strangers send. The worker believes none of its numbers without a look, and
//! reads the pixels with `pread`, so that a file that is too short is an error and never a signal.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{RecvFlags, SendFlags, recv, send};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How many frames can be under way: one that is published, one that waits, one that is decoded.
pub const BUFFERS: u8 = 3;

/// The longest packet.
const PACKET: usize = 16 * 1024;

/// What gray and BGR of the largest frame take: 32768 x 32768 pixels of 4 bytes.
const BUFFER_PITCH: u64 = 1 << 32;

/// Where a buffer begins in the file of pixels: gray first, BGR right behind it.
#[must_use]
pub const fn buffer_offset(buffer: u8) -> u64 {
    buffer as u64 * BUFFER_PITCH
}

/// What gray is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gray {
    /// Luma, where there is some, stretched to full range.
    #[default]
    Luma,
    /// Colours: what OpenCV's `VideoCapture` and `COLOR_BGR2GRAY` make of a frame.
    Colours,
    /// Colours, if a sample has 8 bits; FFmpeg's scaler does not ask deeper ones for their range, and luma keeps it.
    Colours8,
}

/// What is to be decoded: the first packet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// A path or a URL, as FFmpeg takes it.
    pub name: String,
    /// Whether it comes from the network.
    pub url: bool,
    /// Whether a file starts again when it ends.
    pub looped: bool,
    /// Go on after the frame of this time: the decoder before this one has ended there.
    pub after_ns: Option<i64>,
    /// Go on at the next key frame only: what comes right after has ended more than one decoder.
    pub leap: bool,
    /// Give no frame before this time, counted from the start of a file.
    pub start_ns: Option<i64>,
    /// End before the frame of this time, counted in the same way.
    pub end_ns: Option<i64>,
    /// The number of its first frame.
    pub number: u64,
    /// What luma means: the name of a [`framebus::source::Range`].
    pub range: String,
    /// What gray is made of.
    pub gray: Gray,
    /// How long a server may be silent, in milliseconds.
    pub timeout_ms: u64,
    /// How long to wait before a single picture is fetched again, in milliseconds.
    pub poll_ms: u64,
}

/// What the worker says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Order {
    /// Begin.
    Open(Open),
    /// A buffer is free.
    Free {
        /// Which.
        buffer: u8,
        /// Whether BGR is wanted in it, too.
        bgr: bool,
    },
}

/// A frame in its buffer, or one that could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its number in the source, from 0; starts again when a file loops.
    pub number: u64,
    /// When its data arrived.
    pub capture_ns: u64,
    /// The same moment as wall-clock time.
    pub wall_ns: u64,
    /// Its own time in the video.
    pub time_ns: Option<i64>,
    /// Which buffer it is in.
    pub buffer: u8,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Whether BGR stands behind gray.
    pub bgr: bool,
    /// Whether it could not be decoded: there are no pixels.
    pub damaged: bool,
}

/// Why a source cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// HTTP or RTSP 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// Another 4xx, or 5xx.
    Refused,
    /// There is no video in it that FFmpeg can read.
    NoVideo,
    /// FFmpeg has no decoder for its codec.
    NoDecoder,
    /// None of its frames can be decoded.
    NoFrame,
    /// The system or the network says no.
    System,
}

/// What the decoder says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Report {
    /// The source is open.
    Opened {
        /// Its rate in frames a second, where it knows one.
        fps: Option<f64>,
        /// Whether it has an end: a file, here or over the network.
        finite: bool,
        /// Whether it is a single picture that is fetched again and again.
        still: bool,
        /// The part of a file that is wanted, in times of its frames, where its length is known.
        played_ns: Option<(i64, i64)>,
    },
    /// A frame.
    Picture(Picture),
    /// The file has ended and starts again.
    Again,
    /// The end.
    End,
    /// It cannot be read, or not any further.
    Failed {
        /// The kind.
        why: Why,
        /// FFmpeg's words, or the codec's name.
        text: String,
    },
}

/// One end of the conversation.
#[derive(Debug)]
pub struct Channel<S>(S);

impl<S: AsFd> Channel<S> {
    /// Speaks over this SOCK_SEQPACKET socket.
    pub fn new(socket: S) -> Channel<S> {
        Channel(socket)
    }

    /// For waiting until there is something to read.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Says something. Blocks while the other end does not listen.
    ///
    /// # Errors
    /// Fails when the other end is gone.
    pub fn say<T: Serialize>(&self, what: &T) -> io::Result<()> {
        let packet = serde_json::to_vec(what)?;
        loop {
            match send(&self.0, &packet, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Hears one packet; `None` when the other end is gone.
    ///
    /// # Errors
    /// Fails when it is nothing that this version understands.
    pub fn hear<T: DeserializeOwned>(&self) -> io::Result<Option<T>> {
        let mut packet = [0; PACKET];
        loop {
            match recv(&self.0, &mut packet, RecvFlags::empty()) {
                Ok((0, _)) => return Ok(None),
                Ok((length, _)) => {
                    let words = packet.get(..length).unwrap_or(&packet);
                    return Ok(Some(serde_json::from_slice(words)?));
                }
                // The other end went without hearing all: said once, before what it had still to say.
                Err(rustix::io::Errno::INTR | rustix::io::Errno::CONNRESET) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
