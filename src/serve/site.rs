//! What is answered.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, VARY,
};
use hyper::{StatusCode, Version};

use super::cameras::{Cameras, Due, TooMany};
use super::gate::Gate;
use super::health::Health;
use super::looker::{Looker, Round};
use super::route::{NoRoute, Rendering, Route};
use super::shot::{BOUNDARY, Shot};
use super::want::Viewer;
use crate::http::{Answering, Asked, Content, Limits, Page, Reply, Server, show};
use framebus::bus::{BusName, Observer};
use framebus::observe::Thresholds;
use framebus::stop::Stop;

/// The type of Prometheus' text format, as it documents it.
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const JPEG: &str = "image/jpeg";
/// How long the first picture may take before there is none.
const FIRST: Duration = Duration::from_secs(2);
/// What the system keeps of a stream for a client: about one picture.
const SEND_BUFFER: usize = 128 * 1024;
/// How long a client must have been still before another gets its place: longer than between two events.
const STILL: Duration = Duration::from_secs(3);

/// What is served, and how.
pub(crate) struct Settings {
    pub(crate) address: SocketAddr,
    /// Only these buses; all where there is none.
    pub(crate) only: Vec<BusName>,
    /// Whose pictures are meant where an address names no bus and there are several.
    pub(crate) preferred: BusName,
    pub(crate) gate: Gate,
    pub(crate) max_clients: usize,
    pub(crate) interval: Duration,
    pub(crate) thresholds: Thresholds,
    /// Writes what is at /metrics.
    pub(crate) metrics: Box<dyn FnMut() -> String>,
    pub(crate) end_ns: Option<u64>,
}

/// Answers until somebody asks to stop; `ready` is told the address when it listens.
pub(crate) fn serve(
    settings: Settings,
    ready: impl FnOnce(SocketAddr),
    stop: &Stop,
) -> io::Result<()> {
    let limits = Limits {
        clients: settings.max_clients,
        still_time: STILL,
        send_buffer: Some(SEND_BUFFER),
        ..Limits::default()
    };
    let server = Server::bind(settings.address, limits)?;
    ready(server.address()?);
    let looker = Looker::start(
        settings.only.clone(),
        settings.interval,
        settings.thresholds,
    )?;
    let site = Rc::new(Site {
        policy: policy(&settings.gate),
        gate: settings.gate,
        only: settings.only,
        preferred: settings.preferred,
        cameras: Cameras::default(),
        looker,
        metrics: RefCell::new(settings.metrics),
    });
    let answer = move |asked: Asked| {
        let site = Rc::clone(&site);
        Box::pin(async move { site.answer(asked).await }) as Answering
    };
    server.answer(answer, settings.end_ns, stop)
}

struct Site {
    gate: Gate,
    policy: HeaderValue,
    only: Vec<BusName>,
    preferred: BusName,
    cameras: Cameras,
    looker: Looker,
    metrics: RefCell<Box<dyn FnMut() -> String>>,
}

/// What the page may load and who may frame it: nothing from elsewhere, and nobody else but those who are named.
fn policy(gate: &Gate) -> HeaderValue {
    let framed_by = gate.origins.join(" ");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self' {framed_by}"
    );
    let strict = HeaderValue::from_static("default-src 'none'");
    policy.trim_end().parse().unwrap_or(strict)
}

impl Site {
    async fn answer(&self, asked: Asked) -> Reply {
        let route = Route::of(asked.uri.path(), asked.uri.query().unwrap_or(""));
        let is_open = route.as_ref().is_ok_and(Route::is_open);
        let mut reply = match self.gate.refuses(&asked, is_open) {
            Some(refusal) => refusal,
            None => match route {
                Ok(route) => self.show(route, asked.is_head).await,
                Err(NoRoute::NotFound) => not_found("not found\n".into()),
                Err(NoRoute::Bad(words)) => show(StatusCode::BAD_REQUEST, Page::plain(words)),
            },
        };
        let headers = reply.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // A browser gives pictures to pages of other sites only if this says so.
        let sites = if self.gate.origins.is_empty() {
            "same-site"
        } else {
            "cross-origin"
        };
        headers.insert(
            "Cross-Origin-Resource-Policy",
            HeaderValue::from_static(sites),
        );
        if let Some(origin) = self.gate.allowed_origin(&asked) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        }
        reply
    }

    async fn show(&self, route: Route, is_head: bool) -> Reply {
        let ok =
            |content_type, body: &'static str| show(StatusCode::OK, Page::new(content_type, body));
        match route {
            Route::Page => ok("text/html; charset=utf-8", include_str!("page/index.html")),
            Route::Script => ok(
                "text/javascript; charset=utf-8",
                include_str!("page/page.js"),
            ),
            Route::Style => ok("text/css; charset=utf-8", include_str!("page/style.css")),
            Route::Icon => ok("image/svg+xml", include_str!("page/icon.svg")),
            Route::Events => self.events(is_head),
            Route::Buses => match self.looker.round().await {
                Some(round) => show(StatusCode::OK, Page::new(JSON, round.json.clone())),
                None => unavailable("nobody could look at the buses\n".into()),
            },
            Route::Bus(name) => self.bus(&name).await,
            Route::Health => self.health().await,
            Route::Metrics => {
                let text = (self.metrics.borrow_mut())();
                show(StatusCode::OK, Page::new(PROMETHEUS, text))
            }
            Route::Stream(bus, rendering, fps) => match self.first(bus, rendering).await {
                Ok((_, first)) if is_head => stream_of(Content::no_parts(), &first),
                Ok((viewer, first)) => stream(viewer, Due::new(fps), first),
                Err(refused) => refused.reply(),
            },
            Route::Snapshot(bus, rendering) => match self.first(bus, rendering).await {
                Ok((_, shot)) => snapshot(&shot),
                Err(refused) => refused.reply(),
            },
        }
    }

    /// The bus that an address means.
    fn find(&self, name: Option<&str>) -> Result<BusName, Refused> {
        let mut buses = if self.only.is_empty() {
            Observer::buses()
        } else {
            self.only.clone()
        };
        let Some(name) = name else {
            return match buses.len() {
                _ if !self.only.is_empty() => Ok(buses.swap_remove(0)),
                1 => Ok(buses.swap_remove(0)),
                _ if buses.contains(&self.preferred) => Ok(self.preferred.clone()),
                0 => Err(Refused::unavailable("there is no bus\n")),
                _ => {
                    let names: Vec<String> = buses.iter().map(ToString::to_string).collect();
                    let names = names.join(", ");
                    let words =
                        format!("there are several buses, so say which: /buses/NAME/… ({names})\n");
                    Err(Refused::not_found(words))
                }
            };
        };
        let known = name.parse().ok().filter(|bus| buses.contains(bus));
        known.ok_or_else(|| Refused::not_found("there is no such bus\n"))
    }

    /// Watches a bus, and waits for its first picture.
    async fn first(
        &self,
        bus: Option<String>,
        rendering: Rendering,
    ) -> Result<(Viewer, Arc<Shot>), Refused> {
        let bus = self.find(bus.as_deref())?;
        let watching = self.cameras.watch(&bus, rendering);
        let mut viewer = watching.map_err(|TooMany| {
            Refused::unavailable("this bus is watched in too many different sizes and qualities\n")
        })?;
        match tokio::time::timeout(FIRST, viewer.next()).await {
            Ok(Some(shot)) => Ok((viewer, shot)),
            _ => Err(Refused::unavailable(format!(
                "bus {bus} has no picture now\n"
            ))),
        }
    }

    async fn bus(&self, name: &str) -> Reply {
        if let Err(refused) = self.find(Some(name)) {
            return refused.reply();
        }
        let round = self.looker.round().await;
        let buses = round.iter().flat_map(|round| &round.buses);
        let mut found = buses.filter(|snapshot| snapshot.bus == name);
        match found.next().map(serde_json::to_vec) {
            Some(Ok(json)) => show(StatusCode::OK, Page::new(JSON, json)),
            _ => unavailable(format!("nobody could look at bus {name}\n")),
        }
    }

    async fn health(&self) -> Reply {
        let Some(round) = self.looker.round().await else {
            return unavailable("nobody could look at the buses\n".into());
        };
        let health = Health::of(&round.buses);
        let status = if health.healthy {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        let json = serde_json::to_vec(&health).unwrap_or_default();
        show(status, Page::new(JSON, json))
    }

    /// Snapshots as they are taken; who is slow gets the newest.
    fn events(&self, is_head: bool) -> Reply {
        if is_head {
            return in_parts(Content::no_parts(), EVENTS);
        }
        let content = Content::parts(self.looker.rounds(), |mut rounds| {
            Box::pin(async move {
                rounds.changed().await.ok()?;
                let round: Arc<Round> = Arc::clone(&rounds.borrow_and_update());
                let event = [b"data: ", &*round.json, b"\n\n"].concat();
                Some((event.into(), rounds))
            })
        });
        in_parts(content, EVENTS)
    }
}

/// Pictures one after the other, for as long as somebody takes them.
fn stream(viewer: Viewer, due: Due, first: Arc<Shot>) -> Reply {
    let start = (viewer, due, Some(Arc::clone(&first)));
    let content = Content::parts(start, |(mut viewer, mut due, first)| {
        Box::pin(async move {
            due.wait().await;
            let part = match first {
                Some(shot) => [format!("--{BOUNDARY}\r\n").as_bytes(), &shot.part]
                    .concat()
                    .into(),
                None => viewer.next().await?.part.clone(),
            };
            Some((part, (viewer, due, None)))
        })
    });
    stream_of(content, &first)
}

fn stream_of(content: Content, first: &Shot) -> Reply {
    let mut reply = in_parts(content, "multipart/x-mixed-replace; boundary=framebus");
    // Without chunks, as ustreamer and mjpg-streamer answer: some clients of theirs know no other way.
    *reply.version_mut() = Version::HTTP_10;
    let close = HeaderValue::from_static("close");
    reply.headers_mut().insert(CONNECTION, close);
    stamp(&mut reply, first);
    reply
}

fn in_parts(content: Content, content_type: &'static str) -> Reply {
    let mut reply = show(StatusCode::OK, Page::new(content_type, ""));
    *reply.body_mut() = content;
    // A proxy that collects would make it late.
    let headers = reply.headers_mut();
    headers.insert("X-Accel-Buffering", HeaderValue::from_static("no"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

fn snapshot(shot: &Shot) -> Reply {
    let mut reply = show(StatusCode::OK, Page::new(JPEG, shot.jpeg()));
    stamp(&mut reply, shot);
    reply
}

/// Says which frame it is.
fn stamp(reply: &mut Reply, shot: &Shot) {
    let headers = reply.headers_mut();
    headers.insert("X-Sequence", HeaderValue::from(shot.of.sequence));
    let time = shot.timestamp().and_then(|time| time.parse().ok());
    if let Some(time) = time {
        headers.insert("X-Timestamp", time);
    }
}

/// Why there is no picture.
#[derive(Debug)]
struct Refused {
    is_there: bool,
    words: String,
}

impl Refused {
    fn not_found(words: impl Into<String>) -> Refused {
        let words = words.into();
        Refused {
            is_there: false,
            words,
        }
    }

    fn unavailable(words: impl Into<String>) -> Refused {
        let words = words.into();
        Refused {
            is_there: true,
            words,
        }
    }

    fn reply(self) -> Reply {
        if self.is_there {
            unavailable(self.words)
        } else {
            not_found(self.words)
        }
    }
}

fn not_found(words: String) -> Reply {
    show(StatusCode::NOT_FOUND, Page::plain(words))
}

fn unavailable(words: String) -> Reply {
    let mut reply = show(StatusCode::SERVICE_UNAVAILABLE, Page::plain(words));
    reply
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from_static("2"));
    reply
}
