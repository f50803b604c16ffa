//! The connection to others: a session of Zenoh.

use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use framebus::stop::Stop;
use framebus_tools::bridging::Link;
use zenoh::{Config, Session, Wait};

/// What the session is for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It sends or receives.
    End,
    /// It passes on what others send.
    Router,
}

/// How many batches of 64 KB a link's queue has: as many as there can be. In a router a frame on its way to a slow receiver
/// then holds up nobody else's, unless it is larger than that.
const QUEUE: usize = 16;
/// What a link may have received and not given back: a frame and more, in memory that is used again.
const RECEIVED: usize = 48 * 65535;
/// How long a message may wait for its link: longer than a frame takes that is still of use. A link that is dead is noticed
/// by Zenoh's own lease.
const WAIT_US: u64 = 30_000_000;

/// Opens a session, and waits for the other side as long as that takes; `None` when somebody asks to stop before there is one.
///
/// # Errors
/// Says what is wrong with the configuration, and which address cannot be listened at.
pub(crate) fn open(link: &Link, role: Role, stop: &Stop) -> anyhow::Result<Option<Session>> {
    let mut said = false;
    open_while(link, role, stop, |waited| {
        if waited > Duration::from_secs(1) && !said {
            said = true;
            tracing::info!("waiting for {}", link.connect.join(", "));
        }
        true
    })
}

/// Opens a session; `None` when somebody asks to stop before there is one, or `goes_on`, which is told how long that has taken, says
/// no.
///
/// # Errors
/// As those of [`open`].
pub(crate) fn open_while(
    link: &Link,
    role: Role,
    stop: &Stop,
    mut goes_on: impl FnMut(Duration) -> bool,
) -> anyhow::Result<Option<Session>> {
    let config = configure(link, role)?;
    let (tell, told) = mpsc::channel();
    // It may wait for the other side for ever, and cannot be asked to stop.
    std::thread::Builder::new()
        .name("open".to_owned())
        .spawn(move || tell.send(zenoh::open(config).wait()))
        .context("cannot start a thread")?;
    let mut waited = Duration::ZERO;
    let step = Duration::from_millis(20);
    loop {
        match told.try_recv() {
            Ok(Ok(session)) => return Ok(Some(session)),
            Ok(Err(error)) => bail!("{}", words(&error.to_string(), link)),
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => {
                return Err(anyhow!("the network's library has failed"));
            }
        }
        if stop.sleep(step) {
            return Ok(None);
        }
        waited += step;
        if !goes_on(waited) {
            return Ok(None);
        }
    }
}

/// Where that is, for a log.
pub(crate) fn at(link: &Link) -> String {
    let mut words = String::new();
    if !link.listen.is_empty() {
        words += &format!(", listening at {}", link.listen.join(", "));
    }
    if !link.connect.is_empty() {
        words += &format!(", by {}", link.connect.join(", "));
    }
    words
}

/// The engine's words name sources and lines; a person is told what failed.
fn plain(error: &str) -> &str {
    error.split(" at ").next().unwrap_or(error).trim()
}

fn words(error: &str, link: &Link) -> String {
    let plain = plain(error);
    match (link.listen.as_slice(), &link.zenoh) {
        ([], None) => format!("cannot join the network: {plain}"),
        ([], Some(file)) => format!(
            "cannot join the network as {} says: {plain}",
            file.display()
        ),
        (listen, _) => format!("cannot listen at {}: {plain}", listen.join(", ")),
    }
}

fn configure(link: &Link, role: Role) -> anyhow::Result<Config> {
    let mut config = match &link.zenoh {
        Some(path) => {
            let read = Config::from_file(path);
            let read = read.map_err(|error| anyhow!("{}", plain(&error.to_string()).to_owned()));
            read.with_context(|| format!("{} is no configuration of Zenoh", path.display()))?
        }
        None => Config::default(),
    };
    let mut settings = Settings(&mut config);
    let lists = |list: &[String]| serde_json::to_string(list);
    // By itself Zenoh listens at a port of all interfaces, without TLS, where its file says nothing of that.
    let usual = Config::default();
    let says_nothing = |settings: &Settings<'_>, key: &str| {
        settings.0.get_json(key).ok() == usual.get_json(key).ok()
    };
    if !link.listen.is_empty() || says_nothing(&settings, "listen/endpoints") {
        if link.listen.is_empty() && role == Role::Router {
            return Err(anyhow!(
                "a router listens: give --listen, or listen in the file of --zenoh"
            ));
        }
        settings.set("listen/endpoints", &lists(&link.listen)?)?;
    }
    if link.zenoh.is_none() || !link.connect.is_empty() {
        settings.set("connect/endpoints", &lists(&link.connect)?)?;
    }
    // A router passes nothing from peer to peer, which should have a link of their own; a client has one other side.
    let is_leaf = link.listen.is_empty() && link.connect.len() == 1 && !link.discover;
    let mode = match role {
        Role::Router => "\"router\"",
        Role::End if is_leaf => "\"client\"",
        Role::End => "\"peer\"",
    };
    settings.default("mode", mode)?;
    let discover = if link.discover { "true" } else { "false" };
    if link.discover {
        settings.set("scouting/multicast/enabled", discover)?;
        settings.set("scouting/gossip/enabled", discover)?;
    } else {
        settings.default("scouting/multicast/enabled", discover)?;
        settings.default("scouting/gossip/enabled", discover)?;
    }
    // Whoever comes first waits for the others.
    settings.default("connect/timeout_ms", "-1")?;
    settings.default("connect/exit_on_failure", "false")?;
    settings.default(
        "connect/retry",
        r#"{"period_init_ms": 100, "period_max_ms": 1000, "period_increase_factor": 2}"#,
    )?;
    settings.default("listen/exit_on_failure", "true")?;
    settings.set("transport/link/tx/queue/size/data", &QUEUE.to_string())?;
    settings.set("transport/link/rx/buffer_size", &RECEIVED.to_string())?;
    let wait = "transport/link/tx/queue/congestion_control/block/wait_before_close";
    settings.set(wait, &WAIT_US.to_string())?;
    Ok(config)
}

/// A configuration that is being written.
struct Settings<'a>(&'a mut Config);

impl Settings<'_> {
    fn set(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        let set = self.0.insert_json5(key, value);
        set.map_err(|error| anyhow!("the network's setting {key} cannot be {value}: {error}"))
    }

    /// Sets what the file has left open.
    fn default(&mut self, key: &str, value: &str) -> anyhow::Result<()> {
        match self.0.get_json(key).as_deref() {
            Ok("null") | Err(_) => self.set(key, value),
            Ok(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_open_that_nobody_has_asked_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let listens = |role, file: &str, listen: &[&str]| {
            let path = directory.path().join("zenoh.json5");
            std::fs::write(&path, file).expect("a file");
            let link = Link {
                listen: listen.iter().map(ToString::to_string).collect(),
                connect: Vec::new(),
                discover: false,
                zenoh: Some(path),
            };
            let config = configure(&link, role)?;
            Ok::<_, anyhow::Error>(config.get_json("listen/endpoints").expect("a setting"))
        };
        let silent = "{ transport: { link: { tls: { enable_mtls: true } } } }";
        assert_eq!(listens(Role::End, silent, &[]).expect("settings"), "[]");
        let error = listens(Role::Router, silent, &[]).expect_err("it listens nowhere");
        assert!(error.to_string().contains("a router listens"), "{error}");
        let one = "tcp/127.0.0.1:9";
        let expected = format!("[\"{one}\"]");
        for role in [Role::End, Role::Router] {
            assert_eq!(listens(role, silent, &[one]).expect("settings"), expected);
            let file = format!("{{ listen: {{ endpoints: [\"{one}\"] }} }}");
            assert_eq!(listens(role, &file, &[]).expect("settings"), expected);
        }
    }
}
