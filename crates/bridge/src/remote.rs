//! What `framebus top --remote` shows: snapshots of another machine's bus, as lines of JSON, until nobody reads them.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::layout::{Format, Geometry, Plane};
use framebus::stop::Stop;
use framebus_tools::bridging::{Link, Looking};
use framebus_tools::exit::stopped;
use serde::Serialize;
use zenoh::{Session, Wait};

use crate::about::{Look, PictureHead};
use crate::keys::FarBus;
use crate::link::{Role, open};
use crate::unpack::unpack_jpeg;

/// The most bytes of an answer.
const MOST: usize = 4 << 20;

/// A line: a snapshot, or why there is none.
#[derive(Debug, Serialize)]
struct Line {
    snapshot: Option<framebus::observe::Snapshot>,
    trouble: Option<String>,
    picture: Option<Seen>,
}

/// A picture, whose pixels are so many bytes right behind the line.
#[derive(Debug, Serialize)]
struct Seen {
    #[serde(flatten)]
    head: PictureHead,
    bytes: usize,
}

/// Prints a snapshot each interval.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn look(looking: &Looking, link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let far: FarBus = looking.bus.parse()?;
    let Some(session) = open(link, Role::End, &stop)? else {
        return Ok(stopped(&stop));
    };
    let mut printed = 0;
    let mut picture_ns = 0;
    while !stop.is_set() && looking.count.is_none_or(|count| printed < count) {
        let began_ns = monotonic_ns();
        let picture = looking.picture.is_some_and(|every| {
            u128::from(began_ns.saturating_sub(picture_ns)) >= every.as_nanos()
        });
        if picture {
            picture_ns = began_ns;
        }
        let (line, gray) = match ask(&session, &far, picture) {
            Ok((look, gray)) => {
                let bytes = gray.len();
                let line = Line {
                    snapshot: Some(look.snapshot),
                    trouble: None,
                    picture: look.picture.map(|head| Seen { head, bytes }),
                };
                (line, gray)
            }
            Err(trouble) => {
                let line = Line {
                    snapshot: None,
                    trouble: Some(trouble),
                    picture: None,
                };
                (line, Vec::new())
            }
        };
        if !print(&line, &gray)? {
            break;
        }
        printed += 1;
        let spent = Duration::from_nanos(monotonic_ns().saturating_sub(began_ns));
        if stop.sleep(looking.interval.saturating_sub(spent)) {
            break;
        }
    }
    let _ = session.close().wait();
    Ok(stopped(&stop))
}

/// `false` when nobody reads any more.
fn print(line: &Line, gray: &[u8]) -> anyhow::Result<bool> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    bytes.extend_from_slice(gray);
    let mut out = std::io::stdout().lock();
    match out.write_all(&bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Asks for a moment; the pixels of its picture, too.
fn ask(session: &Session, far: &FarBus, picture: bool) -> Result<(Look, Vec<u8>), String> {
    let key = far.key("top");
    let selector = if picture {
        format!("{key}?picture=1")
    } else {
        key
    };
    let replies = session.get(selector).timeout(Duration::from_secs(3)).wait();
    let replies = replies.map_err(|error| error.to_string())?;
    let nobody = || format!("nobody sends {far}");
    let reply = replies.recv().map_err(|_| nobody())?;
    let sample = reply.result().map_err(|_| nobody())?;
    let bytes = sample.payload();
    let jpeg = sample.attachment();
    if bytes.len() > MOST || jpeg.is_some_and(|jpeg| jpeg.len() > MOST) {
        return Err(format!("the answer about {far} is too long"));
    }
    let text = bytes.to_bytes();
    let mut look: Look = serde_json::from_slice(&text).map_err(|_| {
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let version = value["version"].as_str().unwrap_or("unknown").to_owned();
        format!(
            "the answer about {far} cannot be read: framebus there is version {version}, here {}",
            env!("CARGO_PKG_VERSION")
        )
    })?;
    let mut gray = Vec::new();
    if let (Some(head), Some(jpeg)) = (&look.picture, jpeg) {
        match decode(head, &jpeg.to_bytes()) {
            Some(pixels) => gray = pixels,
            None => look.picture = None,
        }
    } else {
        look.picture = None;
    }
    Ok((look, gray))
}

/// The pixels of a picture that another machine has announced.
fn decode(head: &PictureHead, jpeg: &[u8]) -> Option<Vec<u8>> {
    let size = Geometry::new(head.width, head.height).filter(|size| size.gray_len() <= MOST)?;
    let plane = Plane::of(Format::GRAY8, size)?;
    let mut gray = vec![0; plane.bytes()];
    unpack_jpeg(&plane, jpeg, &mut gray).ok()?;
    Some(gray)
}
