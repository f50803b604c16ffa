//! Waiting for a child and for a request to stop at the same time (Linux: pidfd).

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::ended::Ended;
use framebus::stop::{Stop, Waited};

/// Waits until a child ends. After a request to stop it has `grace` left (`None`: as long as it takes), then it is killed.
pub(super) fn wait_for(
    child: &mut Child,
    grace: Option<Duration>,
    stop: &Stop,
) -> io::Result<Ended> {
    if let Some(status) = child.try_wait()? {
        return Ok(Ended::Itself(status));
    }
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    if stop.wait_readable(pidfd.as_fd(), None)? == Waited::Stopped
        && let Some(grace) = grace
    {
        let timeout = Timespec {
            tv_sec: i64::try_from(grace.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(grace.subsec_nanos()),
        };
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        let _ = poll(&mut fds, Some(&timeout));
        if child.try_wait()?.is_none() {
            child.kill()?;
            child.wait()?;
            return Ok(Ended::Killed);
        }
    }
    Ok(Ended::Itself(child.wait()?))
}

/// How a child has ended, in words.
pub(super) fn show(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}
