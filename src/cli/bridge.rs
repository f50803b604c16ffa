//! `framebus bridge`: frames to other machines and from them. `framebus-bridge` does it; here are its flags.

mod endpoint;
mod link;
mod names;

pub use link::{LinkArgs, ListenArgs};
pub(super) use names::parse_far;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use framebus_tools::bridging::{Bridging, Errand, Link, Listing, Named, Receiving, Sending};
use framebus_tools::far_bus::FarBus;
use framebus_tools::job::{Job, Task};

use super::config::{Config, PlaneList, parse_planes};
use super::units::{parse_duration, parse_fps, parse_group, parse_mode};
use super::{choose_bus, parse_bus};
use framebus::bus::BusName;
use framebus::layout::MAX_CONSUMERS;
use link::stays_here;
use names::{Wanted, parse_host, parse_scale, parse_wanted};

/// Carry frames to other machines (needs framebus-bridge)
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct BridgeArgs {
    #[command(subcommand)]
    verb: BridgeVerb,
}

const AFTER_HELP: &str = "\
Examples:
  framebus bridge send --listen 0.0.0.0 --public
  framebus bridge ls --connect box1
  framebus bridge receive box1/cam0 --connect box1

The first is for the camera's machine, which is called box1 here, the others are for another one. \
Without an address both mean tcp/127.0.0.1:7447, on this machine alone. docs/bridge.md has routers, \
many receivers, TLS, and what a link carries.";

/// What a bridge does.
#[derive(Debug, Clone, Subcommand)]
enum BridgeVerb {
    Send(SendArgs),
    Receive(ReceiveArgs),
    Ls(LsArgs),
    Route(RouteArgs),
}

/// Send frames of buses to who asks for them
#[derive(Debug, Clone, Args)]
#[command(after_help = SEND_HELP)]
pub struct SendArgs {
    /// A bus; may be given several times [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Vec<BusName>,
    /// What this machine is called there [default: its own name]
    #[arg(long, value_name = "NAME", value_parser = parse_host)]
    pub host: Option<String>,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    link: LinkArgs,
    /// Send pixels as they are [default on loopback]
    #[arg(long, conflicts_with = "jpeg")]
    pub raw: bool,
    /// Send gray, BGR and RGB as JPEG of this quality, 1 to 100; other planes as they are [default elsewhere: 80]
    #[arg(long, value_name = "QUALITY", value_parser = clap::value_parser!(u8).range(1..=100))]
    pub jpeg: Option<u8>,
    /// Send no more frames a second than this to each receiver
    #[arg(long, value_name = "FPS", value_parser = parse_fps)]
    pub max_fps: Option<f64>,
    /// Make frames smaller: 1/2 is half as wide and half as high
    #[arg(long, value_name = "1/N", value_parser = parse_scale)]
    pub scale: Option<u32>,
    /// Send only these planes, such as gray,meta [default: all, with metadata]
    #[arg(long, value_name = "PLANES", value_parser = parse_planes)]
    pub planes: Option<PlaneList>,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
}

const SEND_HELP: &str = "\
It is an ordinary consumer of each bus, named bridge, and waits for a bus that is not there. A frame \
goes out when a receiver has asked for it; what the link cannot carry is skipped, as column SKIP of \
`framebus top` shows.

Examples:
  framebus bridge send --listen 0.0.0.0 --public
  framebus bridge send -b cam0 -b cam1 --connect router:7447 --jpeg 60 --max-fps 10
  framebus bridge send --connect tls/router:7447 --zenoh /etc/framebus-bridge.json5 --scale 1/2";

/// Make buses of what other machines send
#[derive(Debug, Clone, Args)]
#[command(after_help = RECEIVE_HELP)]
pub struct ReceiveArgs {
    /// Far buses, such as box1/cam0, or box1/cam0=NAME to call it NAME here; * is any, as in box1/* [default: */*]
    #[arg(value_name = "HOST/BUS[=NAME]", value_parser = parse_wanted)]
    pub wanted: Vec<Wanted>,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    link: LinkArgs,
    /// Drop frames that are older than this when they come
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    pub max_age: Duration,
    /// How many consumers can be attached to each bus at a time, 1 to 250 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest, for consumers that read every frame (--every-frame) [default: 0]
    #[arg(long, value_name = "K")]
    pub history: Option<u8>,
    /// Who may attach: mode bits of the segments and the named pipes [default: 0600]
    #[arg(long, value_name = "OCTAL", value_parser = parse_mode)]
    pub mode: Option<u32>,
    /// Group of the segments and the named pipes
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    pub group: Option<u32>,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
}

const RECEIVE_HELP: &str = "\
A bus here is called HOST-BUS unless it is named. Its frames have the sequences, times and metadata \
of the far bus; capture times are in this machine's clock. `framebus top` shows in the source's line \
from where frames come, how late, and how many are missing. Without frames the bus is stalled, and \
goes on when they come again.

Examples:
  framebus bridge receive --connect box1
  framebus bridge receive box1/cam0=cam0 --connect box1 --max-age 500ms
  framebus bridge receive 'box1/*' box2/cam0 --connect router:7447";

/// List what other machines send
#[derive(Debug, Clone, Args)]
#[command(after_help = LS_HELP)]
pub struct LsArgs {
    #[command(flatten)]
    link: LinkArgs,
    /// Print a line of JSON for each
    #[arg(long)]
    pub json: bool,
    /// How long answers are waited for
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_duration)]
    pub timeout: Duration,
}

const LS_HELP: &str = "\
Examples:
  framebus bridge ls --connect box1
  framebus bridge ls --discover

Exit codes: 1 nothing is sent; 2 nobody answers.";

/// Pass on what others send: a router, where many meet
#[derive(Debug, Clone, Args)]
#[command(after_help = ROUTE_HELP)]
pub struct RouteArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    link: LinkArgs,
}

const ROUTE_HELP: &str = "\
It is a router of Zenoh as zenohd is, without plugins, with queues for frames.

Examples:
  framebus bridge route --listen 0.0.0.0 --public
  framebus bridge route --listen tls/0.0.0.0:7447 --zenoh /etc/framebus-bridge.json5";

/// Hands over to the bridge.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &BridgeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let (link, errand) = match &args.verb {
        BridgeVerb::Send(args) => args.errand(config)?,
        BridgeVerb::Receive(args) => args.errand()?,
        BridgeVerb::Ls(args) => {
            let wait = args.timeout;
            let json = args.json;
            (args.link.link()?, Errand::List(Listing { json, wait }))
        }
        BridgeVerb::Route(args) => (args.link()?, Errand::Route),
    };
    let job = Job::new(Task::Bridge(Bridging { link, errand }));
    Err(job.hand_over("framebus bridge"))
}

impl SendArgs {
    fn errand(&self, config: &Config) -> anyhow::Result<(Link, Errand)> {
        let mut link = self.link.with(&self.listen)?;
        let is_anywhere = !link.listen.is_empty() || !link.connect.is_empty();
        if !is_anywhere && link.zenoh.is_none() && !link.discover {
            link.listen.push(endpoint::LOCAL.to_owned());
        }
        if link.discover && link.listen.is_empty() && link.zenoh.is_none() {
            anyhow::bail!("who finds this machine has to reach it: give --listen ADDR, too");
        }
        let mut buses = self.bus.clone();
        if buses.is_empty() {
            buses.push(choose_bus(None, config)?);
        }
        for (index, bus) in buses.iter().enumerate() {
            if buses[..index].contains(bus) {
                anyhow::bail!("bus {bus} is named twice");
            }
        }
        let usual = (!self.raw && !stays_here(&link)).then_some(80);
        let sending = Sending {
            buses: buses.into_iter().map(Named).collect(),
            host: self.host.clone(),
            quality: self.jpeg.or(usual),
            max_fps: self.max_fps,
            scale: self.scale.unwrap_or(1),
            planes: self.planes.clone().map(|planes| planes.0),
            duration: self.duration,
        };
        Ok((link, Errand::Send(sending)))
    }
}

impl ReceiveArgs {
    fn errand(&self) -> anyhow::Result<(Link, Errand)> {
        let mut link = self.link.with(&self.listen)?;
        let is_anywhere = !link.listen.is_empty() || !link.connect.is_empty();
        if !is_anywhere && link.zenoh.is_none() && !link.discover {
            link.connect.push(endpoint::LOCAL.to_owned());
        }
        let mut wanted = self.wanted.clone();
        if wanted.is_empty() {
            wanted.push(Wanted {
                far: FarBus::any(),
                local: None,
            });
        }
        for (index, one) in wanted.iter().enumerate() {
            let others = &wanted[..index];
            if others.iter().any(|other| other.far == one.far) {
                anyhow::bail!("{} is named twice", one.far);
            }
            if let Some(local) = &one.local
                && others
                    .iter()
                    .any(|other| other.local.as_ref() == Some(local))
            {
                anyhow::bail!("two buses cannot both be called {local}");
            }
        }
        let named = |wanted: Wanted| (wanted.far, wanted.local.map(Named));
        let receiving = Receiving {
            wanted: wanted.into_iter().map(named).collect(),
            max_age: self.max_age,
            consumers: self.consumers,
            history: self.history,
            mode: self.mode,
            group: self.group,
            duration: self.duration,
        };
        Ok((link, Errand::Receive(receiving)))
    }
}

impl RouteArgs {
    fn link(&self) -> anyhow::Result<Link> {
        let mut link = self.link.with(&self.listen)?;
        if link.listen.is_empty() && link.zenoh.is_none() {
            link.listen.push(endpoint::LOCAL.to_owned());
        }
        Ok(link)
    }
}
