//! Against OpenCV: the gray conversion, and a whole frame with eight consumers, on one thread.
//!
//! `bin/bench` runs it after the benchmark of the bus, with the same words and the same rules.

mod cameras;
#[path = "../../../benches/bus/figures.rs"]
mod figures;
#[path = "../../../benches/bus/pixels.rs"]
mod pixels;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use framebus::bus::{BusName, Producer, ProducerOptions};
use framebus::convert::bgr_to_gray;
use framebus::layout::{Geometry, TriggerKind};
use framebus::stop::Stop;
use framebus_cli::measure::{
    Hand, Program, Role, asked_to_end, bus_name, cpu_of, median, picture, play, publish, supervise,
};
use opencv::core::{CV_8UC1, CV_8UC3, Mat, set_num_threads};
use opencv::imgproc::{COLOR_BGR2GRAY, cvt_color};
use opencv::prelude::*;

use figures::Report;
use pixels::{FULL_HD, VGA};

/// Consumers of the whole frame.
const CONSUMERS: u8 = 8;
/// The pace of the whole frame.
const PACE: Duration = Duration::from_millis(33);

fn main() -> io::Result<ExitCode> {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let cameras_alone = std::env::args().any(|argument| argument == "cameras");
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref().and_then(Role::of) {
        Some(role) => play(&role, &arguments.collect::<Vec<_>>(), || {
            run(quick, cameras_alone)
        }),
        None => supervise(std::env::args_os().skip(1)),
    }
}

fn run(quick: bool, cameras_alone: bool) -> io::Result<ExitCode> {
    let often = |few: u32, many: u32| if quick { few } else { many };
    let stop = asked_to_end()?;
    let mut report = Report::default();
    set_num_threads(1).map_err(io::Error::other)?;
    if !cameras_alone {
        report.part("Gray conversion, one thread, against OpenCV's BGR2GRAY");
        for (geometry, aim) in [(VGA, 0.65), (FULL_HD, 0.75)] {
            conversion(geometry, aim, often(60, 500), &mut report, &stop)?;
        }
        report.part("The producer's whole frame, 1080p, eight consumers, 30 fps: convert, claim, publish, notify");
        whole_frame(often(60, 400), &mut report, &stop)?;
    }
    report.part("A camera's frame, from its buffer to published, against OpenCV's way to gray: to BGR, then to gray");
    for geometry in [VGA, FULL_HD] {
        cameras::measure(geometry, often(40, 300), &mut report, &stop)?;
    }
    if !stop.is_set() {
        report.end();
    }
    Ok(ExitCode::SUCCESS)
}

/// OpenCV's conversion, into an image of its own.
struct OpenCv {
    bgr: Mat,
    gray: Mat,
}

impl OpenCv {
    fn new(geometry: Geometry, bgr: &[u8]) -> io::Result<OpenCv> {
        let (rows, columns) = (geometry.height.cast_signed(), geometry.width.cast_signed());
        let whole = |kind| Mat::new_rows_cols_with_default(rows, columns, kind, 0.into());
        let mut own = OpenCv {
            bgr: whole(CV_8UC3).map_err(io::Error::other)?,
            gray: whole(CV_8UC1).map_err(io::Error::other)?,
        };
        own.bgr
            .data_bytes_mut()
            .map_err(io::Error::other)?
            .copy_from_slice(bgr);
        Ok(own)
    }

    fn convert(&mut self) -> io::Result<()> {
        cvt_color(&self.bgr, &mut self.gray, COLOR_BGR2GRAY, 0).map_err(io::Error::other)
    }
}

fn conversion(
    geometry: Geometry,
    aim: f64,
    rounds: u32,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    let bgr = picture(geometry);
    let mut gray = vec![1; geometry.gray_len()];
    let mut opencv = OpenCv::new(geometry, &bgr)?;
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        if stop.is_set() {
            return Ok(());
        }
        let (own_ns, ()) = cpu_of(|| bgr_to_gray(&bgr, &mut gray));
        let (opencv_ns, result) = cpu_of(|| opencv.convert());
        result?;
        ratios.push(own_ns / opencv_ns);
    }
    let theirs = opencv.gray.data_bytes().map_err(io::Error::other)?;
    let different = gray
        .iter()
        .zip(theirs)
        .filter(|(own, theirs)| own != theirs);
    let different = different.count() as f64;
    report.ratio(
        &format!("BGR to gray, {geometry}"),
        median(ratios),
        "OpenCV",
        Some(aim),
    );
    report.value(
        &format!("BGR to gray, {geometry}: differ"),
        different,
        "pixels",
        Some(0.0),
    );
    Ok(())
}

fn whole_frame(rounds: u32, report: &mut Report, stop: &Stop) -> io::Result<()> {
    let bus: BusName = format!("{}-gray", bus_name()?)
        .parse()
        .map_err(io::Error::other)?;
    let options = ProducerOptions::new(bus.clone(), FULL_HD).consumers(CONSUMERS);
    let mut producer = Producer::create(options).map_err(io::Error::other)?;
    let program = Program::this()?;
    let crew = (0..CONSUMERS)
        .map(|index| Hand::consumer(&program, &bus, index, TriggerKind::Eventfd))
        .collect::<io::Result<Vec<_>>>()?;
    let bgr = picture(FULL_HD);
    let mut opencv = OpenCv::new(FULL_HD, &bgr)?;
    let mut ratios = Vec::new();
    for round in 0..rounds {
        if stop.sleep(PACE) {
            break;
        }
        // Whoever comes first finds what the pause has left of the caches.
        let mut own_ns = 0.0;
        if round % 2 == 0 {
            own_ns = cpu_of(|| publish(&mut producer, &bgr)).0;
            if stop.sleep(PACE) {
                break;
            }
        }
        let (opencv_ns, result) = cpu_of(|| opencv.convert());
        result?;
        if round % 2 == 1 {
            if stop.sleep(PACE) {
                break;
            }
            own_ns = cpu_of(|| publish(&mut producer, &bgr)).0;
        }
        ratios.push(own_ns / opencv_ns);
    }
    drop((producer, crew));
    report.ratio(
        "the producer's CPU a frame",
        median(ratios),
        "OpenCV's conversion alone",
        Some(1.05),
    );
    Ok(())
}
