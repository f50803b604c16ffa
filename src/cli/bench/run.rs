//! What is measured: turns at the pace of a camera, then turns without pauses.

use std::hint::black_box;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Plan;
use crate::measure::{
    Hand, Outcome, Program, Wakes, Way, bus_name, cpu_of, median, picture, publish,
    read_three_write_one, sit,
};
use framebus::bus::{BusName, Producer, ProducerOptions};
use framebus::convert::bgr_to_gray;
use framebus::layout::TriggerKind;
use framebus::stop::Stop;

/// The turns of a round that have no pauses.
pub(super) const BUSY_TURNS: f64 = 3.0;
/// The most frames of such a turn, because consumers keep the times of all they have seen.
const MOST_FRAMES: usize = 20_000;

/// What came out.
#[derive(Debug)]
pub(super) struct Figures {
    /// What measuring costs.
    pub(super) nobody: Outcome,
    /// Bare eventfds.
    pub(super) eventfd: Outcome,
    /// The bus, without pixels.
    pub(super) bus: Outcome,
    /// The conversion alone.
    pub(super) convert: Outcome,
    /// The bus, with frames converted into it.
    pub(super) frame: Outcome,
    /// Without pauses, by round: reading and writing as much as a conversion has to.
    pub(super) busy_memory: Vec<Busy>,
    /// The conversion.
    pub(super) busy_convert: Vec<Busy>,
    /// Frames converted and published.
    pub(super) busy_frame: Vec<Busy>,
    /// Which part of the frames without pauses a consumer took; the median over the consumers.
    pub(super) taken: f64,
}

/// A turn without pauses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    /// Processor time a frame, median.
    pub(super) cpu_ns: f64,
    /// Frames a second.
    pub(super) fps: f64,
    frames: usize,
}

/// The conversion alone.
struct Convert {
    bgr: Rc<[u8]>,
    gray: Vec<u8>,
}

impl Wakes for Convert {
    fn send(&mut self) {
        bgr_to_gray(black_box(&self.bgr), &mut self.gray);
    }

    fn end(self: Box<Self>) {}
}

/// Frames converted into a bus, which ends with this.
struct Frames {
    producer: Producer,
    bgr: Rc<[u8]>,
}

impl Wakes for Frames {
    fn send(&mut self) {
        publish(&mut self.producer, &self.bgr);
    }

    fn end(self: Box<Self>) {}
}

/// Measures; `None` when it was asked to stop.
pub(super) fn measure(plan: &Plan, stop: &Stop) -> io::Result<Option<Figures>> {
    let name = bus_name()?;
    let program = Program::this()?;
    // Before anything as large is made in its own memory: it may not fit.
    drop(create(plan, &name)?);
    let bgr: Rc<[u8]> = picture(plan.size).into();
    let mut outcomes = Vec::new();
    for round in 0..plan.rounds {
        let ways = ways(plan, &name, &program, &bgr)?;
        sit(ways, 1, plan.pace, round, &mut outcomes, stop)?;
        if stop.is_set() {
            return Ok(None);
        }
    }
    let Ok([nobody, eventfd, bus, convert, frame]) = <[Outcome; 5]>::try_from(outcomes) else {
        return Ok(None);
    };
    let mut figures = Figures {
        nobody,
        eventfd,
        bus,
        convert,
        frame,
        busy_memory: Vec::new(),
        busy_convert: Vec::new(),
        busy_frame: Vec::new(),
        taken: f64::NAN,
    };
    without_pauses(plan, &name, &program, &bgr, &mut figures, stop)?;
    Ok((!stop.is_set()).then_some(figures))
}

/// What has turns at the pace of a camera.
fn ways(plan: &Plan, name: &BusName, program: &Program, bgr: &Rc<[u8]>) -> io::Result<Vec<Way>> {
    let (size, consumers) = (plan.size, plan.consumers);
    let producer = create(plan, name)?;
    let crew = attach(plan, &producer, program)?;
    let convert = Convert {
        bgr: Rc::clone(bgr),
        gray: vec![1; size.gray_len()],
    };
    let frames = Frames {
        producer,
        bgr: Rc::clone(bgr),
    };
    let kind = TriggerKind::Eventfd;
    Ok(vec![
        Way::nobody(),
        Way::eventfd("eventfd", program, consumers)?,
        Way::bus("bus", name, size, kind, program, consumers)?,
        Way::new("convert", Box::new(convert), Vec::new()),
        Way::new("frame", Box::new(frames), crew),
    ])
}

/// Measures what goes on as fast as it can.
fn without_pauses(
    plan: &Plan,
    name: &BusName,
    program: &Program,
    bgr: &[u8],
    figures: &mut Figures,
    stop: &Stop,
) -> io::Result<()> {
    let mut gray = vec![1; plan.size.gray_len()];
    let mut producer = create(plan, name)?;
    let crew = attach(plan, &producer, program)?;
    for _ in 0..plan.rounds {
        let turn = busy(plan.busy, stop, || read_three_write_one(bgr, &mut gray));
        figures.busy_memory.push(turn);
        let turn = busy(plan.busy, stop, || bgr_to_gray(bgr, &mut gray));
        figures.busy_convert.push(turn);
        let turn = busy(plan.busy, stop, || publish(&mut producer, bgr));
        figures.busy_frame.push(turn);
        if stop.is_set() {
            return Ok(());
        }
    }
    drop(producer);
    let sent: usize = figures.busy_frame.iter().map(|turn| turn.frames).sum();
    let mut taken = Vec::new();
    for hand in crew {
        taken.push(hand.samples()?.len() as f64 / sent as f64);
    }
    figures.taken = median(taken);
    Ok(())
}

/// Makes the bus for frames with pixels.
fn create(plan: &Plan, name: &BusName) -> io::Result<Producer> {
    let bus = format!("{name}-frames").parse().map_err(io::Error::other)?;
    let options = ProducerOptions::new(bus, plan.size).consumers(plan.consumers);
    Producer::create(options).map_err(io::Error::other)
}

/// Starts its consumers.
fn attach(plan: &Plan, producer: &Producer, program: &Program) -> io::Result<Vec<Hand>> {
    let bus = &producer.options().bus;
    let start = |index| Hand::consumer(program, bus, index, TriggerKind::Eventfd);
    (0..plan.consumers).map(start).collect()
}

/// Does it again and again for a time, or until somebody asks to stop, but at least once.
fn busy(time: Duration, stop: &Stop, mut work: impl FnMut()) -> Busy {
    let start = Instant::now();
    let mut cpu_ns = Vec::new();
    loop {
        cpu_ns.push(cpu_of(&mut work).0);
        let over = start.elapsed() >= time || cpu_ns.len() == MOST_FRAMES;
        if over || stop.is_set() {
            let frames = cpu_ns.len();
            return Busy {
                fps: frames as f64 / start.elapsed().as_secs_f64(),
                cpu_ns: median(cpu_ns),
                frames,
            };
        }
    }
}
