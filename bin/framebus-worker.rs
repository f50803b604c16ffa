//! The headless worker: `framebus` hands over to it what needs OpenCV, by exec, as a job.

fn main() -> ! {
    framebus_worker::main()
}
