//! `framebus peek`: one frame, or all of them in windows, read-only, without taking a consumer index.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::config::Config;
use super::{choose_bus, parse_bus, print};
use crate::sink::{Encoding, Output, Pixels, Target, encode, replace_file};
use crate::tui::{self, PictureOptions, Theme, render_picture};
use framebus::bus::{BusName, CopyError, FrameCopy, Observer};
use framebus::convert::{bgr_to_gray, gray_of};
use framebus::layout::Geometry;
use framebus::observe::Picture;
use framebus::stop::Stop;
use framebus_tools::exit::EXIT_NO;
use framebus_tools::job::{Job, Task, Watching};

/// Look at one frame, read-only, without taking a consumer index
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct PeekArgs {
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Write the image to a file, or to stdout (-) [default: draw it on a terminal, else PNG to stdout]
    #[arg(short, long, value_name = "FILE|-")]
    pub output: Option<PathBuf>,
    /// Format of the image [default: from the file name, else png]
    #[arg(long, value_enum)]
    pub format: Option<ImageFormat>,
    /// Draw the image with characters, even if stdout is not a terminal
    #[arg(long, conflicts_with_all = ["output", "format"])]
    pub draw: bool,
    /// Take the frame in this slot instead of the newest
    #[arg(long, value_name = "N")]
    pub slot: Option<u8>,
    /// Take the BGR image instead of the gray one
    #[arg(long)]
    pub bgr: bool,
    /// When to draw in colours
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub color: When,
    /// Show the BGR image and every slot in live windows, until a window is closed, q is pressed or the producer is gone
    #[arg(long, conflicts_with_all = ["output", "format", "draw", "slot", "bgr", "color"])]
    pub show: bool,
}

/// What a single image is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// PNG
    Png,
    /// PGM; PPM with --bgr
    Pgm,
    /// JPEG
    Jpeg,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

const AFTER_HELP: &str = "\
Examples:
  framebus peek
  framebus peek -o now.png
  framebus peek --bgr -o - --format pgm > now.ppm
  framebus peek --slot 2 -b cam1 -o slot2.pgm
  framebus peek --show";

/// Columns and rows where there is no terminal to ask.
const NO_TERMINAL: (u16, u16) = (80, 24);

/// Copies a frame and writes or draws it.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &PeekArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let bus = choose_bus(args.bus.as_ref(), config)?;
    if args.show {
        let of_producer = None;
        let watching = Watching { bus, of_producer };
        return Err(Job::new(Task::Watch(watching)).hand_over("--show"));
    }
    let observer = Observer::open(&bus)?;
    if !observer.has_producer() {
        tracing::warn!("the producer of bus {bus} has exited: this is the last frame it left");
    }
    let mut image = Vec::new();
    let copy = match copy(&observer, args, &mut image) {
        Ok(copy) => copy,
        Err(CopyError::NoImage) if args.bgr => anyhow::bail!(
            "bus {bus} keeps no BGR image: its source has no colour; produce from one that has, or leave out --bgr"
        ),
        Err(error) => {
            let slot = args
                .slot
                .map_or(String::new(), |slot| format!(" slot {slot}:"));
            tracing::error!("bus {bus}:{slot} {error}");
            return Ok(ExitCode::from(EXIT_NO));
        }
    };
    let (copy, geometry) = copy;
    tracing::debug!("sequence {}, slot {}", copy.sequence, copy.slot);
    let to_terminal = args.output.is_none() && args.format.is_none() && stdout().is_terminal();
    if args.draw || to_terminal {
        let picture = picture(geometry, &copy, image, args.bgr);
        print(&render_picture(&picture, args.on_terminal()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let pixels = if args.bgr {
        Pixels::Bgr(&image)
    } else {
        Pixels::Gray(&image)
    };
    let mut bytes = Vec::new();
    encode(args.encoding()?, geometry, pixels, &mut bytes)?;
    let output = args.output.clone().unwrap_or_else(|| "-".into());
    match Target::from(output) {
        Target::File(path) if path.metadata().map_or(true, |file| file.is_file()) => {
            replace_file(&path, &bytes)?;
        }
        target => {
            let stop = Stop::on_signals()?;
            let mut output = match &target {
                Target::Stdout => Output::stdout(&stop)?,
                Target::File(path) => Output::file(path, &stop)?,
            };
            output.refuse_terminal("an image")?;
            output.write_frame(&[&bytes])?;
            output.finish()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Copies an image; returns its size, too.
fn copy(
    observer: &Observer,
    args: &PeekArgs,
    image: &mut Vec<u8>,
) -> Result<(FrameCopy, Geometry), CopyError> {
    if args
        .slot
        .is_some_and(|slot| slot >= observer.layout().slots)
    {
        return Err(CopyError::NoSlot);
    }
    let layout = observer.layout();
    let plane = if args.bgr {
        layout.best_bgr()
    } else {
        layout.best_for_gray()
    };
    let plane = plane.ok_or(CopyError::NoImage)?;
    let copy = match args.slot {
        Some(slot) => observer.copy_slot(plane, slot, image),
        None => observer.copy_latest(plane, image),
    }?;
    if !args.bgr {
        *image = gray_of(plane, image).ok_or(CopyError::NoImage)?;
    }
    Ok((copy, plane.size().unwrap_or(layout.geometry)))
}

/// What was copied, as `top` draws it.
fn picture(geometry: Geometry, copy: &FrameCopy, image: Vec<u8>, is_bgr: bool) -> Picture {
    let (gray, bgr) = if is_bgr {
        let mut gray = vec![0; image.len() / 3];
        bgr_to_gray(&image, &mut gray);
        (gray, Some(image))
    } else {
        (image, None)
    };
    Picture {
        width: geometry.width,
        height: geometry.height,
        slot: copy.slot,
        sequence: copy.sequence,
        gray,
        bgr,
        metadata: Vec::new(),
    }
}

impl PeekArgs {
    /// How a picture is drawn on the terminal that there is.
    fn on_terminal(&self) -> PictureOptions {
        let (columns, rows) = terminal_size();
        let terminal = tui::Options::detect("", |name| std::env::var(name).ok());
        PictureOptions {
            columns,
            // The last row stays for the prompt.
            rows: rows.saturating_sub(1).max(1),
            colour: self.color.is_on(),
            true_colour: terminal.true_colour,
            light: terminal.theme == Theme::Light,
        }
    }

    fn encoding(&self) -> anyhow::Result<Encoding> {
        let format = match (self.format, &self.output) {
            (Some(format), _) => format,
            (None, Some(path)) => {
                let end = path
                    .extension()
                    .and_then(|end| end.to_str())
                    .unwrap_or("png");
                match end.to_ascii_lowercase().as_str() {
                    "png" => ImageFormat::Png,
                    "pgm" | "ppm" => ImageFormat::Pgm,
                    "jpg" | "jpeg" => ImageFormat::Jpeg,
                    _ => anyhow::bail!(
                        "the name {} says no image format: give --format png, pgm or jpeg",
                        path.display()
                    ),
                }
            }
            (None, None) => ImageFormat::Png,
        };
        Ok(match format {
            ImageFormat::Png => Encoding::Png,
            ImageFormat::Pgm => Encoding::Pgm,
            ImageFormat::Jpeg => Encoding::Jpeg,
        })
    }
}

impl When {
    fn is_on(self) -> bool {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        match self {
            When::Always => true,
            When::Never => false,
            When::Auto => stdout().is_terminal() && !no_color,
        }
    }
}

fn terminal_size() -> (u16, u16) {
    let size = crate::system::terminal_size();
    let size = size.filter(|(columns, rows)| *columns > 0 && *rows > 1);
    size.unwrap_or(NO_TERMINAL)
}
