//! How a server wants to be told who asks: by a password (RFC 7617), or by a proof that one knows it (RFC 7616).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Algorithm, SHA256, SHA512_256, digest};

use super::fields::{challenges, parameter, quoted};
use super::url::Url;

/// What a server wants to be told, and how often it was told.
#[derive(Debug, Default)]
pub(super) struct Login {
    /// Whom this is for, and what it wants.
    wants: Option<(String, Wants)>,
    /// Requests that were made with this number of the server.
    count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Wants {
    Password,
    Proof(Challenge),
}

/// A challenge of digest authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    hash: Hash,
    /// Whether the secret has the numbers of both sides in it (`-sess`).
    session: bool,
    /// Whether requests are counted (`qop=auth`); servers of RFC 2069 do not.
    counted: bool,
    /// Whether the user's name is hashed.
    user_hashed: bool,
    /// Whether the server says that only its number was too old.
    stale: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512256,
}

/// What comes of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Challenged {
    /// Ask again, with what it wants.
    Again,
    /// The URL has no user.
    NoUser,
    /// It wants what is not known here.
    Unknown,
    /// User or password is wrong.
    Refused,
}

impl Login {
    /// What a request says of its user; nothing to a server that has not asked.
    pub(super) fn authorization(&mut self, url: &Url) -> Option<String> {
        let (user, password) = url.user()?;
        let (origin, wants) = self.wants.as_ref()?;
        if *origin != url.origin() {
            return None;
        }
        Some(match wants {
            Wants::Password => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Wants::Proof(challenge) => {
                self.count += 1;
                challenge.answer(user, password, &url.path, self.count, &number())
            }
        })
    }

    /// Takes what a server wants that has not answered a request. `told` is whether that request had an authorization.
    pub(super) fn challenge(&mut self, url: &Url, fields: &[&str], told: bool) -> Challenged {
        if url.user().is_none() {
            return Challenged::NoUser;
        }
        let origin = url.origin();
        let Some(wants) = wanted(fields) else {
            return Challenged::Unknown;
        };
        let fresh = match (&wants, &self.wants) {
            _ if !told => true,
            // A number that has served before is too old, even where the server does not say so.
            (Wants::Proof(new), Some((_, Wants::Proof(old)))) => {
                new.stale || (self.count > 1 && new.nonce != old.nonce)
            }
            _ => false,
        };
        if !fresh {
            self.wants = None;
            return Challenged::Refused;
        }
        self.wants = Some((origin, wants));
        self.count = 0;
        Challenged::Again
    }
}

impl Challenge {
    fn of(parameters: &str) -> Option<Challenge> {
        let value = |name: &str| parameter(parameters, name);
        let is = |name: &str| value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let algorithm = value("algorithm").unwrap_or_else(|| "MD5".into());
        let algorithm = algorithm.to_ascii_uppercase();
        let (name, session) = match algorithm.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (&algorithm[..], false),
        };
        let qop = value("qop");
        let counted = qop
            .as_ref()
            .is_some_and(|all| all.split(',').any(|one| one.trim() == "auth"));
        if qop.is_some() && !counted {
            return None;
        }
        Some(Challenge {
            realm: value("realm")?,
            nonce: value("nonce")?,
            opaque: value("opaque"),
            hash: match name {
                "MD5" => Hash::Md5,
                "SHA-256" => Hash::Sha256,
                "SHA-512-256" => Hash::Sha512256,
                _ => return None,
            },
            session,
            counted,
            user_hashed: is("userhash"),
            stale: is("stale"),
        })
    }

    /// What is said of a request for `path`, the `count`th with this challenge; `own` is a number that nobody can guess.
    fn answer(&self, user: &str, password: &str, path: &str, count: u32, own: &str) -> String {
        let hash = |text: String| self.hash.of(&text);
        let (realm, nonce) = (&self.realm, &self.nonce);
        let mut secret = hash(format!("{user}:{realm}:{password}"));
        if self.session {
            secret = hash(format!("{secret}:{nonce}:{own}"));
        }
        let request = hash(format!("GET:{path}"));
        let name = if self.user_hashed {
            hash(format!("{user}:{realm}"))
        } else {
            user.to_owned()
        };
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", algorithm={}{}",
            quoted(&name),
            quoted(realm),
            quoted(nonce),
            quoted(path),
            self.hash.name(),
            if self.session { "-sess" } else { "" }
        );
        if self.counted {
            let response = hash(format!("{secret}:{nonce}:{count:08x}:{own}:auth:{request}"));
            text +=
                &format!(", response=\"{response}\", qop=auth, nc={count:08x}, cnonce=\"{own}\"");
        } else {
            let response = hash(format!("{secret}:{nonce}:{request}"));
            text += &format!(", response=\"{response}\"");
            if self.session {
                text += &format!(", cnonce=\"{own}\"");
            }
        }
        if let Some(opaque) = &self.opaque {
            text += &format!(", opaque=\"{}\"", quoted(opaque));
        }
        if self.user_hashed {
            text += ", userhash=true";
        }
        text
    }
}

impl Hash {
    fn name(self) -> &'static str {
        match self {
            Hash::Md5 => "MD5",
            Hash::Sha256 => "SHA-256",
            Hash::Sha512256 => "SHA-512-256",
        }
    }

    fn of(self, text: &str) -> String {
        let sha = |algorithm: &'static Algorithm| hex(digest(algorithm, text.as_bytes()).as_ref());
        match self {
            Hash::Md5 => format!("{:x}", md5::compute(text)),
            Hash::Sha256 => sha(&SHA256),
            Hash::Sha512256 => sha(&SHA512_256),
        }
    }
}

/// The best of what a server would have: its first challenge of those that are known, a proof before a password.
fn wanted(fields: &[&str]) -> Option<Wants> {
    let all: Vec<(&str, &str)> = fields.iter().flat_map(|field| challenges(field)).collect();
    let of = |wanted: &'static str| {
        let all = all
            .iter()
            .filter(move |(scheme, _)| scheme.eq_ignore_ascii_case(wanted));
        all.map(|(_, parameters)| *parameters)
    };
    if let Some(challenge) = of("Digest").find_map(Challenge::of) {
        return Some(Wants::Proof(challenge));
    }
    of("Basic").next().map(|_| Wants::Password)
}

/// A number that nobody can guess.
fn number() -> String {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 16];
    // Without it the time has to do: it only has to be another one each time.
    if SystemRandom::new().fill(&mut bytes).is_err() {
        bytes[..8].copy_from_slice(&framebus::clock::monotonic_ns().to_le_bytes());
    }
    hex(&bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    /// The examples of RFC 7616, 3.9.1.
    #[test]
    fn proofs_are_those_of_the_standard() {
        const OWN: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let challenge = |algorithm: &str| {
            let text = format!(
                "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
                 nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            Challenge::of(&text).expect("a challenge")
        };
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = challenge(algorithm);
            let answer = challenge.answer("Mufasa", "Circle of Life", "/dir/index.html", 1, OWN);
            let expected =
                format!("algorithm={algorithm}, response=\"{response}\", qop=auth, nc=00000001,");
            assert!(answer.contains(&expected), "{answer}");
            assert!(answer.contains("opaque=\"FQhe/"), "{answer}");
        }
    }

    /// The example of RFC 2617, 3.5, without `qop`, whose answer does not change.
    #[test]
    fn servers_are_answered_as_they_ask() {
        let url = url("http://Mufasa:Circle%20Of%20Life@cam/dir/index.html");
        let digest = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc\"";
        let mut login = Login::default();
        assert_eq!(login.authorization(&url), None);
        let again = login.challenge(&url, &["Basic realm=\"x\"", digest], false);
        assert_eq!(again, Challenged::Again);
        let answer = login.authorization(&url).expect("an answer");
        assert!(
            answer.contains("response=\"670fd8c2df070c60b045671b8b24ff02\""),
            "{answer}"
        );
        assert_eq!(login.authorization(&self::url("http://x:y@other/")), None);
        let basic = self::url("http://Aladdin:open sesame@cam/");
        login.challenge(&basic, &["Basic realm=\"x\""], false);
        assert_eq!(
            login.authorization(&basic).as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        let nobody = self::url("http://cam/");
        assert_eq!(
            login.challenge(&nobody, &[digest], false),
            Challenged::NoUser
        );
        assert_eq!(
            login.challenge(&basic, &["Negotiate"], false),
            Challenged::Unknown
        );
    }

    #[test]
    fn a_number_that_is_too_old_is_replaced_and_a_wrong_password_is_not_tried_twice() {
        let url = url("http://me:secret@cam/");
        let fresh = |nonce: &str, more: &str| {
            format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\"{more}")
        };
        let mut login = Login::default();
        login.challenge(&url, &[&fresh("1", "")], false);
        let answer = login.authorization(&url).expect("an answer");
        assert!(answer.contains("nc=00000001"));
        let stale = login.challenge(&url, &[&fresh("2", ", stale=TRUE")], true);
        assert_eq!(stale, Challenged::Again);
        for count in ["nc=00000001", "nc=00000002"] {
            let answer = login.authorization(&url).expect("an answer");
            assert!(answer.contains(count) && answer.contains("nonce=\"2\""));
        }
        // It has served, and the server does not say why it serves no more.
        let silent = login.challenge(&url, &[&fresh("3", "")], true);
        assert_eq!(silent, Challenged::Again);
        login.authorization(&url);
        let refused = login.challenge(&url, &[&fresh("4", "")], true);
        assert_eq!(refused, Challenged::Refused);
        assert_eq!(login.authorization(&url), None);
    }

    #[test]
    fn the_first_challenge_that_is_known_is_taken_from_however_many_lines() {
        let fields = [
            "Negotiate",
            "Digest realm=\"a, b\", nonce=\"1\", algorithm=SHA-999, Digest realm=\"c\" , nonce = \"2\", algorithm=SHA-256-sess, Basic realm=\"d\"",
        ];
        let Some(Wants::Proof(challenge)) = wanted(&fields) else {
            panic!("a proof");
        };
        assert_eq!((&challenge.realm[..], &challenge.nonce[..]), ("c", "2"));
        assert_eq!((challenge.hash, challenge.session), (Hash::Sha256, true));
        assert_eq!(
            wanted(&["Digest realm=\"a\", nonce=\"1\", qop=\"auth-int\""]),
            None
        );
    }
}
