//! Frames with pixels: the conversion against the memory's limit, and the first frame against later ones.

use std::io::{self, Read};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use framebus::bus::{BusName, Producer, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::convert::bgr_to_gray;
use framebus::stop::Stop;
use framebus_cli::measure::{
    Hand, Program, Role, cpu_of, median, picture, publish, read_three_write_one,
};

use crate::figures::Report;
use crate::pixels::{FULL_HD, VGA};

/// Measures the gray conversion against reading 3hw bytes and writing hw, which is what it cannot do without.
pub(crate) fn against_memory(rounds: u32, report: &mut Report, stop: &Stop) {
    report.part("Gray conversion, one thread, against the memory's limit");
    for geometry in [VGA, FULL_HD] {
        let bgr = picture(geometry);
        let mut gray = vec![1; geometry.gray_len()];
        let mut ratios = Vec::new();
        for _ in 0..rounds {
            if stop.is_set() {
                return;
            }
            let (own_ns, ()) = cpu_of(|| bgr_to_gray(&bgr, &mut gray));
            let (limit_ns, ()) = cpu_of(|| read_three_write_one(&bgr, &mut gray));
            ratios.push(own_ns / limit_ns);
        }
        let what = format!("BGR to gray, {geometry}");
        report.ratio(&what, median(ratios), "reading 3hw and writing hw", None);
    }
}

/// Frames after the first that it is compared with, at a camera's pace: a loop without pauses would compare a first frame
/// with frames that find everything in the processor's caches, which no camera's do.
const LATER_FRAMES: usize = 15;
const PACE: Duration = Duration::from_millis(33);

/// The role of a new producer.
pub(crate) const ROLE: &str = "first";

/// Measures the first frame of a new producer process against its later ones.
pub(crate) fn first(
    name: &BusName,
    rounds: u32,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    report.part("The first frame of a new process on a new bus: claim, convert, publish");
    let program = Program::this()?;
    let mut ratios = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        if stop.is_set() {
            return Ok(());
        }
        let role = Role::Other(ROLE.to_owned());
        let mut hand = Hand::start(&program, role, &[name.to_string()], Stdio::null())?;
        let mut text = String::new();
        hand.read_to_string(&mut text)?;
        for (ratios, ratio) in ratios.iter_mut().zip(text.split_whitespace()) {
            ratios.push(ratio.parse().map_err(io::Error::other)?);
        }
    }
    let [wall, cpu] = ratios.map(median);
    let of = format!("later ones, {FULL_HD}");
    report.ratio("first frame, time", wall, &of, Some(1.5));
    report.ratio("first frame, CPU", cpu, &of, None);
    Ok(())
}

/// Plays the role of a new producer: prints how its first frame compares with the median of the later ones.
pub(crate) fn play_first(arguments: &[String]) -> io::Result<ExitCode> {
    let bus = arguments.first().map_or("", String::as_str);
    let bus: BusName = bus.parse().map_err(io::Error::other)?;
    // As a capture would leave it.
    let bgr = picture(FULL_HD);
    let options = ProducerOptions::new(bus, FULL_HD).consumers(3);
    let mut producer = Producer::create(options).map_err(io::Error::other)?;
    let mut times = Vec::new();
    for _ in 0..=LATER_FRAMES {
        std::thread::sleep(PACE);
        let from_ns = monotonic_ns();
        let (cpu_ns, ()) = cpu_of(|| publish(&mut producer, &bgr));
        times.push([(monotonic_ns() - from_ns) as f64, cpu_ns]);
    }
    let later = |of: usize| median(times[1..].iter().map(|time| time[of]).collect());
    println!("\x01{} {}", times[0][0] / later(0), times[0][1] / later(1));
    Ok(ExitCode::SUCCESS)
}
