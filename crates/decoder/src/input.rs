//! A file or a stream, open for reading.

use ffmpeg_next::codec;
use ffmpeg_next::format::context::Input as Demuxer;
use ffmpeg_next::media::Type;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, decoder, ffi, format, packet};

use crate::turn::Turn;
use crate::wire::{Open, Report, Why};

/// A rate above this is a time base, not a rate.
const HIGHEST_FPS: f64 = 1000.0;
/// FFmpeg's clock for the length of a file, in ticks a second.
const TICKS: i64 = 1_000_000;
const NS_PER_TICK: i64 = 1_000_000_000 / TICKS;

/// An open source and the decoder of its video.
pub(crate) struct Input {
    demuxer: Demuxer,
    stream: usize,
    time_base: Rational,
    pub(crate) decoder: decoder::Video,
    pub(crate) turn: Turn,
    pub(crate) fps: Option<f64>,
    pub(crate) finite: bool,
    /// Whether the server sends one picture and closes.
    pub(crate) still: bool,
    /// Whether its packets are JPEGs.
    pub(crate) jpeg: bool,
    /// Frames up to this time are only decoded because others build on them: another decoder has given them.
    given_ns: Option<i64>,
    /// The part of the file that is wanted, in times of the stream.
    part_ns: (Option<i64>, Option<i64>),
    /// The same, where it begins and ends if nobody says, and the length of the file is known.
    pub(crate) played_ns: Option<(i64, i64)>,
}

impl Input {
    /// Opens a source and finds its video.
    pub(crate) fn open(what: &Open) -> Result<Input, Report> {
        let mut demuxer =
            format::input_with_dictionary(&what.name, options(what)).map_err(|e| failed(&e))?;
        let has_end = demuxer.duration() > 0;
        let begins_ns = begins_ns(&demuxer);
        let of_file = |time_ns: Option<i64>| time_ns.map(|ns| ns.saturating_add(begins_ns));
        let part_ns = (of_file(what.start_ns), of_file(what.end_ns));
        let ends_ns = begins_ns.saturating_add(demuxer.duration().saturating_mul(NS_PER_TICK));
        let played_ns = has_end.then(|| {
            let end_ns = part_ns.1.map_or(ends_ns, |end_ns| end_ns.min(ends_ns));
            (part_ns.0.unwrap_or(begins_ns), end_ns)
        });
        if let Some(after_ns) = what.after_ns.or(part_ns.0) {
            let ticks = after_ns / NS_PER_TICK;
            // One that cannot seek starts at its beginning.
            let _ = if what.leap {
                demuxer.seek(ticks, ticks..)
            } else {
                demuxer.seek(ticks, ..ticks)
            };
        }
        let name = demuxer.format().name().to_owned();
        // FFmpeg takes a picture whose URL has the ending of one for a film of a frame.
        let still = what.url && is_picture(&name);
        let stream = demuxer
            .streams()
            .best(Type::Video)
            .ok_or_else(|| no_video("it has no video stream"))?;
        let parameters = stream.parameters();
        let id = parameters.id();
        let mut context = codec::Context::from_parameters(parameters).map_err(|e| failed(&e))?;
        // A second thread would hold frames back, and costs more than it brings.
        context.set_threading(codec::threading::Config::count(1));
        let fps = rate(&stream, &name);
        let mut strict = Dictionary::new();
        if id == codec::Id::MJPEG {
            // Half a picture is an error then, not a picture.
            strict.set("err_detect", "explode");
        }
        let codec = decoder::find(id).ok_or_else(|| Report::Failed {
            why: Why::NoDecoder,
            text: id.name().to_owned(),
        })?;
        let turn = stream
            .side_data()
            .find(|data| data.kind() == packet::side_data::Type::DisplayMatrix)
            .map_or(Turn::default(), |data| Turn::of_display_matrix(data.data()));
        let decoder = context
            .decoder()
            .open_as_with(codec, strict)
            .and_then(|opened| opened.video())
            .map_err(|e| failed(&e))?;
        Ok(Input {
            stream: stream.index(),
            time_base: stream.time_base(),
            decoder,
            turn,
            fps,
            finite: !what.url || (has_end && !still),
            still,
            jpeg: id == codec::Id::MJPEG,
            given_ns: what.after_ns.filter(|_| !what.leap),
            part_ns,
            played_ns,
            demuxer,
        })
    }

    /// Reads the next packet of the video; `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<Packet>, Error> {
        let mut packet = Packet::empty();
        loop {
            match packet.read(&mut self.demuxer) {
                Ok(()) if packet.stream() == self.stream => return Ok(Some(packet)),
                Ok(()) => {}
                Err(Error::Eof) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Goes back to the start; `false` where that cannot be done.
    pub(crate) fn rewind(&mut self) -> bool {
        self.given_ns = None;
        self.decoder.flush();
        let ticks = self.part_ns.0.unwrap_or(0) / NS_PER_TICK;
        self.demuxer.seek(ticks, ..ticks).is_ok() || self.demuxer.seek(0, ..).is_ok()
    }

    /// Whether the part that is wanted ends before the frame of this time.
    pub(crate) fn is_over(&self, time: Option<i64>) -> bool {
        let time_ns = time.and_then(|time| self.nanoseconds(time));
        time_ns.is_some_and(|time_ns| self.part_ns.1.is_some_and(|end_ns| time_ns >= end_ns))
    }

    /// Whether another decoder has given the frame of this time, or it is before the part that is wanted.
    pub(crate) fn was_given(&self, time: Option<i64>) -> bool {
        let time_ns = time.and_then(|time| self.nanoseconds(time));
        time_ns.is_some_and(|time_ns| {
            self.given_ns.is_some_and(|given_ns| time_ns <= given_ns)
                || self.part_ns.0.is_some_and(|start_ns| time_ns < start_ns)
        })
    }

    /// A time of the stream in nanoseconds.
    pub(crate) fn nanoseconds(&self, time: i64) -> Option<i64> {
        let (numerator, denominator) = (self.time_base.numerator(), self.time_base.denominator());
        let ns = i128::from(time) * i128::from(numerator) * 1_000_000_000;
        i64::try_from(ns.checked_div(i128::from(denominator))?).ok()
    }
}

/// The time at which a file begins: not every file counts from 0.
#[expect(
    unsafe_code,
    reason = "FFmpeg's binding shows this field by pointer only"
)]
fn begins_ns(demuxer: &Demuxer) -> i64 {
    // SAFETY: only asks where it is.
    let fields = unsafe { demuxer.as_ptr() };
    // SAFETY: the pointer is that of a live context, which only this thread uses.
    let ticks = unsafe { (*fields).start_time };
    if ticks == ffi::AV_NOPTS_VALUE {
        0
    } else {
        ticks.saturating_mul(NS_PER_TICK)
    }
}

fn options(what: &Open) -> Dictionary<'static> {
    let mut options = Dictionary::new();
    if what.url {
        let timeout_us = what.timeout_ms.saturating_mul(1000).to_string();
        // Of sockets in general, and the name that RTSP has for it.
        options.set("rw_timeout", &timeout_us);
        options.set("timeout", &timeout_us);
        options.set("rtsp_flags", "prefer_tcp");
        // The rate is not worth waiting for several frames of a slow camera.
        options.set("fpsprobesize", "0");
        options.set(
            "protocol_whitelist",
            "http,https,tls,tcp,udp,rtp,rtsp,rtsps,crypto,httpproxy,srtp,hls,data",
        );
    }
    options
}

/// Whether a format is one picture, by its content or by its name.
fn is_picture(format: &str) -> bool {
    format.ends_with("_pipe") || format == "image2"
}

fn rate(stream: &ffmpeg_next::Stream<'_>, format: &str) -> Option<f64> {
    // Pictures one after another have no rate; FFmpeg makes 25 of that.
    if format.contains("mpjpeg") || is_picture(format) {
        return None;
    }
    [stream.avg_frame_rate(), stream.rate()]
        .into_iter()
        .filter(|rate| rate.denominator() > 0)
        .map(f64::from)
        .find(|fps| *fps > 0.0 && *fps <= HIGHEST_FPS)
}

/// Says that there is no video.
pub(crate) fn no_video(text: &str) -> Report {
    Report::Failed {
        why: Why::NoVideo,
        text: text.to_owned(),
    }
}

/// Says what FFmpeg has found wrong.
pub(crate) fn failed(error: &Error) -> Report {
    let why = match error {
        Error::HttpUnauthorized => Why::Unauthorized,
        Error::HttpForbidden => Why::Forbidden,
        Error::HttpNotFound => Why::NotFound,
        Error::HttpBadRequest | Error::HttpOther4xx | Error::HttpServerError => Why::Refused,
        Error::DecoderNotFound => Why::NoDecoder,
        Error::Other { .. } => Why::System,
        _ => Why::NoVideo,
    };
    Report::Failed {
        why,
        text: error.to_string(),
    }
}
