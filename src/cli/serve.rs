//! `framebus serve`: the cameras and the buses in a browser, and at the addresses that programs know.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::config::Config;
use super::metrics::{Look, render};
use super::units::parse_duration;
use super::{choose_bus, parse_bus};
use crate::serve::{Gate, Settings, read_token, serve};
use framebus::bus::BusName;
use framebus::clock::deadline_ns;
use framebus::stop::Stop;
use framebus_tools::exit::stopped;

/// Show the cameras and the buses in a browser: a page, MJPEG streams, snapshots, JSON
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    /// Only this bus; may be given several times [default: all]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Vec<BusName>,
    /// Answer at this address [default: serve.listen of the configuration, else 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Ask everybody for the token in the first line of this file: as Bearer, as password of any user, or as ?token=
    #[arg(long, value_name = "FILE", conflicts_with = "public")]
    pub token_file: Option<PathBuf>,
    /// Let everybody who reaches the address see everything
    #[arg(long)]
    pub public: bool,
    /// Another name of this server, as behind a proxy; may be given several times [default: localhost, this machine's name,
    /// and every numeric address]
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Pages of this address may show what is here, such as `http://octopi.local`; may be given several times
    #[arg(long, value_name = "URL", value_parser = parse_origin)]
    pub origin: Vec<String>,
    /// Clients at a time
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub max_clients: u16,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
}

const AFTER_HELP: &str = "\
Addresses:
  /                          the page: pictures, slots, consumers and findings of all buses
  /stream.mjpg /stream       MJPEG; with ?fps=5&width=320&quality=60&color=1
  /snapshot.jpg /snapshot    one picture; the same without fps
  /?action=stream|snapshot   the same, as mjpg-streamer has them
  /buses/NAME/…              the same of one of several buses; slots/N.jpg is the picture in a slot
  /api/buses /api/buses/NAME what `framebus top --json` prints; /events sends it again and again
  /metrics /healthz          for Prometheus; findings as `framebus check` has them, with 200 or 503

It only observes: it takes no consumer index and no lease, and a request can change nothing. \
While nobody watches, no frame is read. Another address than loopback needs --token-file or --public.

Examples:
  framebus serve
  framebus serve -b cam0 -b cam1 --listen 127.0.0.1:8081
  framebus serve --listen 0.0.0.0:8080 --token-file ~/.config/framebus/token";

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
const INTERVAL: Duration = Duration::from_millis(500);

fn parse_origin(text: &str) -> Result<String, String> {
    let hint = "is no address of a page, such as http://octopi.local";
    let (scheme, host) = text.split_once("://").ok_or(hint)?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
    if !matches!(scheme, "http" | "https") || host.is_empty() || !host.chars().all(plain) {
        return Err(hint.to_owned());
    }
    Ok(text.to_owned())
}

/// Answers until somebody asks to stop.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ServeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let address = args.listen.or(config.serve.listen).unwrap_or(LISTEN);
    let token_file = args.token_file.clone().or_else(|| {
        let configured = config.serve.token_file.as_ref().map(PathBuf::from);
        // The flag says otherwise.
        configured.filter(|_| !args.public)
    });
    let public = args.public || config.serve.public.unwrap_or(false);
    if !address.ip().is_loopback() && token_file.is_none() && !public {
        anyhow::bail!(
            "others can reach {address}: give --token-file FILE, or --public to let everybody see everything"
        );
    }
    let token = token_file.as_deref().map(read_token).transpose()?;
    let mut hosts = args.host.clone();
    let configured = config.serve.hosts.as_deref().unwrap_or("");
    hosts.extend(configured.split_whitespace().map(str::to_owned));
    let mut look = Look::of(args.bus.clone());
    let stop = Stop::on_signals()?;
    let with_token = token.is_some();
    let settings = Settings {
        address,
        only: args.bus.clone(),
        preferred: choose_bus(None, config)?,
        gate: Gate::new(&hosts, &args.origin, token),
        max_clients: args.max_clients.into(),
        interval: config.top.interval.unwrap_or(INTERVAL),
        thresholds: config.top.findings.thresholds(),
        metrics: Box::new(move || render(&look.snapshots())),
        end_ns: deadline_ns(args.duration),
    };
    let ready = |address| {
        let hint = if with_token { ", with the token" } else { "" };
        tracing::info!("page at http://{address}/{hint}");
    };
    serve(settings, ready, &stop).with_context(|| format!("cannot serve at {address}"))?;
    Ok(stopped(&stop))
}
