//! `framebus top`: a live view of a bus, read-only.

mod far;
mod remote;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::bridge::{LinkArgs, parse_far};
use super::config::{Background, Config};
use super::units::parse_duration;
use super::{choose_bus, parse_bus};
use crate::tui::{
    self, Options, Outcome, Protocol, Renderer, TextOptions, Theme, Wants, render_text,
};
use framebus::bus::{BusName, Observer};
use framebus::observe::{Baseline, BusState, Picture, Sampler, Snapshot, Thresholds};
use framebus::stop::Stop;
use framebus_tools::exit::{EXIT_NO_BUS, of_attach, stopped};
use framebus_tools::far_bus::FarBus;

/// Watch a bus: producer, slots, consumers and what the camera sees. Changes nothing
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TopArgs {
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Watch a bus of another machine, which `framebus bridge send` sends; a picture comes once a second
    #[arg(long, value_name = "HOST/BUS", value_parser = parse_far, conflicts_with = "bus")]
    pub remote: Option<FarBus>,
    #[command(flatten)]
    link: LinkArgs,
    /// Print one snapshot and end
    #[arg(long, conflicts_with = "count")]
    pub once: bool,
    /// Print one line of JSON per snapshot: until stopped, once with --once, or N times with -n
    #[arg(long)]
    pub json: bool,
    /// Time between snapshots, 100ms to 10s [default: 500ms]
    #[arg(short, long, value_name = "TIME", value_parser = parse_interval)]
    pub delay: Option<Duration>,
    /// End after this many snapshots
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Draw with ASCII only [default: when the locale is not UTF-8]
    #[arg(long)]
    pub ascii: bool,
    /// When to use colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,
    /// Colours for a dark or a light background [default: auto]
    #[arg(long, value_enum, value_name = "THEME")]
    pub theme: Option<Background>,
    /// How pictures are drawn; R changes it [default: quadrant; without colours braille; with --ascii ramp]
    #[arg(long, value_enum, value_name = "HOW")]
    pub pictures: Option<Pictures>,
    /// Directory of the files that the keys w and e write
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub directory: PathBuf,
}

const AFTER_HELP: &str = "\
Examples:
  framebus top
  framebus top -b cam1 -d 2s
  framebus top --remote box1/cam0 --connect box1
  framebus top --once --json | jq '.consumers[] | {index, fps, skipped}'
  framebus top --json -n 60 -d 1s >log.ndjson

Without a terminal (a pipe, a file, TERM=dumb), the tables are printed as text: once, or every \
TIME with -d, or N times with -n. Printing several times waits for a bus that does not exist yet, \
and says so each time.

Exit codes of --once and -n: 3 the last snapshot found no bus, 4 no permission to read it, \
5 another layout version.

Keys: ? shows them. Columns and findings: docs/top.md.";

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pictures {
    /// Four pixels a character, in two shades of gray or colours that suit them best
    Quadrant,
    /// Two pixels a character, in shades of gray or in colour
    HalfBlock,
    /// A character from dark to light: the fewest bytes
    Ramp,
    /// Eight dots a character
    Braille,
    /// The terminal's own pixels, as in xterm -ti vt340, foot, mlterm and WezTerm
    Sixel,
    /// The terminal's own pixels, as in kitty, Ghostty and Konsole
    Kitty,
}

/// How long a single look takes: rates need two moments.
const LOOK: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(10);
const SHORTEST: Duration = Duration::from_millis(100);

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval < SHORTEST || interval > LONGEST {
        return Err("is not between 100ms and 10s".to_owned());
    }
    Ok(interval)
}

/// Shows the view, or prints snapshots.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &TopArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let default = choose_bus(args.bus.as_ref(), config)?;
    let interval = args
        .delay
        .or(config.top.interval)
        .unwrap_or(LOOK)
        .clamp(SHORTEST, LONGEST);
    if let Some(far) = &args.remote {
        return far::main(args, far, interval, config);
    }
    if args.link.is_given() {
        anyhow::bail!(
            "--connect, --discover and --zenoh say how a bus of another machine is reached: give --remote HOST/BUS"
        );
    }
    if args.once || args.json || !has_screen() {
        return print(args, default, interval, config.top.findings.thresholds());
    }
    // Who names no bus sees one that runs, and all of them first where there are several.
    let is_named = args.bus.is_some()
        || std::env::var_os("FRAMEBUS_BUS").is_some_and(|name| !name.is_empty())
        || default != BusName::default();
    let running = if is_named {
        Vec::new()
    } else {
        Observer::buses()
    };
    let bus = match running.contains(&default) {
        false => running.first().cloned().unwrap_or(default),
        true => default,
    };
    view(args, &bus, running.len() > 1, interval, config)
}

/// Whether standard output is a terminal that can be drawn on; one that calls itself dumb knows no escape codes.
fn has_screen() -> bool {
    io::stdout().is_terminal() && !is_dumb()
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The live view.
fn view(
    args: &TopArgs,
    bus: &BusName,
    all_buses: bool,
    interval: Duration,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let mut buses = Buses::new(bus.clone(), config.top.findings.thresholds());
    show(args, bus.as_str(), all_buses, interval, config, &mut buses)
}

fn show(
    args: &TopArgs,
    bus: &str,
    all_buses: bool,
    interval: Duration,
    config: &Config,
    sampler: &mut dyn tui::Sampler,
) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let mut options = Options::detect(bus, |name| std::env::var(name).ok());
    options.all_buses = all_buses;
    options.interval = interval;
    options.samples = args.count;
    options.directory.clone_from(&args.directory);
    options.ascii |= args.ascii;
    let background = args.theme.or(config.top.theme).unwrap_or(Background::Auto);
    options.theme = match (args.color, background) {
        (Color::Never, _) => Theme::None,
        (Color::Auto, _) if options.theme == Theme::None => Theme::None,
        (_, Background::Light) => Theme::Light,
        (_, Background::Dark) => Theme::Dark,
        (Color::Always, Background::Auto) if options.theme == Theme::None => Theme::Dark,
        _ => options.theme,
    };
    options.asks_background &= background == Background::Auto && options.theme != Theme::None;
    options.renderer = match args.pictures {
        Some(Pictures::Quadrant) => Renderer::Quadrant,
        Some(Pictures::HalfBlock) => Renderer::HalfBlock,
        Some(Pictures::Ramp) => Renderer::Ramp,
        Some(Pictures::Braille) => Renderer::Braille,
        Some(Pictures::Sixel) => Renderer::Pixels(Protocol::Sixel),
        Some(Pictures::Kitty) => Renderer::Pixels(Protocol::Kitty),
        None if options.theme == Theme::None => Renderer::Braille,
        None => options.renderer,
    };
    Ok(match tui::run(sampler, &options, &stop)? {
        Outcome::Quit => ExitCode::SUCCESS,
        Outcome::Stopped | Outcome::HungUp => stopped(&stop),
    })
}

/// Snapshots on stdout: one, `--count` of them, or until somebody asks to stop.
fn print(
    args: &TopArgs,
    bus: BusName,
    interval: Duration,
    thresholds: Thresholds,
) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let count = snapshots(args);
    let baseline = if count == Some(1) {
        Baseline::Start
    } else {
        Baseline::FirstLook
    };
    let mut sampler = Sampler::new(bus.clone(), baseline, thresholds);
    // The first moment has no rates.
    let _ = sampler.sample(false);
    let repeated = count != Some(1) || args.count.is_some();
    let pause = if repeated { interval } else { LOOK };
    let mut printed = 0;
    let mut state = BusState::Absent;
    while count.is_none_or(|count| printed < count) {
        if stop.sleep(pause) {
            return Ok(stopped(&stop));
        }
        let snapshot = sampler.sample(false);
        state = snapshot.state;
        write(args, &snapshot)?;
        printed += 1;
    }
    Ok(verdict(&bus, state))
}

/// How many snapshots are printed; `None` is until somebody asks to stop.
fn snapshots(args: &TopArgs) -> Option<u64> {
    match args.count {
        _ if args.once => Some(1),
        None if !args.json && args.delay.is_none() => Some(1),
        count => count,
    }
}

/// The exit code: whether there was a bus to look at, and whether it could be read.
fn verdict(bus: &BusName, state: BusState) -> ExitCode {
    match state {
        BusState::Absent | BusState::Starting => ExitCode::from(EXIT_NO_BUS),
        // The snapshot has the sentence; the error its kind.
        BusState::Unreadable => match Observer::open(bus) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => ExitCode::from(of_attach(&error)),
        },
        _ => ExitCode::SUCCESS,
    }
}

fn write(args: &TopArgs, snapshot: &Snapshot) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut stdout, snapshot).map_err(io::Error::from)?;
        stdout.write_all(b"\n")?;
    } else {
        stdout.write_all(render_text(snapshot, text_options(args)).as_bytes())?;
    }
    stdout.flush()?;
    Ok(())
}

fn text_options(args: &TopArgs) -> TextOptions {
    let variable = |name: &str| std::env::var(name).ok();
    let terminal = io::stdout().is_terminal();
    let plain = is_dumb();
    let no_color = variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let width = terminal
        .then(|| crossterm::terminal::size().ok())
        .flatten()
        .map(|(columns, _)| usize::from(columns));
    TextOptions {
        width: width.unwrap_or(TEXT_WIDTH),
        ascii: args.ascii || !tui::supports_utf8(variable),
        colour: match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !no_color && !plain,
        },
    }
}

/// Columns of the text where there is no terminal.
const TEXT_WIDTH: usize = 120;

/// The buses of this machine for the view.
struct Buses {
    first: BusName,
    thresholds: Thresholds,
    samplers: BTreeMap<String, Sampler>,
}

impl Buses {
    fn new(first: BusName, thresholds: Thresholds) -> Buses {
        Buses {
            first,
            thresholds,
            samplers: BTreeMap::new(),
        }
    }

    fn sampler(&mut self, bus: &str) -> &mut Sampler {
        let name = bus.parse().unwrap_or_else(|_| self.first.clone());
        let thresholds = self.thresholds;
        self.samplers
            .entry(bus.to_owned())
            .or_insert_with(|| Sampler::new(name, Baseline::FirstLook, thresholds))
    }
}

impl tui::Sampler for Buses {
    fn buses(&mut self) -> Vec<String> {
        let mut buses: Vec<String> = Observer::buses().iter().map(ToString::to_string).collect();
        if !buses.iter().any(|bus| bus == self.first.as_str()) {
            buses.insert(0, self.first.to_string());
        }
        buses
    }

    fn sample(&mut self, bus: &str) -> Snapshot {
        self.sampler(bus).sample(false)
    }

    fn glance(&mut self, bus: &str) -> Snapshot {
        self.sampler(bus).glance()
    }

    fn pictures(&mut self, bus: &str, wants: Wants) -> Vec<Picture> {
        let sampler = self.sampler(bus);
        match wants {
            Wants::Latest => sampler.picture(None).into_iter().collect(),
            Wants::Sampled => sampler.sampled_picture().into_iter().collect(),
            Wants::Slot(slot) => sampler.picture(Some(slot)).into_iter().collect(),
            Wants::Coloured(slot) => sampler.picture_in_colour(slot).into_iter().collect(),
            Wants::EverySlot => sampler.pictures(),
        }
    }
}
