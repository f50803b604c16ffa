//! Waiting for a child and for a request to stop at the same time: its handle is set when it ends.

use std::io;
use std::os::windows::io::AsHandle;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use crate::sink::ended::Ended;
use framebus::stop::{Stop, Waited};

/// Waits until a child ends. After a request to stop it has `grace` left (`None`: as long as it takes), then it is killed.
pub(in crate::sink) fn wait_for(
    child: &mut Child,
    grace: Option<Duration>,
    stop: &Stop,
) -> io::Result<Ended> {
    if let Some(status) = child.try_wait()? {
        return Ok(Ended::Itself(status));
    }
    if stop.wait_handle(child.as_handle(), None)? == Waited::Stopped
        && let Some(grace) = grace
    {
        // Nobody asks this one to stop.
        let nobody = Stop::new()?;
        nobody.wait_handle(child.as_handle(), Some(grace))?;
        if child.try_wait()?.is_none() {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Killed);
        }
    }
    Ok(Ended::Itself(child.wait()?))
}

/// How a child has ended, in words.
pub(in crate::sink) fn show(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => "an unknown status".to_owned(),
    }
}
