//! `produce --show`: the windows, in a process of their own. What goes wrong there, the camera does not feel: a window
//! system that loses its display ends the process that uses it.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;

use crate::job::{Job, OPEN, Task, Watching};
use crate::log::{LogFormat, Logging};
use crate::stderr::Stderr;
use framebus::bus::BusName;
use framebus::stop::Stop;

/// How long a display may take to open a window.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a request to stop is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long the windows may take to close before their process is killed.
const GRACE: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// What the windows' process tells.
enum News {
    /// The first window is there.
    Open,
    /// It has ended, and not because somebody has closed a window: why.
    Failed(String),
    /// Somebody has closed a window.
    Closed,
}

/// The process that has the windows; ended, and waited for, when this is dropped.
pub(crate) struct Viewer {
    pidfd: OwnedFd,
    news: Receiver<News>,
    watcher: Option<JoinHandle<()>>,
}

impl Viewer {
    /// Starts it and waits for the first window; `None` when somebody asks to stop meanwhile. Call it on the main thread:
    /// the kernel ends the process with the thread that has started it.
    ///
    /// # Errors
    /// What the process says when it cannot open a window, or that the display does not answer.
    pub(crate) fn start(
        worker: &Path,
        bus: &BusName,
        stop: &Stop,
    ) -> anyhow::Result<Option<Viewer>> {
        let viewer = Viewer::spawn(worker, bus, stop).context("the windows cannot be opened")?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match viewer.news.recv_timeout(LOOK_EVERY) {
                Ok(News::Open | News::Closed) => return Ok(Some(viewer)),
                Ok(News::Failed(why)) => return Err(anyhow!(why)),
                Err(RecvTimeoutError::Timeout) if stop.is_set() => return Ok(None),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => {}
                Err(_) => bail!(
                    "the display does not answer: leave out --show, and use framebus peek or top"
                ),
            }
        }
    }

    fn spawn(worker: &Path, bus: &BusName, stop: &Stop) -> anyhow::Result<Viewer> {
        let watching = Watching {
            bus: bus.clone(),
            of_producer: Some(std::process::id()),
        };
        let mut job = Job::new(Task::Watch(watching));
        // Its lines are read here.
        job.logging = Logging {
            format: LogFormat::Json,
            ..Logging::default()
        };
        let mut child = job
            .command(worker)
            .args(["peek", "--show", "--bus", bus.as_str()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Ctrl-C is for the producer, which then ends this.
            .process_group(0)
            .spawn()?;
        let pidfd = match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error.into());
            }
        };
        let (sender, news) = channel();
        let mut viewer = Viewer {
            pidfd,
            news,
            watcher: None,
        };
        let (pidfd, stop) = (viewer.pidfd.try_clone()?, stop.clone());
        let watch = move || {
            let end = match attend(&mut child, &pidfd, &sender) {
                Ok(end) => end,
                Err(error) => News::Failed(error.to_string()),
            };
            let closed = matches!(end, News::Closed);
            // Nobody listens any more when the producer is about to end.
            let _ = sender.send(end);
            if closed {
                stop.set();
            }
        };
        viewer.watcher = Some(
            std::thread::Builder::new()
                .name("viewer".into())
                .spawn(watch)?,
        );
        Ok(viewer)
    }

    /// Returns why the windows are gone, once, when nobody has closed them. Does not wait.
    pub(crate) fn failure(&mut self) -> Option<String> {
        match self.news.try_recv() {
            Ok(News::Failed(why)) => Some(why),
            _ => None,
        }
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::TERM);
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN)];
        // One that waits for a display that hangs does not hear it.
        if !matches!(poll(&mut fds, Some(&GRACE)), Ok(1)) {
            let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

/// Reads what the process says until it ends, and says how it ended.
fn attend(child: &mut Child, pidfd: &OwnedFd, news: &Sender<News>) -> io::Result<News> {
    let mut words = Words::default();
    let mut stderr = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
    rustix::io::ioctl_fionbio(&stderr, true)?;
    let mut open = true;
    loop {
        let events = if open {
            PollFlags::IN
        } else {
            PollFlags::empty()
        };
        let mut fds = [
            PollFd::new(pidfd, PollFlags::IN),
            PollFd::from_borrowed_fd(stderr.as_fd(), events),
        ];
        // Without the pipe, which may have ended before the process or be held by somebody else after it.
        let count = if open { 2 } else { 1 };
        match poll(&mut fds[..count], None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ended = !fds[0].revents().is_empty();
        open = open && words.read(&mut stderr, news);
        if ended {
            return Ok(outcome(child.wait()?, words.last));
        }
    }
}

fn outcome(status: ExitStatus, last: Option<String>) -> News {
    if status.success() {
        return News::Closed;
    }
    News::Failed(
        last.unwrap_or_else(|| match (status.signal(), status.code()) {
            (Some(signal), _) => format!("signal {signal} has ended their process"),
            (None, code) => format!("their process has ended with {}", code.unwrap_or_default()),
        }),
    )
}

/// What the process writes to its standard error.
#[derive(Default)]
struct Words {
    rest: Vec<u8>,
    /// The sentence of its last error.
    last: Option<String>,
}

impl Words {
    /// Reads what there is; `false` when nothing will come any more.
    fn read(&mut self, stderr: &mut impl Read, news: &Sender<News>) -> bool {
        let mut bytes = [0; 4096];
        loop {
            match stderr.read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => self.take(&bytes[..count], news),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], news: &Sender<News>) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(&line, news);
        }
    }

    fn line(&mut self, line: &[u8], news: &Sender<News>) {
        let told: Option<Value> = serde_json::from_slice(line).ok();
        let message = told.as_ref().and_then(|told| told["message"].as_str());
        match message {
            Some(OPEN) => _ = news.send(News::Open),
            Some(message) => self.last = Some(message.to_owned()),
            // What OpenCV or Qt say, where somebody has asked them to speak.
            None => _ = Stderr.write_all(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_come_in_pieces_and_the_last_sentence_counts() {
        let (sender, news) = channel();
        let mut words = Words::default();
        let text = format!(
            "{{\"level\":\"info\",\"message\":\"{OPEN}\"}}\n{{\"level\":\"error\",\"message\":\"first\"}}\n{{\"message\":\"last\"}}\n"
        );
        for byte in text.as_bytes() {
            words.take(&[*byte], &sender);
        }
        assert!(matches!(news.try_recv(), Ok(News::Open)));
        assert!(news.try_recv().is_err());
        assert_eq!(words.last.as_deref(), Some("last"));
    }

    #[test]
    fn an_end_is_told_from_a_failure() {
        assert!(matches!(
            outcome(ExitStatus::from_raw(0), None),
            News::Closed
        ));
        let why = |status, last: Option<&str>| match outcome(
            ExitStatus::from_raw(status),
            last.map(str::to_owned),
        ) {
            News::Failed(why) => why,
            _ => String::new(),
        };
        assert_eq!(why(9, None), "signal 9 has ended their process");
        assert_eq!(why(3 << 8, None), "their process has ended with 3");
        assert_eq!(why(2 << 8, Some("no display")), "no display");
    }
}
