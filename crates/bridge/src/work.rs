//! A job of `framebus`, done.

use std::process::ExitCode;

use framebus_tools::bridging::Errand;
use framebus_tools::exit::end;
use framebus_tools::job::{BRIDGE, Job, Task, leave};

use crate::list::list;
use crate::receive::receive;
use crate::remote::look;
use crate::route::route;
use crate::send::send;

/// Does the job that `framebus` has given.
pub fn main() -> ! {
    // `framebus doctor` asks for it: whether it is there, and which, shows in a program that starts.
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "--version")
    {
        println!("framebus-bridge {}", env!("CARGO_PKG_VERSION"));
        leave(ExitCode::SUCCESS);
    }
    leave(end(work()))
}

fn work() -> anyhow::Result<ExitCode> {
    let job = Job::given(&BRIDGE)?;
    job.logging.init();
    let Task::Bridge(bridging) = job.task else {
        anyhow::bail!("the bridge only carries frames to other machines");
    };
    match &bridging.errand {
        Errand::Send(sending) => send(sending, &bridging.link),
        Errand::Receive(receiving) => receive(receiving, &bridging.link),
        Errand::List(listing) => list(listing, &bridging.link),
        Errand::Route => route(&bridging.link),
        Errand::Look(looking) => look(looking, &bridging.link),
    }
}
