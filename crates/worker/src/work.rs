//! A job of `framebus`, done.

use std::path::PathBuf;
use std::process::ExitCode;

use framebus::source::SourceSpec;
use framebus::stop::Stop;
use framebus_decoder::wire::Gray;
use framebus_tools::exit::end;
use framebus_tools::job::{Job, Task, WORKER, leave};
use framebus_tools::production::{GrayOf, Production};

use crate::images::is_image;
use crate::options::OpenOptions;
use crate::quiet::quiet;
use crate::show::ShowSink;
use crate::source::open;
use crate::watch::Watch;

/// Does the job that `framebus` has given, and ends the process without C++'s own clearing up.
pub fn main() -> ! {
    quiet();
    // `framebus doctor` asks for it: whether the libraries are there shows in a program that starts.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "--version")
    {
        println!("framebus-worker {}", env!("CARGO_PKG_VERSION"));
        leave(ExitCode::SUCCESS);
    }
    leave(end(work()))
}

fn work() -> anyhow::Result<ExitCode> {
    let job = Job::given(&WORKER)?;
    job.logging.init();
    match job.task {
        Task::Produce(production) => capture(&production),
        Task::Show(consumption) => {
            let stop = Stop::on_signals()?;
            let mut sink = ShowSink::open(consumption.plane)?;
            consumption.run(&mut sink, &stop)
        }
        Task::Watch(watching) => Watch::start(watching)?.run(),
        Task::Bridge(_) => anyhow::bail!("frames are carried to other machines by framebus-bridge"),
    }
}

fn capture(production: &Production) -> anyhow::Result<ExitCode> {
    let spec = production.spec()?;
    let options = OpenOptions {
        size: production.size,
        fps: production.rate(),
        looped: production.looped || is_shown_for_some_time(production, &spec),
        range: production.range,
        gray: gray(production.gray, &spec)?,
        timed: production.fps.is_none(),
        color: production.color,
        start: production.start,
        end: production.end,
        open_timeout: production.open_timeout,
        read_timeout: production.read_timeout,
        ..OpenOptions::default()
    };
    // The windows have a process of their own: the very program that runs, also when another has taken its place on the disk.
    let own = || Ok(PathBuf::from("/proc/self/exe"));
    let stop = Stop::on_signals()?;
    production.run(&stop, own, |stop| open(&spec, &options, stop))
}

/// Whether a single image is to be seen for longer than a frame.
fn is_shown_for_some_time(production: &Production, spec: &SourceSpec) -> bool {
    let has_an_end = production.duration.is_some() || production.count.is_some();
    has_an_end && is_single_image(spec)
}

fn is_single_image(spec: &SourceSpec) -> bool {
    matches!(spec, SourceSpec::File(path) if is_image(path))
}

/// What gray is made of: of a file what OpenCV makes it of, unless somebody says otherwise.
fn gray(wanted: GrayOf, spec: &SourceSpec) -> anyhow::Result<Gray> {
    if wanted == GrayOf::Luma && is_single_image(spec) {
        anyhow::bail!("--gray luma is for video: {spec} is an image, which is decoded to colours");
    }
    Ok(match (wanted, spec) {
        (GrayOf::Colours, _) => Gray::Colours,
        (GrayOf::Auto, SourceSpec::File(_)) => Gray::Colours8,
        _ => Gray::Luma,
    })
}
