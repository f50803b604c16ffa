//! The headless worker: `framebus` hands over to it what needs OpenCV, by exec, with the same arguments.

use framebus::cli::produce::ProduceArgs;
use framebus::stop::Stop;
use framebus_worker::{OpenOptions, SourceSpec, open, open_windows, quiet};

fn main() -> ! {
    quiet();
    let open_source = |args: &ProduceArgs, _stop: &Stop| {
        let options = OpenOptions {
            size: args.size,
            fps: args.fps.filter(|fps| *fps > 0.0),
            looped: args.looped,
            ..OpenOptions::default()
        };
        let spec: SourceSpec = args.source().parse()?;
        open(&spec, &options).map(Some)
    };
    framebus::cli::worker_main(open_source, open_windows)
}
