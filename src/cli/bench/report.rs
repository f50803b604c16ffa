//! The figures as text and as JSON.

use std::fmt::Write as _;
use std::thread::available_parallelism;

use serde::Serialize;

use super::BenchArgs;
use super::run::{Busy, Figures};
use crate::measure::{Outcome, Spread, paired, percentile};
use framebus::observe::SCHEMA;

/// The whole of `--json`; keys are added, never renamed. What a run has not found out is null.
#[derive(Debug, Serialize)]
struct Report {
    schema: u32,
    framebus: &'static str,
    cores: Option<usize>,
    width: u32,
    height: u32,
    fps: u32,
    consumers: u8,
    rounds: u16,
    duration_ms: f64,
    wake: Wake,
    wake_cpu: WakeCpu,
    frame: Frame,
    convert: Convert,
    throughput: Throughput,
}

/// From sent to taken, at the pace; without pixels.
#[derive(Debug, Serialize)]
struct Wake {
    bus_us: Spread,
    eventfd_us: Spread,
    ratio: Spread,
    bus_p99_us: f64,
    eventfd_p99_us: f64,
}

/// The producer's processor time a frame, at the pace; without pixels.
#[derive(Debug, Serialize)]
struct WakeCpu {
    bus_us: Spread,
    eventfd_us: Spread,
    ratio: Spread,
}

/// A frame that is converted, published and taken, at the pace.
#[derive(Debug, Serialize)]
struct Frame {
    cpu_us: Spread,
    convert_cpu_us: Spread,
    ratio: Spread,
    core_percent: f64,
    latency_us: Spread,
}

/// The conversion without pauses: processor time.
#[derive(Debug, Serialize)]
struct Convert {
    gray_us: Spread,
    memory_us: Spread,
    ratio: Spread,
}

/// Frames converted and published without pauses.
#[derive(Debug, Serialize)]
struct Throughput {
    bus_fps: Spread,
    convert_fps: Spread,
    ratio: Spread,
    taken_percent: f64,
}

fn micros(nanos: &[f64]) -> Spread {
    Spread::from(nanos.iter().map(|nanos| nanos / 1e3).collect::<Vec<_>>())
}

fn ratio(one: &[f64], other: &[f64]) -> Spread {
    Spread::from(paired(one, other))
}

fn p99_us(outcome: &Outcome) -> f64 {
    percentile(outcome.all_ns.clone(), 99.0) / 1e3
}

impl Report {
    fn of(args: &BenchArgs, figures: &Figures) -> Report {
        let Figures {
            nobody,
            eventfd,
            bus,
            convert,
            frame,
            ..
        } = figures;
        // What measuring costs is taken off, turn by turn.
        let own = |outcome: &Outcome| outcome.own_cpu_ns(nobody);
        let cpu = |turns: &[Busy]| turns.iter().map(|turn| turn.cpu_ns).collect::<Vec<_>>();
        let fps = |turns: &[Busy]| turns.iter().map(|turn| turn.fps).collect::<Vec<_>>();
        let (gray, memory) = (cpu(&figures.busy_convert), cpu(&figures.busy_memory));
        let (bus_fps, convert_fps) = (fps(&figures.busy_frame), fps(&figures.busy_convert));
        let frame_cpu_us = micros(&own(frame));
        Report {
            schema: SCHEMA,
            framebus: env!("CARGO_PKG_VERSION"),
            cores: available_parallelism().ok().map(usize::from),
            width: args.size.width,
            height: args.size.height,
            fps: args.fps,
            consumers: args.consumers,
            rounds: args.rounds,
            duration_ms: args.duration.as_secs_f64() * 1e3,
            wake: Wake {
                bus_us: micros(&bus.p50_ns),
                eventfd_us: micros(&eventfd.p50_ns),
                ratio: ratio(&bus.p50_ns, &eventfd.p50_ns),
                bus_p99_us: p99_us(bus),
                eventfd_p99_us: p99_us(eventfd),
            },
            wake_cpu: WakeCpu {
                bus_us: micros(&own(bus)),
                eventfd_us: micros(&own(eventfd)),
                ratio: ratio(&own(bus), &own(eventfd)),
            },
            frame: Frame {
                cpu_us: frame_cpu_us,
                convert_cpu_us: micros(&own(convert)),
                ratio: ratio(&own(frame), &own(convert)),
                core_percent: frame_cpu_us.median * f64::from(args.fps) / 1e4,
                latency_us: micros(&frame.p50_ns),
            },
            convert: Convert {
                gray_us: micros(&gray),
                memory_us: micros(&memory),
                ratio: ratio(&gray, &memory),
            },
            throughput: Throughput {
                ratio: ratio(&bus_fps, &convert_fps),
                bus_fps: Spread::from(bus_fps),
                convert_fps: Spread::from(convert_fps),
                taken_percent: figures.taken * 100.0,
            },
        }
    }
}

/// One object, on one line.
pub(super) fn json(args: &BenchArgs, figures: &Figures) -> anyhow::Result<String> {
    let text = serde_json::to_string(&Report::of(args, figures))?;
    Ok(format!("{text}\n"))
}

/// Tables for a person, in 80 columns.
pub(super) fn text(args: &BenchArgs, figures: &Figures) -> String {
    let Report {
        cores,
        wake,
        wake_cpu,
        frame,
        convert,
        throughput,
        ..
    } = Report::of(args, figures);
    let cores = cores.map_or(String::new(), |cores| format!(", cores: {cores}"));
    let mut table = Table(format!(
        "framebus {}: {} at {} fps, consumers: {}{cores}\n\
         Medians of {}; in brackets the rounds with the least and the most.\n",
        env!("CARGO_PKG_VERSION"),
        args.size,
        args.fps,
        args.consumers,
        match args.rounds {
            1 => "1 round".to_owned(),
            rounds => format!("{rounds} rounds"),
        },
    ));
    table.part("From publish until a consumer has the frame");
    table.row("framebus", wake.bus_us, "us");
    table.row("bare: an eventfd for each consumer", wake.eventfd_us, "us");
    table.row("framebus / bare", wake.ratio, "x");
    let (bus, bare) = (wake.bus_p99_us, wake.eventfd_p99_us);
    table.line(
        "99 of 100 frames within",
        bus,
        "us",
        &format!("(bare: {bare:.1})"),
    );

    table.part("The producer's own CPU a frame, without pixels: claim, publish, wake");
    table.row("framebus", wake_cpu.bus_us, "us");
    table.row("bare: a write to each eventfd", wake_cpu.eventfd_us, "us");
    table.row("framebus / bare", wake_cpu.ratio, "x");

    table.part("A whole frame at that pace: BGR to gray into the bus, publish, wake");
    table.row("the producer's CPU", frame.cpu_us, "us");
    table.row("bare: the conversion alone", frame.convert_cpu_us, "us");
    table.row("framebus / bare", frame.ratio, "x");
    table.line(
        "the producer's load",
        frame.core_percent,
        "%",
        "of one core",
    );
    table.row(
        "from capture until a consumer has it",
        frame.latency_us,
        "us",
    );

    table.part("Without pauses");
    table.row("BGR to gray", convert.gray_us, "us");
    table.row("bare: reading and writing as much", convert.memory_us, "us");
    table.row("BGR to gray / bare", convert.ratio, "x");
    table.row("frames converted and published", throughput.bus_fps, "fps");
    table.row("bare: the conversion alone", throughput.convert_fps, "fps");
    table.row("framebus / bare", throughput.ratio, "x");
    let taken = throughput.taken_percent;
    table.line("taken by a consumer", taken, "%", "of these frames");
    table.0
}

struct Table(String);

impl Table {
    fn part(&mut self, title: &str) {
        let _ = writeln!(self.0, "\n{title}");
    }

    fn row(&mut self, what: &str, spread: Spread, unit: &str) {
        let decimals = decimals(unit);
        let note = format!(
            "({:.decimals$} to {:.decimals$})",
            spread.least, spread.most
        );
        self.line(what, spread.median, unit, &note);
    }

    fn line(&mut self, what: &str, value: f64, unit: &str, note: &str) {
        let decimals = decimals(unit);
        let _ = writeln!(self.0, "  {what:<38}{value:>10.decimals$} {unit:<5}{note}");
    }
}

fn decimals(unit: &str) -> usize {
    match unit {
        "x" => 2,
        "fps" => 0,
        _ => 1,
    }
}
