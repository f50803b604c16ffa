//! The headless worker: `framebus` hands over to it what needs OpenCV, by exec, with the same arguments.

use framebus::stop::Stop;
use framebus_cli::cli::produce::ProduceArgs;
use framebus_worker::{OpenOptions, SourceSpec, open, open_windows, quiet};

fn main() -> ! {
    quiet();
    let open_source = |args: &ProduceArgs, stop: &Stop| {
        let defaults = OpenOptions::default();
        let options = OpenOptions {
            size: args.size,
            fps: args.fps.filter(|fps| *fps > 0.0),
            looped: args.looped,
            range: args.range.unwrap_or_default(),
            timed: args.fps.is_none(),
            color: args.color,
            open_timeout: args.open_timeout,
            read_timeout: args.read_timeout,
            ..defaults
        };
        let spec = SourceSpec::of(args.source())?;
        open(&spec, &options, stop)
    };
    framebus_cli::cli::worker_main(open_source, open_windows)
}
