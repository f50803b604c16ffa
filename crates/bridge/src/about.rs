//! What a sender answers: what a bus is, and how it is.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use anyhow::Context;
use framebus::bus::BusName;
use framebus::clock::monotonic_ns;
use framebus::convert::{Images, Scratch, fill_plane};
use framebus::layout::{Format, Geometry, Plane};
use framebus::observe::{Baseline, BusState, Picture, Sampler, Snapshot, Thresholds};
use serde::{Deserialize, Serialize};
use zenoh::query::Query;
use zenoh::{Session, Wait};

use crate::keys::key;
use crate::outlet::Outlets;
use framebus_tools::bridging::LookPicture;
use framebus_tools::far_bus::FarBus;

/// The least time between two looks at a bus, whoever asks.
const LOOK_NS: u64 = 100_000_000;
/// How wide a picture is at most: it is for a terminal.
const PICTURE_WIDTH: u32 = 480;
const PICTURE_QUALITY: u8 = 70;

/// What is sent, as `framebus bridge ls` shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    /// The version of framebus there.
    pub(crate) version: String,
    pub(crate) state: String,
    pub(crate) source: Option<String>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    /// Its planes in one word.
    pub(crate) format: Option<String>,
    pub(crate) fps: Option<f64>,
    pub(crate) receivers: usize,
}

/// A moment of a bus, as `framebus top --remote` is told it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) version: String,
    pub(crate) snapshot: Snapshot,
    /// What is known of a picture; its JPEG is beside it.
    pub(crate) picture: Option<LookPicture>,
}

/// A bus that is asked about.
pub(crate) struct Answering {
    pub(crate) far: FarBus,
    pub(crate) bus: BusName,
    pub(crate) outlets: Arc<Outlets>,
}

/// Answers in a thread of its own: looking at processes takes longer than the network should wait.
pub(crate) fn answer(session: &Session, answering: Answering) -> anyhow::Result<Box<dyn Send>> {
    let (ask, asked) = sync_channel::<Query>(16);
    let hand = |ask: &SyncSender<Query>| {
        let ask = ask.clone();
        // Who asks more than can be answered gets no answer.
        move |query: Query| drop(ask.try_send(query))
    };
    let far = &answering.far;
    let failed = |error| anyhow::anyhow!("{far} cannot be asked about: {error}");
    let about = session
        .declare_queryable(key(far, "about"))
        .callback(hand(&ask))
        .wait()
        .map_err(failed)?;
    let top = session
        .declare_queryable(key(far, "top"))
        .callback(hand(&ask))
        .wait()
        .map_err(failed)?;
    std::thread::Builder::new()
        .name("answers".to_owned())
        .spawn(move || {
            let mut eye = Eye::new(answering);
            while let Ok(query) = asked.recv() {
                eye.answer(&query);
            }
        })
        .context("cannot start a thread")?;
    Ok(Box::new((about, top)))
}

/// Looks at a bus.
struct Eye {
    of: Answering,
    sampler: Sampler,
    last: Option<(u64, Snapshot)>,
}

impl Eye {
    fn new(of: Answering) -> Eye {
        let thresholds = Thresholds::default();
        let sampler = Sampler::new(of.bus.clone(), Baseline::FirstLook, thresholds);
        Eye {
            of,
            sampler,
            last: None,
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let now_ns = monotonic_ns();
        match &self.last {
            Some((at_ns, snapshot)) if now_ns.saturating_sub(*at_ns) < LOOK_NS => snapshot.clone(),
            _ => {
                let snapshot = self.sampler.sample(false);
                self.last = Some((now_ns, snapshot.clone()));
                snapshot
            }
        }
    }

    fn answer(&mut self, query: &Query) {
        // Whoever asks several at a time has a key with a star, and its last part is what is wanted.
        let is_top = query.key_expr().as_str().ends_with("/top");
        let (text, jpeg) = if is_top {
            let picture = query.parameters().contains_key("picture");
            self.look(picture)
        } else {
            (serde_json::to_vec(&self.about()), Vec::new())
        };
        let Ok(text) = text else { return };
        let key = key(&self.of.far, if is_top { "top" } else { "about" });
        let _ = query.reply(key, text).attachment(jpeg).wait();
    }

    fn look(&mut self, picture: bool) -> (serde_json::Result<Vec<u8>>, Vec<u8>) {
        let snapshot = self.snapshot();
        let picture = picture.then(|| self.sampler.sampled_picture()).flatten();
        let small = picture.and_then(|picture| small_jpeg(&picture));
        let (head, jpeg) = small.map_or((None, Vec::new()), |(head, jpeg)| (Some(head), jpeg));
        let look = Answer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            snapshot,
            picture: head,
        };
        (serde_json::to_vec(&look), jpeg)
    }

    fn about(&mut self) -> About {
        let snapshot = self.snapshot();
        let segment = snapshot.segment.as_ref();
        let producer = snapshot.producer.as_ref();
        About {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: state(snapshot.state).to_owned(),
            source: producer.map(|producer| producer.source.clone()),
            width: segment.map(|segment| segment.width),
            height: segment.map(|segment| segment.height),
            format: segment.map(|segment| segment.format.clone()),
            fps: producer.and_then(|producer| producer.fps.or(producer.nominal_fps)),
            receivers: self.of.outlets.count(),
        }
    }
}

fn state(state: BusState) -> &'static str {
    match state {
        BusState::Absent => "absent",
        BusState::Starting => "starting",
        BusState::Unreadable => "unreadable",
        BusState::Running => "running",
        BusState::Stalled => "stalled",
        BusState::Ended => "ended",
        BusState::Gone => "gone",
    }
}

/// A picture for a terminal.
fn small_jpeg(picture: &Picture) -> Option<(LookPicture, Vec<u8>)> {
    let geometry = Geometry::new(picture.width, picture.height)?;
    let factor = picture.width.div_ceil(PICTURE_WIDTH).max(1);
    let size = Geometry::new(picture.width / factor, picture.height / factor)?;
    let plane = Plane::of(Format::GRAY8, size)?;
    let mut gray = vec![0; plane.bytes()];
    let images = Images {
        geometry,
        gray: Some(&picture.gray),
        bgr: None,
    };
    if !fill_plane(&plane, &mut gray, &images, &mut Scratch::default()) {
        return None;
    }
    let mut jpeg = Vec::new();
    let (width, height) = (size.width as u16, size.height as u16);
    jpeg_encoder::Encoder::new(&mut jpeg, PICTURE_QUALITY)
        .encode(&gray, width, height, jpeg_encoder::ColorType::Luma)
        .ok()?;
    let head = LookPicture {
        width: size.width,
        height: size.height,
        slot: picture.slot,
        sequence: picture.sequence,
    };
    Some((head, jpeg))
}
