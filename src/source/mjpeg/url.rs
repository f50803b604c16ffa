//! URLs of cameras (RFC 3986).

use framebus::source::SourceError;

/// An `http://` or `https://` URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    /// Whether what is said is encrypted.
    pub(super) tls: bool,
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
        let tls = scheme.eq_ignore_ascii_case("https");
        if !tls && !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong("it is not http or https"));
        }
        // A line of a request ends with one.
        if text.chars().any(char::is_control) {
            return Err(wrong(
                "it has a line break or another control character in it",
            ));
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (address, if tls { "443" } else { "80" }),
        };
        let port = port
            .parse()
            .map_err(|_| wrong("it names no host and port; a / in a password is written %2F"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        let path = escaped(path);
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (decoded(name), decoded(password))
        });
        Ok(Url {
            tls,
            host: host.to_owned(),
            port,
            path: if path.starts_with('/') {
                path
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
        match (self.port, self.tls) {
            (80, false) | (443, true) => host,
            (port, _) => format!("{host}:{port}"),
        }
    }

    /// What the server is, of which a password may be told to no other.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority())
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// User and password.
    pub(super) fn user(&self) -> Option<(&str, &str)> {
        let (user, password) = self.user.as_ref()?;
        Some((user, password))
    }

    /// Where a redirection leads. The user goes along to the same host only, and not from https to http.
    pub(super) fn join(&self, location: &str) -> Result<Url, SourceError> {
        // A relative one may have a URL in its query.
        let is_scheme = |text: &str| {
            text.chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
        };
        if location
            .split_once("://")
            .is_some_and(|(scheme, _)| is_scheme(scheme))
        {
            let mut other = Url::parse(location)?;
            let as_safe = other.tls || !self.tls;
            if other.host == self.host && as_safe && other.user.is_none() {
                other.user.clone_from(&self.user);
            }
            return Ok(other);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return self.join(&format!("{}://{rest}", self.scheme()));
        }
        let location = escaped(location);
        let path = if location.starts_with('/') {
            location
        } else {
            let directory = self.path.rfind('/').unwrap_or(0);
            format!("{}/{location}", &self.path[..directory])
        };
        Ok(Url {
            path,
            ..self.clone()
        })
    }
}

/// A path and query as it is sent: without a fragment, which is nobody's business but ours.
fn escaped(path: &str) -> String {
    path.split('#').next().unwrap_or("").replace(' ', "%20")
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
        assert_eq!(parts("https://cam/x"), expected("cam", 443, "/x", "cam"));
        assert_eq!(parts("https://cam:80"), expected("cam", 80, "/", "cam:80"));
        assert!(Url::parse("http://cam:port/").is_err());
        assert!(Url::parse("http://cam/x\r\nHost: other").is_err());
        assert!(Url::parse("http:///x").is_err());
        let error = Url::parse("http://me:s3cret@cam:port/").expect_err("no port");
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn a_redirection_takes_the_password_to_no_other_host() {
        let url = Url::parse("http://me:a@cam/a/b").expect("a URL");
        assert_eq!(url.join("c").expect("a URL").path, "/a/c");
        let asks = url.join("/c?to=http://x/#y").expect("a URL");
        assert_eq!(
            (&*asks.path, &*asks.host),
            ("/c?to=http://x/", "cam"),
            "a URL in a query is none to go to"
        );
        let blank = Url::parse("http://cam/a b").expect("a URL");
        assert_eq!(blank.path, "/a%20b", "what is proved is what is asked for");
        let user_at = |url: &Url, location| url.join(location).expect("a URL").user.is_some();
        assert!(user_at(&url, "http://cam:81/d"));
        assert!(user_at(&url, "https://cam/d"));
        assert!(user_at(&url, "//cam/d"));
        assert!(!user_at(&url, "http://other/d"));
        let encrypted = Url::parse("https://me:a@cam/a/b").expect("a URL");
        assert!(user_at(&encrypted, "https://cam/d"));
        assert!(!user_at(&encrypted, "http://cam/d"));
    }
}
