//! The decoder of framebus's worker: its socket is standard input, its file of pixels is standard output.

use std::os::fd::AsFd;
use std::process::ExitCode;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

fn main() -> ExitCode {
    let socket = std::io::stdin().as_fd().try_clone_to_owned();
    let pixels = std::io::stdout().as_fd().try_clone_to_owned();
    let (Ok(socket), Ok(pixels)) = (socket, pixels) else {
        return ExitCode::from(2);
    };
    if rustix::net::sockopt::socket_domain(&socket) != Ok(rustix::net::AddressFamily::UNIX) {
        eprintln!("framebus-decoder is started by framebus; start `framebus produce` instead");
        return ExitCode::from(2);
    }
    // A read from the network may never return, so the worker's end must be this one's, too.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() || getppid().is_none() {
        return ExitCode::from(2);
    }
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
    if ffmpeg_next::init().is_err() {
        return ExitCode::from(2);
    }
    framebus_decoder::run(socket, pixels);
    ExitCode::SUCCESS
}
