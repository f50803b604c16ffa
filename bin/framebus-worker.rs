//! The headless worker: `framebus` hands over to it what needs OpenCV, by exec, with the same arguments.

use framebus_worker::{OpenOptions, SourceSpec, open, quiet};

fn main() -> ! {
    quiet();
    framebus::cli::worker_main(|args, _stop| {
        let options = OpenOptions {
            size: args.size,
            fps: args.fps.filter(|fps| *fps > 0.0),
            looped: args.looped,
            ..OpenOptions::default()
        };
        let spec: SourceSpec = args.source().parse()?;
        open(&spec, &options).map(Some)
    })
}
