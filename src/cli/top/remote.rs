//! A bus of another machine, as `framebus-bridge` sees it: a child that prints snapshots until nobody reads them.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::tui::{self, Wants};
use framebus::observe::{Picture, SCHEMA, Snapshot};
use framebus_tools::bridging::{Bridging, Errand, Link, Look, Looking};
use framebus_tools::far_bus::FarBus;
use framebus_tools::job::{BRIDGE, Job, Task};
use framebus_tools::log::{LogFormat, Logging};

/// How often a picture is asked for.
const PICTURE: Duration = Duration::from_secs(1);
/// The longest line and the largest picture that are read.
const MOST: u64 = 8 << 20;

/// One moment of a far bus.
#[derive(Debug)]
pub(super) enum Moment {
    /// How it is.
    Snapshot(Box<Snapshot>, Option<Picture>),
    /// Why nobody knows.
    Trouble(String),
}

/// The child, and what it has said.
#[derive(Debug)]
pub(super) struct Remote {
    far: String,
    child: Child,
    moments: Receiver<Moment>,
    snapshot: Snapshot,
    picture: Option<Picture>,
    /// When that snapshot came.
    at: Instant,
}

impl Remote {
    /// Begins to look at `far`.
    ///
    /// # Errors
    /// Fails when the bridge is not there or does not start.
    pub(super) fn start(
        far: &FarBus,
        link: Link,
        interval: Duration,
        picture: bool,
    ) -> anyhow::Result<Remote> {
        let looking = Looking {
            bus: far.clone(),
            interval,
            count: None,
            picture: picture.then_some(PICTURE),
        };
        let errand = Errand::Look(looking);
        let path = BRIDGE.find("--remote")?;
        let mut job = Job::new(Task::Bridge(Bridging { link, errand }));
        // What it logs is read here: why it ends, and nothing else.
        job.logging = Logging {
            quiet: true,
            format: LogFormat::Text,
            ..job.logging
        };
        let mut command: Command = job.command(&path);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("the bridge {} cannot be started", path.display()))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            bail!("the bridge has no pipes");
        };
        let (tell, moments) = channel();
        let told = tell.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(stdout);
            while let Some(moment) = read(&mut lines) {
                if told.send(moment).is_err() {
                    break;
                }
            }
        });
        // Its last words, where it ends: they must not be written over the view.
        thread::spawn(move || {
            let lines = BufReader::new(stderr).lines();
            for line in lines.map_while(Result::ok) {
                let error = line
                    .split_once("framebus: ")
                    .map_or(&*line, |(_, rest)| rest);
                if tell.send(Moment::Trouble(error.to_owned())).is_err() {
                    break;
                }
            }
        });
        let far = far.to_string();
        Ok(Remote {
            snapshot: blank(&far, &format!("waiting for {far}"), 0)?,
            far,
            child,
            moments,
            picture: None,
            at: Instant::now(),
        })
    }

    /// Waits for the next moment; `None` when the child has ended or the time is over.
    pub(super) fn next(&self, limit: Duration) -> Option<Moment> {
        self.moments.recv_timeout(limit).ok()
    }

    /// Whether it says no more.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Takes in what has come.
    fn keep_up(&mut self) {
        loop {
            match self.moments.try_recv() {
                Ok(Moment::Snapshot(mut snapshot, picture)) => {
                    snapshot.bus.clone_from(&self.far);
                    self.snapshot = *snapshot;
                    self.picture = picture.or(self.picture.take());
                    self.at = Instant::now();
                }
                Ok(Moment::Trouble(trouble)) => self.lose(&trouble),
                Err(TryRecvError::Disconnected) => {
                    self.lose("the bridge has ended");
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn lose(&mut self, trouble: &str) {
        // Its clock goes on, so that what is drawn over time does.
        let passed = u64::try_from(self.at.elapsed().as_nanos()).unwrap_or(0);
        let now_ns = self.snapshot.monotonic_ns.saturating_add(passed);
        if let Ok(snapshot) = blank(&self.far, trouble, now_ns) {
            self.snapshot = snapshot;
            self.at = Instant::now();
        }
        self.picture = None;
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The far bus alone, for the view.
impl tui::Sampler for Remote {
    fn buses(&mut self) -> Vec<String> {
        vec![self.far.clone()]
    }

    fn sample(&mut self, _bus: &str) -> Snapshot {
        self.keep_up();
        self.snapshot.clone()
    }

    fn pictures(&mut self, _bus: &str, wants: Wants) -> Vec<Picture> {
        let wanted = |picture: &&Picture| match wants {
            Wants::Slot(slot) | Wants::Coloured(Some(slot)) => picture.slot == slot,
            _ => true,
        };
        self.picture.iter().filter(wanted).cloned().collect()
    }
}

/// A moment of a bus of which nothing is known but why.
fn blank(far: &str, message: &str, monotonic_ns: u64) -> anyhow::Result<Snapshot> {
    Ok(serde_json::from_value(json!({
        "schema": SCHEMA,
        "bus": far,
        "time_ms": framebus::clock::wall_ns() / 1_000_000,
        "monotonic_ns": monotonic_ns,
        "state": "absent",
        "message": message,
        "slots": [],
        "slots_free": 0,
        "consumers": [],
        "findings": [],
    }))?)
}

/// Reads a line and the pixels behind it; `None` at the end, and after what is no line.
fn read(lines: &mut BufReader<ChildStdout>) -> Option<Moment> {
    let mut text = String::new();
    lines.by_ref().take(MOST).read_line(&mut text).ok()?;
    let look: Look = serde_json::from_str(&text).ok()?;
    if let Some(trouble) = look.trouble {
        return Some(Moment::Trouble(trouble));
    }
    let mut picture = None;
    if let Some(head) = look.picture {
        let pixels = u64::from(head.width) * u64::from(head.height);
        if pixels > MOST {
            return None;
        }
        let mut gray = vec![0; usize::try_from(pixels).ok()?];
        lines.read_exact(&mut gray).ok()?;
        picture = Some(Picture {
            width: head.width,
            height: head.height,
            slot: head.slot,
            sequence: head.sequence,
            gray,
            bgr: None,
            metadata: Vec::new(),
        });
    }
    Some(Moment::Snapshot(Box::new(look.snapshot?), picture))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_of_which_nothing_is_known_is_a_snapshot() {
        let snapshot = blank("box1/cam0", "nobody sends box1/cam0", 7).expect("a snapshot");
        assert_eq!(snapshot.bus, "box1/cam0");
        assert_eq!(snapshot.message.as_deref(), Some("nobody sends box1/cam0"));
        assert!(snapshot.segment.is_none() && snapshot.interval_s.is_none());
    }
}
