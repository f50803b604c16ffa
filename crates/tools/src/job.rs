//! Handing over to another program: to the headless worker, which alone links OpenCV, or to the bridge, which alone links
//! Zenoh. What they are told, and how they are found.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, anyhow, bail};
use framebus::bus::BusName;
use framebus::redact::without_secrets;
use serde::{Deserialize, Serialize};

use crate::bridging::Bridging;
use crate::consume::Consumption;
use crate::log::Logging;
use crate::production::Production;
use crate::system;
use crate::text;

/// The variable with the job: every user of a machine sees arguments, and only the own one variables.
const VARIABLE: &str = "FRAMEBUS_JOB";
/// What a producer is told when its windows are there.
pub const OPEN: &str = "the windows are open";

/// What the worker or the bridge is to do. Flags and configuration are in it: they read neither.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// The version of the program that gives it.
    version: String,
    /// How it logs.
    pub logging: Logging,
    /// What it does.
    pub task: Task,
}

/// A program that a job is handed over to.
#[derive(Debug)]
pub struct Helper {
    name: &'static str,
    /// What a person calls it.
    called: &'static str,
    /// The variable that says where it is.
    place: &'static str,
    /// What does without it, where there is none for the system.
    instead: &'static str,
}

/// What links OpenCV.
pub static WORKER: Helper = Helper {
    name: "framebus-worker",
    called: "headless worker",
    place: "FRAMEBUS_WORKER",
    instead: "look at frames with framebus peek, top or serve",
};

/// What links Zenoh.
pub static BRIDGE: Helper = Helper {
    name: "framebus-bridge",
    called: "bridge",
    place: "FRAMEBUS_BRIDGE",
    instead: "framebus serve gives other machines pictures, which 'framebus produce http://…' takes",
};

/// What a worker can do, or the bridge.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Captures what OpenCV and FFmpeg can open.
    Produce(Production),
    /// Takes frames as a consumer and shows them in a window.
    Show(Consumption),
    /// Shows a bus in windows as an observer.
    Watch(Watching),
    /// Carries frames from machine to machine.
    Bridge(Bridging),
}

impl Task {
    fn helper(&self) -> &'static Helper {
        match self {
            Task::Bridge(_) => &BRIDGE,
            _ => &WORKER,
        }
    }

    /// What does without that program.
    fn instead(&self) -> &'static str {
        match self {
            Task::Produce(_) => {
                "let ffmpeg decode it, as in 'ffmpeg -i … -f yuv4mpegpipe - | framebus produce -'"
            }
            _ => self.helper().instead,
        }
    }
}

/// Which bus is shown in windows, and for whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Watching {
    /// The bus.
    #[serde(with = "text")]
    pub bus: BusName,
    /// The producer that has started the process for its own windows, which stay while it lives.
    pub of_producer: Option<u32>,
}

impl Job {
    /// A job for a program of this version, which logs as this program does.
    #[must_use]
    pub fn new(task: Task) -> Job {
        Job {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            logging: Logging::of_program(),
            task,
        }
    }

    /// Replaces this process with the program for the job: same pid, signals and exit code, and the arguments to be seen,
    /// without their secrets. Returns only when it cannot; `what` needs that program.
    #[must_use]
    pub fn hand_over(&self, what: &str) -> anyhow::Error {
        let helper = self.task.helper();
        if let Some(why) = system::no_helper(helper.called, self.task.instead()) {
            return anyhow!("{what} needs the {why}");
        }
        let path = match helper.find(what) {
            Ok(path) => path,
            Err(error) => return error,
        };
        let mut command = self.command(&path);
        command.args(env::args_os().skip(1).map(|argument| shown(&argument)));
        let error = system::replace(command);
        anyhow::Error::new(error).context(format!(
            "the {} {} cannot be started",
            helper.called,
            path.display()
        ))
    }

    /// The program, which is at that path, with this job.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        // What it has no text for, such as a map's key that is none, it does not hold.
        let text = serde_json::to_string(self).unwrap_or_default();
        system::call_it(&mut command, self.task.helper().name);
        command.env(VARIABLE, text);
        command
    }

    /// In the worker or the bridge: the job that it was started with.
    ///
    /// # Errors
    /// Fails without one, and with one of another version.
    pub fn given(to: &Helper) -> anyhow::Result<Job> {
        let text = env::var(VARIABLE).ok();
        let text = text.with_context(|| format!("{} is started by framebus: use that", to.name))?;
        Job::read(&text, to)
    }

    fn read(text: &str, to: &Helper) -> anyhow::Result<Job> {
        let own = env!("CARGO_PKG_VERSION");
        let job: serde_json::Value =
            serde_json::from_str(text).with_context(|| format!("{VARIABLE} is not a job"))?;
        match job["version"].as_str() {
            Some(other) if other != own => bail!(
                "framebus is version {other} and its {} is version {own}: install both from the same release",
                to.called
            ),
            _ => serde_json::from_value(job).with_context(|| format!("{VARIABLE} is not a job")),
        }
    }
}

/// An argument without its secrets.
fn shown(argument: &OsStr) -> OsString {
    match argument.to_str() {
        Some(text) => without_secrets(text).into_owned().into(),
        None => argument.to_owned(),
    }
}

impl Helper {
    /// Looks for it, which `what` needs.
    ///
    /// # Errors
    /// As [`Helper::find_it`] does.
    pub fn find(&self, what: &str) -> anyhow::Result<PathBuf> {
        let called = self.called;
        if let Some(why) = system::no_helper(called, self.instead) {
            bail!("{what} needs the {why}");
        }
        self.find_it()
            .with_context(|| format!("{what} needs the {called}"))
    }

    /// Looks for it where its variable says, beside this program, in `../libexec/framebus/`, then in PATH.
    ///
    /// # Errors
    /// One sentence that says where it could be.
    pub fn find_it(&self) -> anyhow::Result<PathBuf> {
        let Helper { name, place, .. } = self;
        if let Some(path) = env::var_os(place).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            if !path.is_file() {
                bail!("{place} names {}, which is not there", path.display());
            }
            return Ok(path);
        }
        let program = env::current_exe().context("cannot determine this program's path")?;
        let directory = program.parent().map(PathBuf::from).unwrap_or_default();
        let beside = [
            directory.join(name),
            directory.join("../libexec/framebus").join(name),
        ];
        let path: OsString = env::var_os("PATH").unwrap_or_default();
        let in_path = env::split_paths(&path).map(|directory| directory.join(name));
        let found = beside
            .into_iter()
            .chain(in_path)
            .find(|path| path.is_file());
        found.with_context(|| {
            format!(
                "{name} is not beside framebus nor in PATH: build or install it, or set {place}"
            )
        })
    }
}

/// Ends the worker at once: what was written is flushed, nothing else is cleared up. A camera that answers no more leaves a
/// thread in OpenCV, under which its static objects must not be taken away.
pub fn leave(code: ExitCode) -> ! {
    let _ = std::io::stdout().flush();
    // An exit code tells its number only by being equal to another.
    let number = (0..=u8::MAX).find(|number| ExitCode::from(*number) == code);
    system::leave(number.map_or(1, i32::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        let mut production = Production::new("cam0".parse().expect("a name"), "film.mp4".into());
        production.fps = Some(30000.0 / 1001.0);
        Job::new(Task::Produce(production))
    }

    #[test]
    fn a_job_comes_as_it_was_sent() {
        let sent = job();
        let text = serde_json::to_string(&sent).expect("JSON");
        let came = Job::read(&text, &WORKER).expect("a job");
        assert_eq!(format!("{came:?}"), format!("{sent:?}"));
    }

    #[test]
    fn a_source_may_have_any_bytes() {
        use std::os::unix::ffi::OsStringExt;
        let mut sent = job();
        let name = OsString::from_vec(b"film-\xff.mp4".to_vec());
        if let Task::Produce(production) = &mut sent.task {
            production.source = name.clone();
        }
        let text = serde_json::to_string(&sent).expect("JSON");
        match Job::read(&text, &WORKER).expect("a job").task {
            Task::Produce(production) => assert_eq!(production.source, name),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_job_of_another_version_is_refused() {
        let text = r#"{"version": "9.9.9", "task": "of the future"}"#;
        let error = Job::read(text, &WORKER)
            .expect_err("another version")
            .to_string();
        assert!(
            error.starts_with("framebus is version 9.9.9 and"),
            "{error}"
        );
        assert!(Job::read("{}", &WORKER).is_err());
        assert!(Job::read("nonsense", &WORKER).is_err());
    }

    #[test]
    fn secrets_of_arguments_are_not_shown() {
        let seen = shown(OsStr::new("rtsp://me:se/cret@cam/1"));
        assert_eq!(seen, "rtsp://me:***@cam/1");
        assert_eq!(shown(OsStr::new("--fps")), "--fps");
    }
}
