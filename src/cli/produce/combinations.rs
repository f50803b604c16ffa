//! Settings of which each is right and which are impossible together.

use anyhow::bail;

use super::super::camera_words::Backend;
use super::super::config::{Config, Place, too_many_slots};
use super::camera::{is_camera, is_http, is_native};
use super::{GrayFrom, ProduceArgs};
use crate::source::RawFormat;
use framebus::layout::Format;
use framebus::source::SourceSpec;

/// How many consumers can attach, where nobody says.
const DEFAULT_CONSUMERS: u8 = 4;
/// What the group may do, of a mode.
const GROUP: u32 = 0o070;

/// Refuses what means nothing for the source or cannot be; says where it was set: `flags` is what the command line has,
/// `merged` what holds.
pub(super) fn check(
    flags: &ProduceArgs,
    merged: &ProduceArgs,
    spec: &SourceSpec,
    config: &Config,
) -> anyhow::Result<()> {
    check_flags(merged, spec)?;
    let place = |key: &str, by_flag: bool| match (&merged.bus, by_flag) {
        (Some(bus), false) => config.place(bus.as_str(), key),
        _ => Place::flag(&format!("--{key}")),
    };
    if flags.range.is_some() {
        check_range(merged, spec)?;
    }
    if let Some(why) = spec.cannot_start_again().filter(|_| merged.looped) {
        bail!(
            "{} is for files: {why} cannot start again",
            place("loop", flags.looped)
        );
    }
    let is_gray = |format| matches!(format, RawFormat::Gray | RawFormat::Gray16le);
    if merged.color && merged.format.is_some_and(is_gray) {
        bail!(
            "{} needs a source that gives colours: --format gray and gray16le have none",
            match flags.planes {
                Some(_) => Place::flag("--planes"),
                None => place("color", flags.color),
            }
        );
    }
    if let (Some(pixels), Some(size)) = (merged.format, merged.size)
        && let format = pixels.format()
        && !format.fits(size)
    {
        let rows = if format == Format::YUYV {
            ""
        } else {
            " and height"
        };
        bail!(
            "{}: {format} frames have an even width{rows}, not {size}",
            place("size", flags.size.is_some())
        );
    }
    if let (Some(most), Some(history)) = (merged.consumers, merged.history)
        && let Some(why) = too_many_slots(most, history)
    {
        let consumers = place("consumers", flags.consumers.is_some());
        bail!(
            "{}: {why}",
            place("history", flags.history.is_some()).nearer(consumers)
        );
    }
    if let (Some(_), Some(mode)) = (merged.group, merged.mode)
        && mode & GROUP == 0
    {
        let (group, mode_by) = (
            place("group", flags.group.is_some()),
            place("mode", flags.mode.is_some()),
        );
        bail!(
            "{}: the mode {mode:04o} lets no group attach; 0660 does",
            group.nearer(mode_by)
        );
    }
    Ok(())
}

/// Refuses a range for what has none. One of the configuration is for the sources that have.
fn check_range(merged: &ProduceArgs, spec: &SourceSpec) -> anyhow::Result<()> {
    if *spec == SourceSpec::Pattern {
        bail!("--range is for video: the pattern is full range");
    }
    let without = [
        RawFormat::Bgr,
        RawFormat::Rgb,
        RawFormat::Bgra,
        RawFormat::Rgba,
        RawFormat::Gray16le,
    ];
    if merged
        .format
        .is_some_and(|format| without.contains(&format))
    {
        bail!("--range is about luma: --format bgr, rgb, bgra, rgba and gray16le have none");
    }
    Ok(())
}

/// Refuses flags that no configuration has a part in.
fn check_flags(args: &ProduceArgs, spec: &SourceSpec) -> anyhow::Result<()> {
    let stdin = *spec == SourceSpec::Stdin;
    let recording = matches!(spec, SourceSpec::Recording(_));
    let has_parts = matches!(spec, SourceSpec::Recording(_) | SourceSpec::File(_));
    if (args.start.is_some() || args.end.is_some()) && !has_parts {
        bail!("--start and --end are for video files and recordings");
    }
    if let (Some(start), Some(end)) = (args.start, args.end)
        && start >= end
    {
        bail!("--start is not before --end: nothing would be published");
    }
    if let Some(why) = spec.cannot_wait().filter(|_| args.lockstep) {
        bail!(
            "--lockstep is for sources that can wait: {why} goes on, and its frames would be lost"
        );
    }
    let most = args.consumers.unwrap_or(DEFAULT_CONSUMERS);
    let awaited = args
        .awaited()
        .map_or(0, |awaited| awaited.count.max(awaited.names.len()));
    if awaited > most.into() {
        bail!("{awaited} consumers are waited for, and {most} can attach: raise --consumers");
    }
    if args.wait_for.iter().any(|name| name.trim().is_empty()) {
        bail!("--wait-for has an empty name: give names such as detector,recorder");
    }
    if args.wait_timeout.is_some() && awaited == 0 {
        bail!(
            "--wait-timeout says how long consumers are waited for: use it with --wait-consumers or --wait-for"
        );
    }
    if args.ca.is_some() && !is_http(spec) {
        bail!("--ca is for an https:// URL");
    }
    if args.ca.is_some() && args.backend == Some(Backend::Opencv) {
        bail!("--ca is for what framebus reads itself: leave out --backend opencv");
    }
    let is_decoded =
        matches!(spec, SourceSpec::File(_) | SourceSpec::Url(_)) && !is_native(args, spec);
    if args.gray != GrayFrom::Auto && !is_decoded {
        bail!(
            "--gray is for video files and streams that FFmpeg decodes: gray of other sources is made in one way"
        );
    }
    if args.fourcc.is_some() && !is_camera(spec) {
        bail!("--fourcc is for a camera");
    }
    if !args.settings.is_empty() && !is_camera(spec) {
        bail!("--set is for a camera: other sources have no controls");
    }
    if args.backend == Some(Backend::Opencv) && is_camera(spec) {
        if args.fourcc.is_some() {
            bail!("--fourcc is for cameras that framebus reads itself: leave out --backend opencv");
        }
        if !args.settings.is_empty() {
            bail!("--set is for cameras that framebus reads itself: leave out --backend opencv");
        }
    }
    if args.speed.is_some() && !recording {
        bail!("--speed is for a recording (a .y4m file): use --fps for other sources");
    }
    if args.size.is_some() && recording {
        bail!("a recording has a size of its own: leave out --size");
    }
    if args.format.is_some() && !stdin {
        bail!("--format is for raw frames on stdin: use it with the source '-'");
    }
    if args.format.is_some() && args.size.is_none() {
        bail!("raw frames on stdin have no size of their own: give one with --size WxH");
    }
    if stdin && args.format.is_none() && args.size.is_some() {
        bail!(
            "Y4M on stdin has a size of its own: for raw frames give a --format, such as bgr or nv12, with --size"
        );
    }
    Ok(())
}
