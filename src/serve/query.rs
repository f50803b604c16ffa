//! What stands after the question mark.

/// The value of a key, decoded; the first where there are several.
pub(super) fn value(query: &str, key: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name == key).then(|| decoded(value))
    })
}

/// Puts bytes in the place of `%41` and `+`. What is no text after that has its replacement character.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let of_hex = |digits: &[u8]| {
            let digits = std::str::from_utf8(digits).ok()?;
            // A sign is no digit.
            let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            plain.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
        };
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => of_hex(&[*high, *low]),
            _ => None,
        };
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_decoded() {
        let query = "action=stream&token=a%2Bb%20c&empty=&flag&token=second";
        assert_eq!(value(query, "action").as_deref(), Some("stream"));
        assert_eq!(value(query, "token").as_deref(), Some("a+b c"));
        assert_eq!(value(query, "empty").as_deref(), Some(""));
        assert_eq!(value(query, "flag").as_deref(), Some(""));
        assert_eq!(value(query, "none"), None);
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%4"), "%zz%4");
        assert_eq!(decoded("%+1"), "% 1");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
