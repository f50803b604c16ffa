//! A job of `framebus`, done.

use std::path::PathBuf;
use std::process::ExitCode;

use framebus::stop::Stop;
use framebus_tools::exit::end;
use framebus_tools::job::{Job, Task, WORKER, leave};
use framebus_tools::production::Production;

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
        looped: production.looped,
        range: production.range,
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
