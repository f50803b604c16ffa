//! The bridge: `framebus` hands over to it what goes to other machines, by exec, as a job.

fn main() -> ! {
    framebus_bridge::main()
}
