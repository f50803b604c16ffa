//! `framebus bridge route`: passes on what others send.

use std::process::ExitCode;
use std::time::Duration;

use framebus::stop::Stop;
use framebus_tools::bridging::Link;
use framebus_tools::exit::stopped;
use framebus_tools::notify::Notify;
use zenoh::Wait;

use crate::link::{Role, at, open};

/// Routes until somebody asks to stop.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn route(link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let Some(session) = open(link, Role::Router, &stop)? else {
        return Ok(stopped(&stop));
    };
    let mut notify = Notify::from_environment();
    tracing::info!("routing{}", at(link));
    notify.ready("routing");
    while !stop.sleep(Duration::from_millis(500)) {
        notify.alive();
    }
    notify.stopping();
    let _ = session.close().wait();
    Ok(stopped(&stop))
}
