//! `framebus bridge receive`: buses of what other machines send.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context;
use framebus::bus::BusName;
use framebus::clock::{deadline_ns, monotonic_ns};
use framebus::stop::Stop;
use framebus_tools::bridging::{Link, Receiving};
use framebus_tools::exit::stopped;
use framebus_tools::notify::Notify;
use zenoh::sample::SampleKind;
use zenoh::{Session, Wait};

use crate::incoming::{Incoming, Teller};
use crate::intake::Intake;
use crate::keys::{key, of_key};
use crate::link::{Role, at, open};
use framebus_tools::far_bus::FarBus;

const STEP: Duration = Duration::from_millis(100);
/// The most buses that are made of what happens to be sent.
const MOST: usize = 32;

/// What is to be received, and what it is called here.
struct Wanted {
    far: FarBus,
    local: Option<BusName>,
}

/// Receives until somebody asks to stop.
///
/// # Errors
/// One sentence for a person.
pub(crate) fn receive(receiving: &Receiving, link: &Link) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let wanted = receiving.wanted.iter().map(|(far, local)| Wanted {
        far: far.clone(),
        local: local.as_ref().map(|named| named.0.clone()),
    });
    let wanted: Vec<Wanted> = wanted.collect();
    let Some(session) = open(link, Role::End, &stop)? else {
        return Ok(stopped(&stop));
    };
    let mut notify = Notify::from_environment();
    let alone = matches!(wanted.as_slice(), [one] if one.far.is_one());
    let mut hall = Hall {
        session: session.clone(),
        receiving,
        wanted,
        stop: stop.clone(),
        intakes: HashMap::new(),
        alone,
        refused: HashSet::new(),
        told_of_many: false,
    };
    let ups = watch(&session, &FarBus::any())?;
    for far in hall.named() {
        hall.start(&far)?;
    }
    let names: Vec<String> = receiving
        .wanted
        .iter()
        .map(|(far, _)| far.to_string())
        .collect();
    tracing::info!("receiving {}{}", names.join(", "), at(link));
    notify.ready(&format!("receiving {}", names.join(", ")));
    let end_ns = deadline_ns(receiving.duration);
    while !stop.is_set() && end_ns.is_none_or(|end_ns| monotonic_ns() < end_ns) {
        match ups.events.recv_timeout(STEP) {
            Ok((far, is_up)) => hall.hear(&far, is_up),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        notify.alive();
        if hall.has_failed() {
            break;
        }
    }
    notify.stopping();
    let code = stopped(&stop);
    stop.set();
    hall.join()?;
    let _ = session.close().wait();
    Ok(code)
}

/// Senders that come and go.
pub(crate) struct Ups {
    pub(crate) events: Receiver<(FarBus, bool)>,
    _subscriber: Box<dyn Send>,
}

/// Watches the senders of a bus, or of any.
pub(crate) fn watch(session: &Session, far: &FarBus) -> anyhow::Result<Ups> {
    let (tell, events) = channel();
    let subscriber = session
        .liveliness()
        .declare_subscriber(key(far, "up"))
        .history(true)
        .callback(move |sample| {
            let is_up = sample.kind() == SampleKind::Put;
            if let Some((far, "up")) = of_key(sample.key_expr().as_str()) {
                let _ = tell.send((far, is_up));
            }
        })
        .wait()
        .map_err(|error| anyhow::anyhow!("senders cannot be watched: {error}"))?;
    Ok(Ups {
        events,
        _subscriber: Box::new(subscriber),
    })
}

/// The intakes.
struct Hall<'a> {
    session: Session,
    receiving: &'a Receiving,
    wanted: Vec<Wanted>,
    stop: Stop,
    intakes: HashMap<FarBus, (Teller, JoinHandle<anyhow::Result<()>>)>,
    alone: bool,
    /// Buses that cannot be received, which was said.
    refused: HashSet<FarBus>,
    told_of_many: bool,
}

impl Hall<'_> {
    /// The buses that are wanted by name.
    fn named(&self) -> Vec<FarBus> {
        let named = self.wanted.iter().filter(|wanted| wanted.far.is_one());
        named.map(|wanted| wanted.far.clone()).collect()
    }

    fn start(&mut self, far: &FarBus) -> anyhow::Result<()> {
        let local = self.wanted.iter().find(|wanted| wanted.far == *far);
        let local = local
            .and_then(|wanted| wanted.local.clone())
            .or_else(|| far.local_name());
        let local = local.with_context(|| {
            format!("{far} has too long a name for a bus here: say what it is called, {far}=NAME")
        })?;
        let (receiving, alone) = (self.receiving, self.alone);
        let opened = Intake::open(
            &self.session,
            far.clone(),
            local,
            receiving,
            alone,
            &self.stop,
        );
        let (intake, teller) = opened?;
        self.intakes.insert(far.clone(), (teller, start(intake)?));
        Ok(())
    }

    /// A sender has come or gone.
    fn hear(&mut self, far: &FarBus, is_up: bool) {
        if let Some((teller, _)) = self.intakes.get(far) {
            // Where there is no room frames are coming, which says as much.
            let _ = teller.try_send(Incoming::Up(is_up));
            return;
        }
        if !is_up || !self.wanted.iter().any(|wanted| wanted.far.means(far)) {
            return;
        }
        if self.intakes.len() >= MOST {
            if !self.told_of_many {
                self.told_of_many = true;
                tracing::warn!(
                    "{far} is left out: no more than {MOST} buses are received at a time"
                );
            }
            return;
        }
        tracing::info!("{far} is sent");
        // Anybody may announce a bus, by a name that is none here: the others go on.
        if let Err(error) = self.start(far)
            && self.refused.len() < MOST
            && self.refused.insert(far.clone())
        {
            tracing::warn!("{far} is left out: {error:#}");
        }
    }

    fn has_failed(&self) -> bool {
        self.intakes
            .values()
            .any(|(_, handle)| handle.is_finished())
    }

    fn join(self) -> anyhow::Result<()> {
        let mut result = Ok(());
        for (_, (teller, handle)) in self.intakes {
            drop(teller);
            match handle.join() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => result = Err(error),
                Err(_) => result = Err(anyhow::anyhow!("a thread of the bridge has failed")),
            }
        }
        result
    }
}

/// Starts an intake in a thread of its own.
fn start(mut intake: Intake) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    thread::Builder::new()
        .name("receive".to_owned())
        .spawn(move || intake.run())
        .context("cannot start a thread")
}
