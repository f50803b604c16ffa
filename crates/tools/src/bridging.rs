//! What the bridge is to do: the flags of `framebus bridge` as they hold; and what it tells `framebus top`.

use std::path::PathBuf;
use std::time::Duration;

use framebus::bus::BusName;
use framebus::layout::PlaneSpec;
use framebus::observe::Snapshot;
use serde::{Deserialize, Serialize};

use crate::far_bus::FarBus;
use crate::text;

/// A job for the bridge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bridging {
    /// How it reaches others.
    pub link: Link,
    /// What it does.
    pub errand: Errand,
}

/// How the network is reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Link {
    /// Where others may connect, as Zenoh writes it: `tcp/127.0.0.1:7447`.
    pub listen: Vec<String>,
    /// Who is connected to.
    pub connect: Vec<String>,
    /// Whether others are looked for by multicast.
    pub discover: bool,
    /// A configuration of Zenoh.
    pub zenoh: Option<PathBuf>,
}

/// What a bridge can do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Errand {
    /// Sends frames of buses to who asks.
    Send(Sending),
    /// Makes buses of what others send.
    Receive(Receiving),
    /// Lists what others send.
    List(Listing),
    /// Passes on what others send.
    Route,
    /// Prints snapshots of another machine's bus, for `framebus top`.
    Look(Looking),
}

/// A name as text, in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named(#[serde(with = "text")] pub BusName);

/// What is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sending {
    /// The buses.
    pub buses: Vec<Named>,
    /// What this machine is called there.
    pub host: Option<String>,
    /// The quality of JPEG; `None` sends pixels as they are.
    pub quality: Option<u8>,
    /// Frames a second, at most.
    pub max_fps: Option<f64>,
    /// By how much frames are made smaller.
    pub scale: u32,
    /// Which planes; `None` is all.
    pub planes: Option<Vec<PlaneSpec>>,
    /// The end, after this time.
    pub duration: Option<Duration>,
}

/// What is received.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receiving {
    /// The far buses, and what each is called here.
    pub wanted: Vec<(FarBus, Option<Named>)>,
    /// How old a frame may be when it comes.
    pub max_age: Duration,
    /// How many consumers can be attached to each.
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest.
    pub history: Option<u8>,
    /// Mode bits of the segments and the named pipes.
    pub mode: Option<u32>,
    /// Their group.
    pub group: Option<u32>,
    /// The end, after this time.
    pub duration: Option<Duration>,
}

/// How the list is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Listing {
    /// Whether it is JSON.
    pub json: bool,
    /// How long answers are waited for.
    pub wait: Duration,
}

/// What is looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Looking {
    /// The far bus.
    pub bus: FarBus,
    /// How often.
    pub interval: Duration,
    /// The end, after this many snapshots.
    pub count: Option<u64>,
    /// How often a picture comes along; `None` is never.
    pub picture: Option<Duration>,
}

/// One look at a far bus, as [`Errand::Look`] prints it: a line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Look {
    /// The bus, at that moment.
    pub snapshot: Option<Snapshot>,
    /// Why there is no snapshot.
    pub trouble: Option<String>,
    /// A picture, whose pixels are right behind the line.
    pub picture: Option<LookPicture>,
}

impl Look {
    /// A look at which nothing was seen.
    #[must_use]
    pub const fn trouble(why: String) -> Look {
        Look {
            snapshot: None,
            trouble: Some(why),
            picture: None,
        }
    }
}

/// A gray picture behind a line: a byte a pixel, rows without gaps.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookPicture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The slot that it is of.
    pub slot: u8,
    /// Its frame.
    pub sequence: u64,
}
