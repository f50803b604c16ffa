//! Who may ask.
//!
//! A page of a stranger, in the browser of somebody who may, can send requests to this address. It cannot read the answers,
//! unless its own name leads here (DNS rebinding): so the host that is asked for must be one that no stranger can own.

use std::net::IpAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use thiserror::Error;

use super::query::value;
use crate::http::{Asked, Page, Reply, show};
use crate::system::host_name;
use framebus_tools::file;

/// The fewest characters of a token: not to be guessed by trying.
const SHORTEST: usize = 16;
/// How many bytes the file of a token may have.
const LARGEST: u64 = 4096;

/// Who may ask.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Names of this machine, lower case.
    pub(crate) hosts: Vec<String>,
    /// Pages of other addresses that may show what is here, as browsers write them: `https://host:port`.
    pub(crate) origins: Vec<String>,
    /// What everybody has to know, where that is asked for.
    pub(crate) token: Option<String>,
}

/// Why a token cannot be used.
#[derive(Debug, Error)]
pub(crate) enum GateError {
    /// The file cannot be read.
    #[error("cannot read the token in {path}: {source}")]
    Read {
        path: String,
        source: std::io::Error,
    },
    /// It is none.
    #[error(
        "the first line of {path} is no token: it has {len} characters, at least {SHORTEST} without blanks are needed"
    )]
    Short { path: String, len: usize },
}

/// Reads the first line of a file.
pub(crate) fn read_token(path: &Path) -> Result<String, GateError> {
    let shown = path.display().to_string();
    let text = file::read_text(path, LARGEST).map_err(|source| GateError::Read {
        path: shown.clone(),
        source,
    })?;
    let token = text.lines().next().unwrap_or("").trim();
    if token.chars().count() < SHORTEST || token.contains(char::is_whitespace) {
        let len = token.chars().count();
        return Err(GateError::Short { path: shown, len });
    }
    Ok(token.to_owned())
}

impl Gate {
    /// A gate that knows this machine's own name.
    pub(crate) fn new(hosts: &[String], origins: &[String], token: Option<String>) -> Gate {
        let name = host_name().to_ascii_lowercase();
        let mut all = vec![format!("{name}.local"), name, "localhost".to_owned()];
        all.extend(hosts.iter().map(|host| host.to_ascii_lowercase()));
        let origins = origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase());
        Gate {
            hosts: all,
            origins: origins.collect(),
            token,
        }
    }

    /// Returns the refusal that a request gets, if it does. `is_open`: what everybody may see who reaches this address.
    pub(super) fn refuses(&self, asked: &Asked, is_open: bool) -> Option<Reply> {
        let Some(host) = one_host(asked) else {
            return Some(no(StatusCode::BAD_REQUEST, "one Host is needed\n".into()));
        };
        if !host.is_empty() && !self.knows(name_of(&host)) {
            let words = format!(
                "this is no name of this server: {}\nFor that name, start it with --host\n",
                host.escape_debug()
            );
            return Some(no(StatusCode::MISDIRECTED_REQUEST, words));
        }
        if let Some(origin) = asked.headers.get(ORIGIN)
            && self.allowed_origin(asked).is_none()
            && !is_same(origin, &host)
        {
            let words = "pages of other addresses may not ask: start it with --origin\n";
            return Some(no(StatusCode::FORBIDDEN, words.into()));
        }
        let token = self.token.as_ref().filter(|_| !is_open)?;
        if shown_tokens(asked).any(|shown| is_equal(&shown, token)) {
            return None;
        }
        let mut reply = no(
            StatusCode::UNAUTHORIZED,
            "a token is needed: as password of any user, as Bearer, or as ?token=\n".into(),
        );
        let basic = HeaderValue::from_static("Basic realm=\"framebus\", charset=\"UTF-8\"");
        reply.headers_mut().insert(WWW_AUTHENTICATE, basic);
        Some(reply)
    }

    /// The page of another address that asks and may.
    pub(super) fn allowed_origin<'a>(&self, asked: &'a Asked) -> Option<&'a HeaderValue> {
        let origin = asked.headers.get(ORIGIN)?;
        let text = origin.to_str().ok()?.to_ascii_lowercase();
        self.origins.contains(&text).then_some(origin)
    }

    /// A number is nobody's name, so that no stranger's page can have come under it.
    fn knows(&self, name: &str) -> bool {
        let literal = name.trim_start_matches('[').trim_end_matches(']');
        literal.parse::<IpAddr>().is_ok()
            || name.ends_with(".localhost")
            || self.hosts.iter().any(|host| host == name)
    }
}

fn no(status: StatusCode, words: String) -> Reply {
    show(status, Page::plain(words))
}

/// The host that is asked for, lower case: empty where an old client says none, nothing where it cannot be told.
fn one_host(asked: &Asked) -> Option<String> {
    let mut hosts = asked.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    let named = match (first, second) {
        (_, Some(_)) => return None,
        (Some(host), None) => host.to_str().ok()?.trim().to_ascii_lowercase(),
        (None, None) => String::new(),
    };
    // An address in full wins, and may not say something else.
    match asked.uri.authority() {
        None => Some(named),
        Some(authority) => {
            let authority = authority.as_str().to_ascii_lowercase();
            (named.is_empty() || named == authority).then_some(authority)
        }
    }
}

/// A host without its port and its last dot.
fn name_of(host: &str) -> &str {
    let name = match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn is_same(origin: &HeaderValue, host: &str) -> bool {
    let origin = origin.to_str().unwrap_or("").to_ascii_lowercase();
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| authority == host)
}

/// The tokens that a request shows.
fn shown_tokens(asked: &Asked) -> impl Iterator<Item = String> {
    let header = asked.headers.get(AUTHORIZATION);
    let header = header.and_then(|value| value.to_str().ok());
    let (scheme, rest) = header.and_then(|text| text.split_once(' ')).unzip();
    let rest = rest.unwrap_or("").trim();
    let of_header = match scheme.unwrap_or("").to_ascii_lowercase().as_str() {
        "bearer" => Some(rest.to_owned()),
        "basic" => password(rest),
        _ => None,
    };
    let of_query = value(asked.uri.query().unwrap_or(""), "token");
    of_header.into_iter().chain(of_query)
}

/// The password in `user:password`, with or without what fills Base64 up.
fn password(base64: &str) -> Option<String> {
    let bytes = STANDARD_NO_PAD.decode(base64.trim_end_matches('=')).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Takes the same time wherever the first difference is.
fn is_equal(shown: &str, token: &str) -> bool {
    let pairs = shown.bytes().zip(token.bytes());
    let different = pairs.fold(0, |all, (one, other)| all | (one ^ other));
    shown.len() == token.len() && different == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;

    fn asked(uri: &str, headers: &[(&str, &str)]) -> Asked {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: hyper::header::HeaderName = name.parse().expect("a name");
            map.append(name, value.parse().expect("a value"));
        }
        Asked {
            uri: uri.parse().expect("an address"),
            headers: map,
            is_head: false,
        }
    }

    fn status(gate: &Gate, uri: &str, headers: &[(&str, &str)]) -> u16 {
        let refusal = gate.refuses(&asked(uri, headers), false);
        refusal.map_or(200, |reply| reply.status().as_u16())
    }

    #[test]
    fn only_names_that_no_stranger_can_own_are_answered() {
        let gate = Gate::new(&["Cam.Example.org".to_owned()], &[], None);
        for host in [
            "127.0.0.1:8080",
            "192.168.0.7",
            "[::1]:8080",
            "localhost:8080",
            "LOCALHOST",
            "localhost.",
            "cam.example.org",
            "a.localhost:1",
        ] {
            assert_eq!(status(&gate, "/", &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil",
        ] {
            assert_eq!(status(&gate, "/", &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status(&gate, "http://evil.example/", &[]), 421);
        let two = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status(&gate, "/", &two), 400);
        let other = [("host", "localhost")];
        assert_eq!(status(&gate, "http://evil.example/", &other), 400);
        assert_eq!(status(&gate, "/", &[]), 200, "an old client");
    }

    #[test]
    fn pages_of_other_addresses_may_not_ask_unless_they_are_named() {
        let gate = Gate::new(&[], &["http://octopi.local/".to_owned()], None);
        let from = |origin| [("host", "127.0.0.1:8080"), ("origin", origin)];
        assert_eq!(status(&gate, "/", &from("http://127.0.0.1:8080")), 200);
        assert_eq!(status(&gate, "/", &from("http://octopi.local")), 200);
        for origin in ["null", "http://127.0.0.1:8081", "https://evil.example"] {
            assert_eq!(status(&gate, "/", &from(origin)), 403, "{origin}");
        }
    }

    #[test]
    fn a_token_is_taken_in_three_ways_and_no_other_is() {
        let gate = Gate::new(&[], &[], Some("correct-horse-battery".to_owned()));
        let with = |value| [("authorization", value)];
        assert_eq!(status(&gate, "/?token=correct-horse-battery", &[]), 200);
        assert_eq!(
            status(&gate, "/", &with("Bearer correct-horse-battery")),
            200
        );
        let basic = "Basic YW55Ym9keTpjb3JyZWN0LWhvcnNlLWJhdHRlcnk=";
        assert_eq!(status(&gate, "/", &with(basic)), 200);
        assert_eq!(status(&gate, "/", &[]), 401);
        for wrong in [
            "Bearer correct-horse-batter",
            "Bearer correct-horse-battery1",
            "Bearer",
            "Basic !!!!",
            "Basic YTpi",
            "Digest correct-horse-battery",
        ] {
            assert_eq!(status(&gate, "/?token=", &with(wrong)), 401, "{wrong}");
        }
        assert!(gate.refuses(&asked("/page.js", &[]), true).is_none());
    }
}
