//! `framebus bridge`: frames to other machines and from them. `framebus-bridge` does it; here are its flags.

mod endpoint;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use framebus_tools::bridging::{Bridging, Errand, Link, Listing, Named, Receiving, Sending};
use framebus_tools::job::{Job, Task};

use super::config::{Config, PlaneList, parse_planes};
use super::units::{parse_duration, parse_fps, parse_group, parse_mode};
use super::{choose_bus, parse_bus};
use endpoint::{is_loopback, parse_endpoint};
use framebus::bus::BusName;
use framebus::layout::MAX_CONSUMERS;

/// Carry frames to other machines (needs framebus-bridge)
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct BridgeArgs {
    #[command(subcommand)]
    verb: BridgeVerb,
}

const AFTER_HELP: &str = "\
On the camera's machine, which is called box1, and on another one:
  framebus bridge send --listen 0.0.0.0 --public
  framebus bridge receive box1/cam0 --connect box1

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

/// How others are reached.
#[derive(Debug, Clone, Default, Args)]
pub struct LinkArgs {
    /// Connect to others there: HOST, HOST:PORT, or as Zenoh writes it (tls/box1:7447); may be given several times
    /// [default: 127.0.0.1:7447, unless --listen, --discover or --zenoh is given]
    #[arg(long, value_name = "ADDR", value_parser = parse_endpoint)]
    pub connect: Vec<String>,
    /// Look for others by multicast, and let others find this one
    #[arg(long)]
    pub discover: bool,
    /// Take everything else from this configuration of Zenoh (JSON5), such as certificates
    #[arg(long, value_name = "FILE")]
    pub zenoh: Option<PathBuf>,
}

/// Where others may connect.
#[derive(Debug, Clone, Default, Args)]
pub struct ListenArgs {
    /// Let others connect there: ADDR, ADDR:PORT, or as Zenoh writes it (tls/0.0.0.0:7447); may be given several times
    #[arg(long, value_name = "ADDR", value_parser = parse_endpoint)]
    pub listen: Vec<String>,
    /// Let everybody who reaches --listen see everything: another address than loopback needs it, or --zenoh
    #[arg(long)]
    pub public: bool,
}

impl LinkArgs {
    /// Whether any of them is.
    #[must_use]
    pub fn is_given(&self) -> bool {
        !self.connect.is_empty() || self.discover || self.zenoh.is_some()
    }

    /// The link of whoever only connects.
    ///
    /// # Errors
    /// Fails when the configuration is not there.
    pub fn link(&self) -> anyhow::Result<Link> {
        let mut link = self.with(&ListenArgs::default())?;
        if link.connect.is_empty() && link.zenoh.is_none() && !link.discover {
            link.connect.push(endpoint::LOCAL.to_owned());
        }
        Ok(link)
    }

    fn with(&self, listen: &ListenArgs) -> anyhow::Result<Link> {
        let open = listen.listen.iter().find(|address| !is_loopback(address));
        if let Some(address) = open
            && !listen.public
            && self.zenoh.is_none()
        {
            anyhow::bail!(
                "others can reach {address}: give --zenoh FILE with who may, or --public to let everybody see everything"
            );
        }
        if let Some(path) = &self.zenoh
            && !path.is_file()
        {
            anyhow::bail!("{} is no file", path.display());
        }
        let zenoh = self.zenoh.as_ref().map(std::path::absolute).transpose()?;
        Ok(Link {
            listen: listen.listen.clone(),
            connect: self.connect.clone(),
            discover: self.discover,
            zenoh,
        })
    }
}

/// Whether a link stays on this machine.
fn stays_here(link: &Link) -> bool {
    let mut all = link.listen.iter().chain(&link.connect);
    !link.discover && link.zenoh.is_none() && all.all(|address| is_loopback(address))
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

/// A far bus, and what it is called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    far: String,
    local: Option<BusName>,
}

fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let goes_on = |byte: u8| plain(byte) || byte == b'-' || byte == b'_';
    text.len() <= BusName::MAX_LEN
        && text.bytes().next().is_some_and(plain)
        && text.bytes().all(goes_on)
}

fn parse_host(text: &str) -> Result<String, String> {
    match is_plain(text) {
        true => Ok(text.to_owned()),
        false => Err("use 1 to 32 of a-z, 0-9, '_' and '-'".to_owned()),
    }
}

/// Reads HOST/BUS.
pub(super) fn parse_far(text: &str) -> Result<String, String> {
    let is_one = |part: &str| is_plain(part);
    match text.split_once('/') {
        Some((host, bus)) if is_one(host) && is_one(bus) => Ok(text.to_owned()),
        _ => Err(
            "is no HOST/BUS, such as box1/cam0; `framebus bridge ls` shows those there are"
                .to_owned(),
        ),
    }
}

fn parse_wanted(text: &str) -> Result<Wanted, String> {
    let (far, local) = match text.split_once('=') {
        Some((far, local)) => (far, Some(parse_bus(local)?)),
        None => (text, None),
    };
    let part = |part: &str| part == "*" || is_plain(part);
    match far.split_once('/') {
        Some((host, bus)) if part(host) && part(bus) => {}
        _ => return Err("is no HOST/BUS, such as box1/cam0 or 'box1/*'".to_owned()),
    }
    if far.contains('*') && local.is_some() {
        return Err("several buses cannot have one name".to_owned());
    }
    Ok(Wanted {
        far: far.to_owned(),
        local,
    })
}

fn parse_scale(text: &str) -> Result<u32, String> {
    let divisor = text.strip_prefix("1/").and_then(|n| n.parse().ok());
    divisor
        .filter(|n| (1..=64).contains(n))
        .ok_or_else(|| "is no scale: write 1/2, 1/3 or so, down to 1/64".to_owned())
}

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
                far: "*/*".to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_buses_are_read() {
        let wanted = parse_wanted("box1/cam0=left").expect("a bus");
        assert_eq!(wanted.far, "box1/cam0");
        assert_eq!(wanted.local.expect("a name").as_str(), "left");
        assert!(parse_wanted("*/*").is_ok());
        for text in [
            "cam0",
            "box1/",
            "Box/cam0",
            "box1/*=left",
            "box1/cam0=",
            "a/b/c",
        ] {
            assert!(parse_wanted(text).is_err(), "{text}");
        }
        assert_eq!(parse_scale("1/4"), Ok(4));
        for text in ["0.5", "2", "1/0", "1/65", "1/x"] {
            assert!(parse_scale(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_who_wants_it_is_open_to_everybody() {
        let link = LinkArgs::default();
        let listen = |text: &str, public| ListenArgs {
            listen: vec![parse_endpoint(text).expect("an address")],
            public,
        };
        let error = link.with(&listen("0.0.0.0", false)).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "others can reach tcp/0.0.0.0:7447: give --zenoh FILE with who may, or --public to let everybody see everything"
        );
        assert!(link.with(&listen("0.0.0.0", true)).is_ok());
        assert!(stays_here(
            &link.with(&listen("127.0.0.1", false)).expect("loopback")
        ));
        assert!(stays_here(&link.link().expect("the default")));
    }
}
