//! The consumer's end of a named pipe.

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;

use super::protocol::{ANSWER_LEN, Answer, TRIGGER, hello};
use crate::clock::monotonic_ns;
use crate::layout::TriggerKind;
use crate::stop::{Stop, Waited};
use crate::system::{ConnectRefusal, Line, Waker};

/// A claim on a consumer index: as long as it is open, the index is this process's.
#[derive(Debug)]
pub(crate) struct Connection {
    /// It hangs up when the producer is gone, and carries trigger bytes.
    pub(super) line: Line,
    /// The consumer's own flag, if it asked for one.
    pub(super) waker: Option<Waker>,
    pub(crate) kind: TriggerKind,
}

/// Why an index cannot be claimed.
#[derive(Debug, Error)]
pub(crate) enum ConnectError {
    /// Nobody listens.
    #[error("nobody listens")]
    Nobody,
    /// Somebody else has the index.
    #[error("the index is in use by pid {pid}")]
    InUse { pid: u32 },
    /// This user may not.
    #[error("permission denied")]
    Denied,
    /// The producer has no descriptor for it.
    #[error("the producer has no file descriptor left")]
    Exhausted,
    /// The producer does not answer in time: it is stopped, or no framebus.
    #[error("no answer")]
    Silent,
    /// Somebody asked to stop.
    #[error("stopped")]
    Stopped,
    /// The system says no.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// Claims the index whose pipe is at `path`, and agrees on how to wait.
pub(crate) fn connect(
    path: &Path,
    kind: TriggerKind,
    timeout: Duration,
    stop: &Stop,
) -> Result<Connection, ConnectError> {
    let line = Line::connect(path).map_err(|refusal| match refusal {
        ConnectRefusal::Nobody => ConnectError::Nobody,
        ConnectRefusal::Denied => ConnectError::Denied,
        ConnectRefusal::Busy => ConnectError::Silent,
        ConnectRefusal::System(error) => ConnectError::System(error),
    })?;
    // A refusal may be there already, and the other end closed: what matters is what can be read.
    let _ = line.send(&[hello(kind)]);
    let (answer, came) = read_answer(&line, timeout, stop)?;
    let kind = match Answer::decode(&answer) {
        Some(Answer::Welcome { trigger, .. }) => trigger,
        Some(Answer::InUse { pid }) => return Err(ConnectError::InUse { pid }),
        Some(Answer::Exhausted) => return Err(ConnectError::Exhausted),
        None => {
            return Err(ConnectError::System(io::Error::other(
                "the producer's answer is not framebus's",
            )));
        }
    };
    let waker = line.waker_of(&answer, came);
    if kind == TriggerKind::Eventfd && waker.is_none() {
        return Err(ConnectError::System(io::Error::other(
            "the producer sent no eventfd",
        )));
    }
    Ok(Connection { line, waker, kind })
}

/// Reads triggers that came before the answer, and the answer, with the flag that came with it.
fn read_answer(
    line: &Line,
    timeout: Duration,
    stop: &Stop,
) -> Result<([u8; ANSWER_LEN], Option<Waker>), ConnectError> {
    let deadline =
        monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
    let mut answer = [0; ANSWER_LEN];
    let mut have = 0;
    let mut waker = None;
    while have < ANSWER_LEN {
        let left = Duration::from_nanos(deadline.saturating_sub(monotonic_ns()));
        match line.wait(stop.bell(), || stop.is_set(), left)? {
            Waited::Ready => {}
            Waited::TimedOut => return Err(ConnectError::Silent),
            Waited::Stopped => return Err(ConnectError::Stopped),
        }
        let mut bytes = [0; ANSWER_LEN];
        let count = match line.receive_with(&mut bytes[have..]) {
            Ok((0, _)) => return Err(ConnectError::Nobody),
            Ok((count, came)) => {
                waker = came.or(waker);
                count
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(ConnectError::System(error)),
        };
        for byte in &bytes[have..have + count] {
            if have > 0 || *byte != TRIGGER {
                answer[have] = *byte;
                have += 1;
            }
        }
    }
    Ok((answer, waker))
}
