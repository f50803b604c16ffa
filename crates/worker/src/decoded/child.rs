//! The decoder's process: starting it, talking to it, ending it.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use framebus::layout::Geometry;
use framebus::source::SourceError;
use framebus_decoder::wire::{BUFFERS, Channel, Open, Order, Picture, Report, buffer_offset};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pread;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

const NAME: &str = "framebus-decoder";

/// A decoder at work. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Decoder {
    child: Child,
    channel: Channel<OwnedFd>,
    pixels: OwnedFd,
}

impl Decoder {
    /// Starts the decoder. It has no part of the bus: a socket and a file for its pixels are all it is given.
    pub(super) fn start(open: Open, bgr: bool) -> Result<Decoder, SourceError> {
        let program = find().ok_or_else(|| {
            SourceError::Unusable(format!(
                "{NAME} is not beside framebus-worker nor in PATH: install it with framebus-worker, or set FRAMEBUS_DECODER"
            ))
        })?;
        let cannot = |error: io::Error| {
            SourceError::Unusable(format!("{} cannot be started: {error}", program.display()))
        };
        let (own, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| cannot(error.into()))?;
        let pixels = memfd_create("framebus-decoder", MemfdFlags::CLOEXEC)
            .map_err(|error| cannot(error.into()))?;
        let output = pixels.try_clone().map_err(cannot)?;
        let child = Command::new(&program)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(output))
            .stderr(Stdio::null())
            // Ctrl-C is the producer's to obey.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let decoder = Decoder {
            child,
            channel: Channel::new(own),
            pixels,
        };
        // One that is gone already is noticed by whoever listens to it.
        let _ = decoder.channel.say(&Order::Open(open));
        for buffer in 0..BUFFERS {
            decoder.free(buffer, bgr);
        }
        Ok(decoder)
    }

    /// For waiting until it has something to say.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }

    /// Hears what it has to say; `None` when it is gone, or says what no decoder says.
    pub(super) fn hear(&self) -> Option<Report> {
        self.channel.hear().ok().flatten()
    }

    /// Gives it a buffer back.
    pub(super) fn free(&self, buffer: u8, bgr: bool) {
        let _ = self.channel.say(&Order::Free { buffer, bgr });
    }

    /// Copies a picture's gray, and its BGR where there is both a picture and a place for it.
    pub(super) fn copy(
        &self,
        picture: &Picture,
        geometry: Geometry,
        gray: Option<&mut [u8]>,
        bgr: Option<&mut [u8]>,
    ) -> io::Result<()> {
        if picture.buffer >= BUFFERS {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let offset = buffer_offset(picture.buffer);
        if let Some(gray) = gray {
            read_exact(&self.pixels, gray, offset)?;
        }
        match bgr {
            Some(bgr) => read_exact(&self.pixels, bgr, offset + geometry.gray_len() as u64),
            None => Ok(()),
        }
    }

    /// Says how it has ended; waits for that.
    pub(super) fn how_it_ended(mut self) -> String {
        // It may have closed its socket and live on.
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => match status.signal() {
                Some(signal) if signal != rustix::process::Signal::KILL.as_raw() => {
                    format!("signal {signal}")
                }
                _ => status.code().map_or("it was killed".to_owned(), |code| {
                    format!("exit code {code}")
                }),
            },
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_exact(file: &OwnedFd, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match pread(file, &mut *bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Looks for the decoder in FRAMEBUS_DECODER, beside this program, in `../libexec/framebus/`, then in PATH.
fn find() -> Option<PathBuf> {
    if let Some(path) = env::var_os("FRAMEBUS_DECODER").filter(|path| !path.is_empty()) {
        return Some(path.into());
    }
    let program = fs::canonicalize("/proc/self/exe").ok()?;
    let directory = program.parent()?;
    let places = [
        directory.join(NAME),
        directory.join("../libexec/framebus").join(NAME),
        // Where cargo puts the programs of the tests, it is one directory up.
        directory.join("..").join(NAME),
    ];
    let path = env::var_os("PATH").unwrap_or_default();
    let in_path: Vec<PathBuf> = env::split_paths(&path)
        .map(|directory| directory.join(OsStr::new(NAME)))
        .collect();
    places
        .into_iter()
        .chain(in_path)
        .find(|path| path.is_file())
}
