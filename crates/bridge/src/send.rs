//! `framebus bridge send`: an ordinary consumer of each bus, whose frames go to who asks.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use framebus::clock::{deadline_ns, monotonic_ns};
use framebus::stop::Stop;
use framebus_tools::bridging::{Link, Sending};
use framebus_tools::exit::stopped;
use framebus_tools::notify::Notify;
use zenoh::{Session, Wait};

use crate::desk::{Desk, Sender};
use crate::keys::{key, own_host};
use crate::link::{Role, at, open};
use framebus_tools::far_bus::FarBus;

/// How long a loop may sleep: it notices a request to stop no later.
const STEP: Duration = Duration::from_millis(100);
/// Sends until somebody asks to stop.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn send(sending: &Sending, link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let Some(session) = open(link, Role::End, &stop)? else {
        return Ok(stopped(&stop));
    };
    let host = sending.host.clone().unwrap_or_else(own_host);
    let sender = Sender::here();
    let mut notify = Notify::from_environment();
    let mut loops = Vec::new();
    let mut tokens = Vec::new();
    let mut names = Vec::new();
    for named in &sending.buses {
        let far = FarBus {
            host: host.clone(),
            bus: named.0.to_string(),
        };
        warn_of_others(&session, &far);
        let mut desk = Desk::open(
            &session,
            sender,
            far.clone(),
            named.0.clone(),
            sending,
            &stop,
        )?;
        let token = session.liveliness().declare_token(key(&far, "up")).wait();
        tokens.push(token.map_err(|error| anyhow::anyhow!("{far} cannot be announced: {error}"))?);
        let spawned = thread::Builder::new().name(format!("send {}", named.0));
        loops.push(
            spawned
                .spawn(move || desk.run())
                .context("cannot start a thread")?,
        );
        names.push(far.to_string());
    }
    tracing::info!("sending {} to who asks{}", names.join(", "), at(link));
    notify.ready(&format!("sending {}", names.join(", ")));
    let end_ns = deadline_ns(sending.duration);
    while !stop.is_set() {
        if end_ns.is_some_and(|end_ns| monotonic_ns() >= end_ns) {
            break;
        }
        // A loop ends by itself when something is wrong for good.
        if loops.iter().any(thread::JoinHandle::is_finished) {
            break;
        }
        notify.alive();
        let _ = stop.sleep(STEP);
    }
    notify.stopping();
    let code = stopped(&stop);
    stop.set();
    drop(tokens);
    let mut result = Ok(code);
    for handle in loops {
        match handle.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => result = Err(error),
            Err(_) => result = Err(anyhow::anyhow!("a thread of the bridge has failed")),
        }
    }
    let _ = session.close().wait();
    result
}

/// Two senders of one name are told apart by their receivers, who take the later one; a person should know.
fn warn_of_others(session: &Session, far: &FarBus) {
    let found = session
        .liveliness()
        .get(key(far, "up"))
        .timeout(STEP * 2)
        .wait();
    if found.is_ok_and(|replies| replies.recv().is_ok()) {
        tracing::warn!(
            "{far} is being sent already, perhaps by another machine of this name: receivers take the sender that was started last; --host NAME tells them apart"
        );
    }
}
