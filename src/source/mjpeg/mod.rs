//! Motion JPEG over HTTP, without OpenCV and FFmpeg: streams of pictures (`multipart/x-mixed-replace`, as cheap cameras and
//! their programs send them), and single pictures that are fetched again and again.
//!
//! | module | what it does |
//! |---|---|
//! | `url` | URLs |
//! | `login` | passwords, and proofs of knowing one |
//! | `tls` | whom an encrypted connection is believed to be with |
//! | `link` | a connection whose waits end when somebody asks to stop |
//! | `fields` | parameters and challenges in a head |
//! | `body` | heads of answers, framing of bodies |
//! | `pictures` | finds pictures in what comes |
//! | `exchange` | a request and its answer |

mod body;
mod exchange;
mod fields;
mod link;
mod login;
mod pictures;
mod tls;
mod url;

use std::path::PathBuf;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::layout::Geometry;
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Range, SourceError, SourceInfo,
};
use framebus::stop::Stop;

use super::jpeg::{self, JpegError};
use exchange::{Answer, Came, Client, Exchange, Picture};
use framebus_tools::backoff::Backoff;
use tls::Trust;
use url::Url;

/// How long a stream may be silent at the least.
const SILENCE: Duration = Duration::from_millis(1500);
/// How long it may take until the first picture, where nobody says.
const OPENING: Duration = Duration::from_secs(10);
/// How often a single picture is fetched, where nobody says.
const FETCHES_PER_SECOND: f64 = 1.0;
/// Pictures at the start that may be damaged.
const DAMAGED_AT_START: u32 = 10;

/// What is asked of a server.
#[derive(Debug, Clone, Default)]
pub struct MjpegOptions {
    /// How often a single picture is fetched.
    pub fps: Option<f64>,
    /// What its luma means; JPEG is full range by itself.
    pub range: Range,
    /// How long it may take until the first picture.
    pub open_timeout: Option<Duration>,
    /// How long it may be silent.
    pub read_timeout: Option<Duration>,
    /// A file with certificates that are believed, of cameras or of who signs theirs; without, those of this machine.
    pub ca: Option<PathBuf>,
}

/// What opening a URL comes to.
#[derive(Debug)]
pub enum OpenedUrl {
    /// Pictures.
    Source(Box<MjpegSource>),
    /// Something else, by its own words: others may read it.
    Other(String),
    /// Somebody asked to stop.
    Stopped,
}

/// Pictures from a server.
///
/// - A picture that is cut off or damaged is not published and counted; one of another size is [`Arrival::Resized`].
/// - A server that is silent or gone is [`Arrival::Stalled`]; each further `wait` sleeps (250 ms, doubling up to 5 s) and
///   asks once more.
#[derive(Debug)]
pub struct MjpegSource {
    url: Url,
    options: MjpegOptions,
    client: Client,
    /// `None` while there is no connection.
    exchange: Option<Exchange>,
    single: bool,
    geometry: Geometry,
    resized: bool,
    /// A picture that the next `wait` announces.
    held: Option<Picture>,
    /// What was announced; `None` in it is one that was broken off.
    announced: Option<Option<Vec<u8>>>,
    next_frame: u64,
    /// The longest time between two pictures, and when the last one came.
    longest: Duration,
    last_ns: Option<u64>,
    /// When the next picture is to be fetched.
    fetch_ns: u64,
    stalled: bool,
    backoff: Backoff,
    filler: jpeg::Filler,
}

impl MjpegSource {
    /// Asks a server, and reads its first picture.
    ///
    /// # Errors
    /// One sentence that says what failed, with which server, why, and what to do.
    pub fn open(text: &str, options: MjpegOptions, stop: &Stop) -> Result<OpenedUrl, SourceError> {
        let url = Url::parse(text)?;
        let opening = options.open_timeout.unwrap_or(OPENING);
        let wrong =
            |why: &str| SourceError::Unusable(format!("{} cannot be opened: {why}", url.shown));
        let mut client = Client::new(Trust::new(options.ca.clone()));
        let mut exchange = match Exchange::open(&url, &mut client, opening, stop)? {
            Answer::Pictures(exchange) => exchange,
            Answer::Other(kind) => return Ok(OpenedUrl::Other(kind)),
            Answer::Stopped => return Ok(OpenedUrl::Stopped),
        };
        let mut decoder = jpeg::Decoder::default();
        for _ in 0..DAMAGED_AT_START {
            let came = exchange.next(opening, stop);
            match came.map_err(|error| wrong(&format!("the connection is lost: {error}")))? {
                Came::Picture(first) => {
                    let Some(geometry) = jpeg::size(&first.bytes) else {
                        continue;
                    };
                    let mut gray = vec![0; geometry.gray_len()];
                    match decoder.decode(&first.bytes, geometry, false, &mut gray, None) {
                        Ok(()) => {}
                        Err(JpegError::Unsupported) => {
                            return Ok(OpenedUrl::Other("JPEG that is not baseline".into()));
                        }
                        Err(_) => continue,
                    }
                    return Ok(OpenedUrl::Source(Box::new(MjpegSource {
                        single: exchange.single,
                        exchange: Some(exchange).filter(|exchange| !exchange.single),
                        url,
                        options,
                        client,
                        geometry,
                        resized: false,
                        held: Some(first),
                        announced: None,
                        next_frame: 0,
                        longest: Duration::ZERO,
                        last_ns: None,
                        fetch_ns: 0,
                        stalled: false,
                        backoff: Backoff::new(),
                        filler: jpeg::Filler::default(),
                    })));
                }
                Came::Broken => {}
                Came::Stopped => return Ok(OpenedUrl::Stopped),
                Came::End => return Err(wrong("the server hangs up without a picture")),
                Came::Nothing { silent: false } => {
                    return Ok(OpenedUrl::Other("no pictures".into()));
                }
                Came::Nothing { silent: true } => {
                    return Err(wrong(&format!(
                        "the server answers and sends no video within {} s; a camera that is slower than that needs a \
                         longer --open-timeout",
                        opening.as_secs_f64()
                    )));
                }
            }
        }
        Err(wrong("all of its pictures are damaged"))
    }

    fn silence(&self) -> Duration {
        self.options
            .read_timeout
            .unwrap_or((4 * self.longest).max(SILENCE))
    }

    fn lose(&mut self, why: &str) -> Arrival {
        self.exchange = None;
        self.stalled = true;
        self.last_ns = None;
        Arrival::Stalled(format!("{} {why}", self.url.shown))
    }

    /// Asks for the stream, or the next picture, once more.
    fn ask_again(&mut self, stop: &Stop) -> Result<Option<Arrival>, SourceError> {
        if self.single && !self.stalled {
            let period_ns = 1e9 / self.options.fps.unwrap_or(FETCHES_PER_SECOND);
            self.fetch_ns = (self.fetch_ns + period_ns as u64)
                .max(monotonic_ns().saturating_sub(period_ns as u64));
            if stop.sleep_until(self.fetch_ns) {
                return Ok(Some(Arrival::Stopped));
            }
        } else if stop.sleep(self.backoff.delay()) {
            return Ok(Some(Arrival::Stopped));
        }
        let opening = self.options.open_timeout.unwrap_or(OPENING).min(OPENING);
        match Exchange::open(&self.url, &mut self.client, opening, stop) {
            Ok(Answer::Pictures(exchange)) => {
                self.exchange = Some(exchange);
                Ok(None)
            }
            Ok(Answer::Stopped) => Ok(Some(Arrival::Stopped)),
            Ok(Answer::Other(kind)) => Ok(Some(
                self.lose(&format!("sends no pictures any more, but {kind}")),
            )),
            Err(error) => {
                self.stalled = true;
                Ok(Some(Arrival::Stalled(error.to_string())))
            }
        }
    }

    fn announce(&mut self, picture: Picture) -> Arrival {
        let size = jpeg::size(&picture.bytes);
        if let Some(size) = size.filter(|size| *size != self.geometry) {
            self.geometry = size;
            self.resized = true;
        }
        if std::mem::take(&mut self.resized) {
            self.held = Some(picture);
            return Arrival::Resized;
        }
        self.stalled = false;
        self.backoff.reset();
        if let Some(last_ns) = self.last_ns.replace(picture.capture_ns) {
            let interval = Duration::from_nanos(picture.capture_ns.saturating_sub(last_ns));
            self.longest = self.longest.max(interval);
        }
        let capture = FrameMeta {
            capture_ns: picture.capture_ns,
            wall_ns: picture.wall_ns,
            source_frame: self.count(),
        };
        self.announced = Some(Some(picture.bytes));
        Arrival::Frame(capture)
    }

    fn count(&mut self) -> u64 {
        self.next_frame += 1;
        self.next_frame - 1
    }

    /// Announces one that was broken off, so that it is counted.
    fn announce_broken(&mut self) -> Arrival {
        self.announced = Some(None);
        Arrival::Frame(FrameMeta {
            capture_ns: monotonic_ns(),
            wall_ns: framebus::clock::wall_ns(),
            source_frame: self.count(),
        })
    }
}

impl FrameSource for MjpegSource {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: self.options.fps.filter(|_| self.single),
            bgr: true,
            live: true,
            native: None,
            description: self.url.shown.clone(),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.announced = None;
        if let Some(held) = self.held.take() {
            return Ok(self.announce(held));
        }
        loop {
            if stop.is_set() {
                return Ok(Arrival::Stopped);
            }
            let silence = self.silence();
            let Some(exchange) = &mut self.exchange else {
                match self.ask_again(stop)? {
                    Some(arrival) => return Ok(arrival),
                    None => continue,
                }
            };
            match exchange.next(silence, stop) {
                Ok(Came::Picture(picture)) => {
                    if self.single {
                        // The next picture is a new request.
                        self.exchange = None;
                    }
                    return Ok(self.announce(picture));
                }
                Ok(Came::Broken) => return Ok(self.announce_broken()),
                Ok(Came::Stopped) => return Ok(Arrival::Stopped),
                Ok(Came::End) => return Ok(self.lose("has ended")),
                Ok(Came::Nothing { silent: true }) => {
                    return Ok(self.lose("sends no frames any more"));
                }
                // It drips: what has come is kept.
                Ok(Came::Nothing { silent: false }) => {
                    self.stalled = true;
                    let shown = &self.url.shown;
                    return Ok(Arrival::Stalled(format!(
                        "{shown} sends no whole picture in time"
                    )));
                }
                Err(error) => return Ok(self.lose(&format!("does not go on: {error}"))),
            }
        }
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let Some(Some(bytes)) = self.announced.take() else {
            return Ok(Filled::Damaged);
        };
        target.expect(self.geometry)?;
        let limited = self.options.range.is_limited(false);
        Ok(self.filler.fill(&bytes, self.geometry, limited, target))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
