//! A request and its answer: redirections, a password when the server asks for one, then pictures.

use std::io::ErrorKind;
use std::time::Duration;

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::source::SourceError;
use framebus::stop::Stop;

use super::body::{Body, Head};
use super::fields::parameter;
use super::link::{Got, Link, NoLink, NoTls, due_ns};
use super::login::{Challenged, Login};
use super::pictures::{Found, Pictures};
use super::tls::Trust;
use super::url::Url;

/// How often a server may send somewhere else.
const REDIRECTIONS: u32 = 5;
/// How often it may want another proof of who asks.
const PROOFS: u32 = 3;
/// How many bytes may come before the first picture begins.
const BEFORE_A_PICTURE: usize = 64 << 10;

/// What opening a URL comes to.
#[derive(Debug)]
pub(super) enum Answer {
    Pictures(Exchange),
    /// What comes is no picture: its type, for a message.
    Other(String),
    Stopped,
}

/// What came of waiting for a picture.
#[derive(Debug)]
pub(super) enum Came {
    Picture(Picture),
    Broken,
    /// The server has closed the connection, or the answer is complete.
    End,
    /// Nothing came at all, or nothing that is a picture.
    Nothing {
        silent: bool,
    },
    Stopped,
}

/// A picture, and when its first bytes came.
#[derive(Debug, Clone)]
pub(super) struct Picture {
    pub(super) bytes: Vec<u8>,
    pub(super) capture_ns: u64,
    pub(super) wall_ns: u64,
}

/// What is kept from one request to the next: whom to believe, and what a server wants to be told.
#[derive(Debug)]
pub(super) struct Client {
    trust: Trust,
    login: Login,
}

impl Client {
    pub(super) fn new(trust: Trust) -> Client {
        Client {
            trust,
            login: Login::default(),
        }
    }

    /// Takes what a server wants to be told; `Some` when it cannot be told that.
    fn wants(&mut self, url: &Url, fields: &[&str], told: bool, text: &str) -> Option<SourceError> {
        match self.login.challenge(url, fields, told) {
            Challenged::Again => None,
            Challenged::NoUser => Some(SourceError::Permission(format!(
                "{} cannot be opened: the server wants a user and a password, in front of its name: USER:PASSWORD@{}",
                url.shown,
                url.authority()
            ))),
            Challenged::Unknown => Some(wrong(
                url,
                "the server wants a kind of password that is not known here; try --backend opencv"
                    .into(),
            )),
            Challenged::Refused => Some(refused(url, text)),
        }
    }
}

/// An answer whose body has pictures in it.
#[derive(Debug)]
pub(super) struct Exchange {
    link: Link,
    body: Body,
    pictures: Pictures,
    /// When the picture began that is being read.
    began: Option<(u64, u64)>,
    space: Vec<u8>,
    /// Whether each request is answered with one picture.
    pub(super) single: bool,
}

impl Exchange {
    /// Asks for a URL and reads the head of the answer.
    pub(super) fn open(
        url: &Url,
        client: &mut Client,
        patience: Duration,
        stop: &Stop,
    ) -> Result<Answer, SourceError> {
        let mut url = url.clone();
        let mut proofs = 0;
        let mut redirections = 0;
        loop {
            let authorization = client.login.authorization(&url);
            let told = authorization.is_some();
            let asked = ask(&url, authorization.as_deref(), client, patience, stop)?;
            let (head, rest, link) = match asked {
                Asked::Answer(head, rest, link) => (head, rest, link),
                Asked::Other => return Ok(Answer::Other("no answer of HTTP".into())),
                Asked::Stopped => return Ok(Answer::Stopped),
            };
            match head.status {
                200..=299 => return Ok(Exchange::of(&head, &rest, link)),
                301 | 302 | 303 | 307 | 308 if redirections < REDIRECTIONS => {
                    let to = head.get("location").ok_or_else(|| {
                        wrong(
                            &url,
                            format!("the server answers {} and does not say where to", head.text),
                        )
                    })?;
                    url = url.join(to)?;
                    redirections += 1;
                }
                401 if proofs < PROOFS => {
                    proofs += 1;
                    let fields = head.all("www-authenticate");
                    if let Some(why) = client.wants(&url, &fields, told, &head.text) {
                        return Err(why);
                    }
                }
                401 | 403 => return Err(refused(&url, &head.text)),
                _ => {
                    return Err(wrong(
                        &url,
                        format!("the server answers {}; check the path", head.text),
                    ));
                }
            }
        }
    }

    fn of(head: &Head, rest: &[u8], link: Link) -> Answer {
        let kind = head.get("content-type").unwrap_or("").to_ascii_lowercase();
        let multipart = kind.starts_with("multipart/");
        let nameless = kind.is_empty()
            || kind.starts_with("application/octet-stream")
            || kind.starts_with("text/plain");
        let single = kind.starts_with("image/jpeg") || kind.starts_with("image/jpg");
        if !multipart && !single && !nameless {
            return Answer::Other(kind);
        }
        let boundary = head
            .get("content-type")
            .and_then(|kind| parameter(kind, "boundary"));
        let mut exchange = Exchange {
            link,
            body: Body::of(head),
            pictures: Pictures::new(boundary.as_deref()),
            began: None,
            space: vec![0; 64 << 10],
            single,
        };
        exchange.take(rest);
        Answer::Pictures(exchange)
    }

    /// Waits for the next picture, for as long as `patience`.
    pub(super) fn next(&mut self, patience: Duration, stop: &Stop) -> std::io::Result<Came> {
        let due_ns = due_ns(patience);
        let mut came = 0;
        loop {
            match self.pictures.next() {
                Some(Found::Picture(bytes)) => {
                    let now = (monotonic_ns(), wall_ns());
                    let (capture_ns, wall_ns) = self.began.take().unwrap_or(now);
                    self.note();
                    return Ok(Came::Picture(Picture {
                        bytes,
                        capture_ns,
                        wall_ns,
                    }));
                }
                Some(Found::Broken) => {
                    self.began = None;
                    self.note();
                    return Ok(Came::Broken);
                }
                None => {}
            }
            self.note();
            if self.body == Body::Done {
                return Ok(self.pictures.end().map_or(Came::End, |_| Came::Broken));
            }
            if came > BEFORE_A_PICTURE && !self.pictures.is_inside() {
                return Ok(Came::Nothing { silent: false });
            }
            let mut space = std::mem::take(&mut self.space);
            let got = self.link.read(&mut space, stop, due_ns);
            if let Ok(Got::Data(len)) = got {
                came += len;
                self.take(&space[..len]);
            }
            self.space = space;
            match got? {
                Got::Data(_) => {}
                Got::End => self.body = Body::Done,
                Got::Nothing => return Ok(Came::Nothing { silent: came == 0 }),
                Got::Stopped => return Ok(Came::Stopped),
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let pictures = &mut self.pictures;
        self.body.take(bytes, |bytes| pictures.push(bytes));
    }

    /// Notes when a picture begins.
    fn note(&mut self) {
        if self.pictures.is_inside() {
            self.began
                .get_or_insert_with(|| (monotonic_ns(), wall_ns()));
        }
    }
}

enum Asked {
    Answer(Head, Vec<u8>, Link),
    /// What comes is not HTTP.
    Other,
    Stopped,
}

fn wrong(url: &Url, why: String) -> SourceError {
    SourceError::Unusable(format!("{} cannot be opened: {why}", url.shown))
}

fn refused(url: &Url, text: &str) -> SourceError {
    SourceError::Permission(format!(
        "{} cannot be opened: the server answers {text}; check user and password",
        url.shown
    ))
}

/// Connects to a server; `None` when somebody asks to stop.
fn connect(
    url: &Url,
    client: &mut Client,
    patience: Duration,
    stop: &Stop,
) -> Result<Option<Link>, SourceError> {
    let (host, port) = (&url.host, url.port);
    let wrong = |why: String| wrong(url, why);
    // What cannot be read here is said before anybody is asked.
    let config = url.tls.then(|| client.trust.config()).transpose();
    let config = config.map_err(wrong)?;
    let silent = || format!("{host} port {port} does not answer; check that the server runs");
    let mut link = match Link::connect(host, port, patience, stop) {
        Ok(link) => link,
        Err(NoLink::Stopped) => return Ok(None),
        Err(NoLink::UnknownHost) => {
            return Err(wrong(format!(
                "the host {host} is not known; check its name"
            )));
        }
        Err(NoLink::Refused(why)) => {
            return Err(wrong(format!(
                "{host} port {port} does not accept a connection ({why}); check that the server runs"
            )));
        }
        Err(NoLink::Silent) => return Err(wrong(silent())),
    };
    let Some(config) = config else {
        return Ok(Some(link));
    };
    match link.encrypt(host, config, patience, stop) {
        Ok(()) => Ok(Some(link)),
        Err(NoTls::Stopped) => Ok(None),
        Err(NoTls::Silent) => Err(wrong(silent())),
        Err(NoTls::Name) => Err(wrong(format!("no certificate can be for the name {host}"))),
        Err(NoTls::HungUp) => Err(wrong(
            "the server hangs up; try http:// or another port".into(),
        )),
        Err(NoTls::Lost(error)) => Err(wrong(format!("the connection is lost: {error}"))),
        Err(NoTls::Refused(error)) => Err(wrong(client.trust.words(host, port, &error))),
    }
}

fn ask(
    url: &Url,
    authorization: Option<&str>,
    client: &mut Client,
    patience: Duration,
    stop: &Stop,
) -> Result<Asked, SourceError> {
    let Some(mut link) = connect(url, client, patience, stop)? else {
        return Ok(Asked::Stopped);
    };
    let wrong = |why: String| wrong(url, why);
    let authorization =
        authorization.map_or(String::new(), |how| format!("Authorization: {how}\r\n"));
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: framebus/{}\r\nAccept: */*\r\n{authorization}Connection: close\r\n\r\n",
        url.path,
        url.authority(),
        env!("CARGO_PKG_VERSION")
    );
    let lost = |error: std::io::Error| wrong(format!("the connection is lost: {error}"));
    match link.send(request.as_bytes(), stop, patience) {
        Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Asked::Stopped),
        sent => sent.map_err(lost)?,
    }
    let due_ns = due_ns(patience);
    let mut bytes = Vec::new();
    let mut space = [0; 4096];
    loop {
        match Head::parse(&bytes) {
            Ok(Some((head, len))) => return Ok(Asked::Answer(head, bytes.split_off(len), link)),
            Ok(None) => {}
            Err(()) => return Ok(Asked::Other),
        }
        match link.read(&mut space, stop, due_ns).map_err(lost)? {
            Got::Data(len) => bytes.extend_from_slice(&space[..len]),
            Got::End => return Err(wrong("the server hangs up without an answer".into())),
            Got::Nothing => {
                return Err(wrong(format!(
                    "the server accepts the connection and sends no video within {} s",
                    patience.as_secs_f64()
                )));
            }
            Got::Stopped => return Ok(Asked::Stopped),
        }
    }
}
