//! URLs of cameras, and how their servers want to be told who asks (RFC 3986, 7617, 7616).

use framebus::source::SourceError;

/// An `http://` URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) host: String,
    pub(super) port: u16,
    /// With the query; begins with `/`.
    pub(super) path: String,
    user: Option<(String, String)>,
    /// As it may be shown.
    pub(super) shown: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Result<Url, SourceError> {
        let shown = framebus::redact::without_secrets(text).into_owned();
        let wrong = |why: &str| SourceError::Unusable(format!("{shown} cannot be opened: {why}"));
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| wrong("it is no URL"))?;
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong("it is not http"));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (address, "80"),
        };
        let port = port
            .parse()
            .map_err(|_| wrong("it names no host and port; a / in a password is written %2F"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let path = path.split('#').next().unwrap_or("");
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (decoded(name), decoded(password))
        });
        Ok(Url {
            host: host.to_owned(),
            port,
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
            user,
            shown,
        })
    }

    /// What `Host:` says.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match self.port {
            80 => host,
            port => format!("{host}:{port}"),
        }
    }

    pub(super) fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// Where a redirection leads; the user goes along to the same host only.
    pub(super) fn join(&self, location: &str) -> Result<Url, SourceError> {
        if location.contains("://") {
            let mut other = Url::parse(location)?;
            if other.host == self.host && other.user.is_none() {
                other.user.clone_from(&self.user);
            }
            return Ok(other);
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else {
            let directory = self.path.rfind('/').unwrap_or(0);
            format!("{}/{location}", &self.path[..directory])
        };
        Ok(Url {
            path,
            ..self.clone()
        })
    }

    /// The answer to a server's `WWW-Authenticate`; `None` without a user, or when it wants what is not known here.
    pub(super) fn authorization(&self, challenges: &[&str]) -> Option<String> {
        let (user, password) = self.user.as_ref()?;
        let of = |scheme: &str| {
            challenges.iter().find_map(|challenge| {
                let (name, rest) = challenge.trim().split_once(' ').unwrap_or((challenge, ""));
                name.eq_ignore_ascii_case(scheme).then_some(rest)
            })
        };
        if let Some(answer) = of("Digest").and_then(|rest| self.digest(rest, user, password)) {
            return Some(answer);
        }
        of("Basic").map(|_| format!("Basic {}", base64(format!("{user}:{password}").as_bytes())))
    }

    fn digest(&self, challenge: &str, user: &str, password: &str) -> Option<String> {
        let value = |name: &str| parameter(challenge, name);
        let (realm, nonce) = (value("realm")?, value("nonce")?);
        let algorithm = value("algorithm").unwrap_or_else(|| "MD5".into());
        if !algorithm.eq_ignore_ascii_case("MD5") {
            return None;
        }
        let md5 = |text: String| format!("{:x}", md5::compute(text));
        let secret = md5(format!("{user}:{realm}:{password}"));
        let request = md5(format!("GET:{}", self.path));
        let quality = value("qop").filter(|all| all.split(',').any(|one| one.trim() == "auth"));
        let proof = match quality {
            Some(_) => {
                // Each request has a connection of its own, and so the first number.
                let own = format!("{:016x}", framebus::clock::monotonic_ns());
                let response = md5(format!("{secret}:{nonce}:00000001:{own}:auth:{request}"));
                format!("response=\"{response}\", qop=auth, nc=00000001, cnonce=\"{own}\"")
            }
            None => format!(
                "response=\"{}\"",
                md5(format!("{secret}:{nonce}:{request}"))
            ),
        };
        let opaque =
            value("opaque").map_or(String::new(), |opaque| format!(", opaque=\"{opaque}\""));
        Some(format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{}\", algorithm=MD5, {proof}{opaque}",
            self.path
        ))
    }
}

/// The value of `name=value` or `name="value"` in a list of them.
pub(super) fn parameter(list: &str, name: &str) -> Option<String> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.rsplit([',', ';', ' ']).next()?.trim();
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find([',', ';']).unwrap_or(after.len())),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = next;
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| byte == b'%');
        let hex = hex.and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk
            .iter()
            .fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        let number = number << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= chunk.len() {
                letter.into()
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_in_every_form() {
        let url = |text| Url::parse(text).expect("a URL");
        let parts = |text| {
            let url = url(text);
            (
                url.host.clone(),
                url.port,
                url.path.clone(),
                url.authority(),
            )
        };
        let expected = |host: &str, port, path: &str, authority: &str| {
            (host.to_owned(), port, path.to_owned(), authority.to_owned())
        };
        assert_eq!(parts("http://cam"), expected("cam", 80, "/", "cam"));
        assert_eq!(
            parts("HTTP://me:a@b@cam:81/x?y=1#z"),
            expected("cam", 81, "/x?y=1", "cam:81")
        );
        assert_eq!(
            parts("http://[::1]:9?a"),
            expected("::1", 9, "/?a", "[::1]:9")
        );
        assert!(Url::parse("http://cam:port/").is_err());
        assert!(Url::parse("http:///x").is_err());
        let error = Url::parse("http://me:s3cret@cam:port/").expect_err("no port");
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn a_redirection_takes_the_password_to_no_other_host() {
        let url = Url::parse("http://me:a@cam/a/b").expect("a URL");
        assert_eq!(url.join("c").expect("a URL").path, "/a/c");
        assert!(url.join("http://cam:81/d").expect("a URL").has_user());
        assert!(!url.join("http://other/d").expect("a URL").has_user());
    }

    /// The example of RFC 2617, 3.5, without `qop`, whose answer does not change.
    #[test]
    fn servers_are_answered_as_they_ask() {
        let url = Url::parse("http://Mufasa:Circle%20Of%20Life@cam/dir/index.html").expect("a URL");
        let digest = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc\"";
        let answer = url
            .authorization(&["Basic realm=\"x\"", digest])
            .expect("an answer");
        assert!(
            answer.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""),
            "{answer}"
        );
        assert!(answer.contains("opaque=\"5ccc\""));
        let qop = format!("{digest}, qop=\"auth,auth-int\"");
        assert!(
            url.authorization(&[&qop])
                .expect("an answer")
                .contains("nc=00000001")
        );
        let basic = Url::parse("http://Aladdin:open sesame@cam/").expect("a URL");
        assert_eq!(
            basic.authorization(&["Basic realm=\"x\""]).as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!(
            Url::parse("http://cam/")
                .expect("a URL")
                .authorization(&[digest]),
            None
        );
    }

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let list = "multipart/x-mixed-replace; boundary=\"--a;b\"; x=y";
        assert_eq!(parameter(list, "boundary").as_deref(), Some("--a;b"));
        assert_eq!(parameter(list, "x").as_deref(), Some("y"));
        assert_eq!(parameter(list, "z"), None);
    }
}
