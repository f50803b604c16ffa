//! What `framebus top --remote` shows: snapshots of another machine's bus, as lines of JSON, until nobody reads them.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::layout::{Format, Geometry, Plane};
use framebus::stop::Stop;
use framebus_tools::bridging::{Link, Look, LookPicture, Looking};
use framebus_tools::exit::stopped;
use zenoh::{Session, Wait};

use crate::about::Answer;
use crate::keys::key;
use crate::link::{Role, open_while};
use crate::unpack::unpack_jpeg;
use framebus_tools::far_bus::FarBus;

/// The most bytes of an answer.
const MOST: usize = 4 << 20;
const SECOND: Duration = Duration::from_secs(1);

/// Prints a snapshot each interval.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn look(looking: &Looking, link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let far = &looking.bus;
    // Nobody may be there for a long time, and whoever reads may go meanwhile.
    let mut told = Duration::ZERO;
    let tell = |waited: Duration| {
        if waited - told < SECOND {
            return true;
        }
        told = waited;
        let nobody = format!("nobody answers at {}", link.connect.join(", "));
        print(&Look::trouble(nobody), &[]).unwrap_or(false)
    };
    let Some(session) = open_while(link, Role::End, &stop, tell)? else {
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
        let (look, gray) = match ask(&session, far, picture) {
            Ok((answer, gray)) => {
                let look = Look {
                    snapshot: Some(answer.snapshot),
                    trouble: None,
                    picture: answer.picture,
                };
                (look, gray)
            }
            Err(trouble) => (Look::trouble(trouble), Vec::new()),
        };
        if !print(&look, &gray)? {
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
fn print(look: &Look, gray: &[u8]) -> anyhow::Result<bool> {
    let mut bytes = serde_json::to_vec(look)?;
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
fn ask(session: &Session, far: &FarBus, picture: bool) -> Result<(Answer, Vec<u8>), String> {
    let key = key(far, "top");
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
    let mut answer: Answer = serde_json::from_slice(&text).map_err(|_| {
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
        let version = value["version"].as_str().unwrap_or("unknown").to_owned();
        format!(
            "the answer about {far} cannot be read: framebus there is version {version}, here {}",
            env!("CARGO_PKG_VERSION")
        )
    })?;
    let mut gray = Vec::new();
    if let (Some(head), Some(jpeg)) = (&answer.picture, jpeg) {
        match decode(head, &jpeg.to_bytes()) {
            Some(pixels) => gray = pixels,
            None => answer.picture = None,
        }
    } else {
        answer.picture = None;
    }
    Ok((answer, gray))
}

/// The pixels of a picture that another machine has announced.
fn decode(head: &LookPicture, jpeg: &[u8]) -> Option<Vec<u8>> {
    let size = Geometry::new(head.width, head.height).filter(|size| size.gray_len() <= MOST)?;
    let plane = Plane::of(Format::GRAY8, size)?;
    let mut gray = vec![0; plane.bytes()];
    unpack_jpeg(&plane, jpeg, &mut gray).ok()?;
    Some(gray)
}
