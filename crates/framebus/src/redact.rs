//! Texts without the secrets that are in them: for messages, logs, headers and JSON.

use std::borrow::Cow;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// The last word of a name whose value is a secret; `user-pw` is GStreamer's, `passphrase` SRT's.
const SECRET: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "token",
    "key",
    "apikey",
    "authkey",
    "secret",
    "auth",
    "authorization",
    "credential",
    "signature",
    "sig",
];

/// Hides passwords and keys, wherever in a text they stand.
///
/// - Of a `scheme://user:password@host` the password. It may hold any character but white space and quotes, so whatever
///   stands before the last `@` belongs to it; rather too much is hidden than a part of a password shown.
/// - Of a `name=value` the value, when the name's last word is password, pass, pw, token, key, secret and the like: in the
///   query of a URL, and in a GStreamer pipeline (also `name="a value"`).
///
/// # Examples
/// ```
/// use framebus::redact::without_secrets;
/// assert_eq!(without_secrets("rtsp://me:a/b@cam/1"), "rtsp://me:***@cam/1");
/// assert_eq!(without_secrets("http://cam/video?token=abc&fps=5"), "http://cam/video?token=***&fps=5");
/// ```
#[must_use]
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains('=') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(without_values(&without_userinfo(text)))
}

/// Replaces the password in every `scheme://user:password@host`.
fn without_userinfo(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let (url, behind) = after.split_at(after.find(ends_url).unwrap_or(after.len()));
        if let Some((userinfo, host)) = url.rsplit_once('@') {
            // Without a colon it is a user's name, unless a name cannot look like it.
            match userinfo.split_once(':') {
                Some((user, _)) => shown.push_str(&format!("{user}:{HIDDEN}")),
                None if userinfo.contains(['/', '?', '#']) => shown.push_str(HIDDEN),
                None => shown.push_str(userinfo),
            }
            shown.push('@');
            shown.push_str(host);
            rest = behind;
        } else {
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

/// Replaces the value in every `password=value`.
fn without_values(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('=') {
        shown.push_str(before);
        shown.push('=');
        rest = after;
        // GStreamer takes blanks on both sides of the sign.
        let value = after.trim_start_matches(' ');
        if !is_secret(before) || value.is_empty() {
            continue;
        }
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (len, shown_as) = match quote {
            Some(quote) => (closing(value, quote), format!("{quote}{HIDDEN}{quote}")),
            None => {
                let ends = |c: char| c == '&' || ends_url(c);
                (value.find(ends).unwrap_or(value.len()), HIDDEN.to_owned())
            }
        };
        if len > 0 {
            shown.push_str(&shown_as);
            rest = &value[len..];
        }
    }
    shown.push_str(rest);
    shown
}

/// How long a quoted value is, with both quotes; one without an end goes on to the end of the text.
fn closing(value: &str, quote: char) -> usize {
    let mut escaped = true;
    for (at, c) in value.char_indices() {
        if c == quote && !escaped {
            return at + 1;
        }
        // The first character is the opening quote.
        escaped = (c == '\\' && !escaped) && at > 0;
    }
    value.len()
}

/// Whether a text ends with a name whose value is a secret.
fn is_secret(before: &str) -> bool {
    let before = before.trim_end_matches(' ');
    let part_of_name = |c: char| c.is_ascii_alphanumeric();
    let word = before.trim_end_matches(part_of_name).len();
    let word = before[word..].to_ascii_lowercase();
    // Also `accessToken` and `userpassword`; short endings have too many other meanings (`monkey`, `bypass`).
    SECRET
        .iter()
        .any(|secret| word == *secret || secret.len() > 4 && word.ends_with(secret))
}

fn ends_url(c: char) -> bool {
    matches!(c, '"' | '\'' | '`') || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hidden_whatever_characters_it_has() {
        for password in [
            "s3cret", "a/b", "a@b", "a:b", "/", "?x#y", "a&b=c", "ä%", "//", "://",
        ] {
            let url = format!("rtsp://me:{password}@cam:554/1?x=1");
            assert_eq!(
                without_secrets(&url),
                "rtsp://me:***@cam:554/1?x=1",
                "{password}"
            );
            let sentence = format!("{url} cannot be opened: GET {url} and \"{url}\"");
            assert!(!without_secrets(&sentence).contains(password) || password.len() < 4);
        }
        assert_eq!(
            without_secrets("gst:rtspsrc location=\"rtsp://me:a@b@cam\" ! x"),
            "gst:rtspsrc location=\"rtsp://me:***@cam\" ! x"
        );
        assert_eq!(without_secrets("http://:pw@cam"), "http://:***@cam");
        assert_eq!(without_secrets("http://to/ken@cam"), "http://***@cam");
    }

    #[test]
    fn values_of_secret_names_are_hidden() {
        for (text, shown) in [
            (
                "http://cam/v?password=x&fps=5",
                "http://cam/v?password=***&fps=5",
            ),
            ("http://cam/v?user=me&PWD=x", "http://cam/v?user=me&PWD=***"),
            (
                "http://cam/v?access_token=x'",
                "http://cam/v?access_token=***'",
            ),
            (
                "http://cam/v?accessToken=x y",
                "http://cam/v?accessToken=*** y",
            ),
            ("srt://h:1?passphrase=x", "srt://h:1?passphrase=***"),
            (
                "gst:rtspsrc user-id=me user-pw=x ! y",
                "gst:rtspsrc user-id=me user-pw=*** ! y",
            ),
            (
                "gst:rtspsrc user-pw = \"a \\\" b\" ! y",
                "gst:rtspsrc user-pw =\"***\" ! y",
            ),
            ("token='a b", "token='***'"),
            ("key=", "key="),
        ] {
            assert_eq!(without_secrets(text), shown, "{text}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "rtsp://me@cam/1",
            "http://cam:8080/a?monkey=1&bypass=2&key-int-max=30",
            "gst:videotestsrc pattern=ball ! x264enc key-int-max=30",
            "/dev/video0",
            "a = b",
            "://",
            "",
        ] {
            assert_eq!(without_secrets(text), text);
        }
    }
}
