//! The decoder at work: packets in, frames out, for as long as the worker wants them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use crate::input::{Input, failed, no_video};
use crate::jpeg::broken_off;
use crate::memory::Memory;
use crate::pixels::Converter;
use crate::turn::Turn;
use crate::wire::{BUFFERS, Channel, Gray, Open, Order, Picture, Report, Why};
use ffmpeg_next::frame::Video;
use ffmpeg_next::{Error, Packet, ffi};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::layout::Geometry;
use framebus::source::Range;

/// How many packets at the start of a source may give no frame before it counts as unreadable.
const USELESS: u32 = 250;
/// How often reading may fail in a row before the rest of a file counts as lost.
const MISSES: u32 = 10;

/// Why it stops.
enum Stop {
    /// The worker is gone: nobody is left to tell.
    Alone,
    /// The worker is to be told this.
    Say(Report),
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Stop {
        Stop::Alone
    }
}

/// Decodes what the first packet on `socket` names, into `pixels`, until the end of the source or of the worker.
pub fn run(socket: OwnedFd, pixels: OwnedFd) {
    let channel = Channel::new(socket);
    let Ok(Some(Order::Open(open))) = channel.hear() else {
        return;
    };
    let named = |range: &&Range| range.name() == open.range;
    let mut work = Work {
        channel,
        range: Range::ALL.iter().find(named).copied().unwrap_or_default(),
        gray: open.gray,
        memory: Memory::new(pixels),
        free: VecDeque::new(),
        converter: Converter::new(),
        number: open.number,
        over: false,
    };
    let stop = match work.all(&open) {
        Ok(()) => Report::End,
        Err(Stop::Say(report)) => report,
        Err(Stop::Alone) => return,
    };
    // Whether it is heard or not, this is the end.
    let _ = work.channel.say(&stop);
}

struct Work {
    channel: Channel<OwnedFd>,
    memory: Memory,
    free: VecDeque<(u8, bool)>,
    converter: Converter,
    range: Range,
    gray: Gray,
    number: u64,
    /// Whether the part that is wanted has ended.
    over: bool,
}

/// When a packet arrived.
#[derive(Clone, Copy)]
struct Arrival {
    capture_ns: u64,
    wall_ns: u64,
}

impl Arrival {
    fn now() -> Arrival {
        Arrival {
            capture_ns: monotonic_ns(),
            wall_ns: wall_ns(),
        }
    }
}

impl Work {
    fn all(&mut self, open: &Open) -> Result<(), Stop> {
        let mut input = Input::open(open).map_err(Stop::Say)?;
        self.channel.say(&Report::Opened {
            fps: input.fps,
            finite: input.finite,
            still: input.still,
            played_ns: input.played_ns,
        })?;
        let mut open = open.clone();
        loop {
            let before = self.number;
            self.once(&mut input, &open)?;
            if self.number == before && open.after_ns.is_none() {
                return Err(Stop::Say(Report::Failed {
                    why: Why::NoFrame,
                    text: String::new(),
                }));
            }
            if input.still {
                thread::sleep(Duration::from_millis(open.poll_ms));
                input = Input::open(&open).map_err(Stop::Say)?;
                continue;
            }
            if !(open.looped && input.finite) {
                return Ok(());
            }
            self.channel.say(&Report::Again)?;
            self.number = 0;
            open.after_ns = None;
            if !input.rewind() {
                input = Input::open(&open).map_err(Stop::Say)?;
            }
        }
    }

    /// Decodes the source once, to its end.
    fn once(&mut self, input: &mut Input, open: &Open) -> Result<(), Stop> {
        let (mut misses, mut useless) = (0, 0);
        self.over = false;
        loop {
            let packet = match input.read() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                // A single picture ends as its server likes.
                Err(_) if input.still && self.number > 0 => break,
                Err(error) if open.url => return Err(Stop::Say(failed(&error))),
                Err(_) if misses < MISSES => {
                    misses += 1;
                    continue;
                }
                Err(_) => break,
            };
            misses = 0;
            let arrival = Arrival::now();
            if input.jpeg {
                for _ in 0..broken_off(packet.data().unwrap_or_default()) {
                    self.damaged(input, None, arrival)?;
                }
            }
            if !self.send(input, &packet, arrival)? {
                self.damaged(input, packet.pts(), arrival)?;
            }
            let got = self.receive(input, arrival)?;
            if self.over {
                return Ok(());
            }
            useless = if got { 0 } else { useless + 1 };
            if useless > USELESS && self.number == 0 {
                return Err(Stop::Say(no_video("none of its frames can be decoded")));
            }
        }
        // What the decoder has kept back.
        if input.decoder.send_eof().is_ok() {
            self.receive(input, Arrival::now())?;
        }
        Ok(())
    }

    /// Gives a packet to the decoder; `false` if it is damaged.
    fn send(&mut self, input: &mut Input, packet: &Packet, arrival: Arrival) -> Result<bool, Stop> {
        loop {
            match input.decoder.send_packet(packet) {
                Ok(()) => return Ok(true),
                // It wants to be emptied first.
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {
                    if !self.receive(input, arrival)? {
                        return Ok(false);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    /// Takes the frames that the decoder has; whether there were any.
    fn receive(&mut self, input: &mut Input, arrival: Arrival) -> Result<bool, Stop> {
        let mut any = false;
        let mut frame = Video::empty();
        loop {
            match input.decoder.receive_frame(&mut frame) {
                Ok(()) => any = true,
                Err(Error::Eof) => return Ok(any),
                Err(Error::Other { errno }) if errno == ffmpeg_next::error::EAGAIN => {
                    return Ok(any);
                }
                Err(_) => {
                    self.damaged(input, None, arrival)?;
                    return Ok(any);
                }
            }
            let time = frame.timestamp().or(frame.pts());
            if input.is_over(time) {
                self.over = true;
                return Ok(any);
            }
            if input.was_given(time) {
                continue;
            }
            if frame.is_corrupt() || has_errors(&frame) {
                self.damaged(input, time, arrival)?;
            } else {
                self.picture(input, &mut frame, time, arrival)?;
            }
        }
    }

    fn picture(
        &mut self,
        input: &Input,
        frame: &mut Video,
        time: Option<i64>,
        arrival: Arrival,
    ) -> Result<(), Stop> {
        let (buffer, bgr) = self.wait_for_buffer()?;
        let (width, height) = input.turn.size(frame.width(), frame.height());
        // One that no bus can carry has no room: the worker sees its size.
        if let Some(geometry) = Geometry::new(width, height) {
            self.convert(input.turn, frame, geometry, buffer, bgr)?;
        }
        let picture = Picture {
            width,
            height,
            bgr,
            buffer,
            ..self.next_picture(input, time, arrival)
        };
        self.channel.say(&Report::Picture(picture))?;
        Ok(())
    }

    fn convert(
        &mut self,
        turn: Turn,
        frame: &mut Video,
        geometry: Geometry,
        buffer: u8,
        bgr: bool,
    ) -> Result<(), Stop> {
        let gray_len = geometry.gray_len();
        let len = if bgr { 4 * gray_len } else { gray_len };
        let bytes = self.memory.buffer(buffer, len).map_err(|error| {
            Stop::Say(Report::Failed {
                why: Why::System,
                text: error.to_string(),
            })
        })?;
        let (gray, rest) = bytes.split_at_mut(gray_len);
        self.converter
            .convert(
                frame,
                turn,
                self.range,
                self.gray,
                gray,
                bgr.then_some(rest),
            )
            .map_err(|error| Stop::Say(failed(&error)))
    }

    fn damaged(&mut self, input: &Input, time: Option<i64>, arrival: Arrival) -> Result<(), Stop> {
        let picture = Picture {
            damaged: true,
            ..self.next_picture(input, time, arrival)
        };
        self.channel.say(&Report::Picture(picture))?;
        Ok(())
    }

    fn next_picture(&mut self, input: &Input, time: Option<i64>, arrival: Arrival) -> Picture {
        let number = self.number;
        self.number += 1;
        Picture {
            number,
            capture_ns: arrival.capture_ns,
            wall_ns: arrival.wall_ns,
            time_ns: time.and_then(|time| input.nanoseconds(time)),
            buffer: 0,
            width: 0,
            height: 0,
            bgr: false,
            damaged: false,
        }
    }

    fn wait_for_buffer(&mut self) -> Result<(u8, bool), Stop> {
        while self.free.is_empty() {
            match self.channel.hear()? {
                Some(Order::Free { buffer, bgr }) if buffer < BUFFERS => {
                    self.free.push_back((buffer, bgr));
                }
                _ => return Err(Stop::Alone),
            }
        }
        self.free.pop_front().ok_or(Stop::Alone)
    }
}

/// Whether the decoder has noted errors that it has painted over.
#[expect(
    unsafe_code,
    reason = "FFmpeg's binding shows this field by pointer only"
)]
fn has_errors(frame: &Video) -> bool {
    // SAFETY: only asks where it is.
    let fields = unsafe { frame.as_ptr() };
    // SAFETY: the pointer is that of a live frame, which only this thread uses.
    let flags = unsafe { (*fields).decode_error_flags };
    flags & ffi::FF_DECODE_ERROR_INVALID_BITSTREAM != 0
}
