//! What fields of a head have in them: parameters, challenges, texts between quotation marks (RFC 9110, 5.6 and 11).

/// The value of `name=value` or `name="value"` in a list of them.
pub(super) fn parameter(list: &str, name: &str) -> Option<String> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_end().rsplit([',', ';', ' ']).next()?;
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

/// The challenges of a field: a server may write several, with a comma between them, as there is between parameters.
pub(super) fn challenges(field: &str) -> Vec<(&str, &str)> {
    let mut starts = Vec::new();
    let mut inside = false;
    let mut item = Some(0);
    for (at, letter) in field.char_indices() {
        match letter {
            '"' => inside = !inside,
            ',' if !inside => item = Some(at + 1),
            // A name with a blank behind it, and no `=` after that, begins a challenge.
            ' ' if !inside => {
                if let Some(start) = item
                    && !field[start..at].trim().is_empty()
                {
                    if !field[at..].trim_start().starts_with('=') {
                        starts.push(start);
                    }
                    item = None;
                }
            }
            '=' if !inside => item = None,
            _ => {}
        }
    }
    // One without parameters, such as `Negotiate`, is alone.
    if starts.is_empty() {
        starts.push(0);
    }
    let ends = starts.iter().skip(1).copied().chain([field.len()]);
    let each = starts.iter().zip(ends).map(|(start, end)| {
        let text = field[*start..end].trim().trim_end_matches(',');
        text.split_once(' ').unwrap_or((text, ""))
    });
    each.collect()
}

/// A text between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    let mut all = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if matches!(letter, '"' | '\\') {
            all.push('\\');
        }
        all.push(letter);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_found_with_and_without_quotes() {
        let list = "multipart/x-mixed-replace; boundary=\"--a;b\"; x=y";
        assert_eq!(parameter(list, "boundary").as_deref(), Some("--a;b"));
        assert_eq!(parameter(list, "x").as_deref(), Some("y"));
        assert_eq!(parameter("a = 1 , b= \"2\"", "b").as_deref(), Some("2"));
        assert_eq!(parameter(list, "z"), None);
    }

    #[test]
    fn challenges_stand_in_one_field_or_in_several() {
        assert_eq!(challenges("Basic realm=\"x\""), [("Basic", "realm=\"x\"")]);
        assert_eq!(
            challenges("Basic realm=\"x\", Digest nonce=1,realm=y"),
            [("Basic", "realm=\"x\""), ("Digest", "nonce=1,realm=y")]
        );
        assert_eq!(quoted("a\"b\\\r"), "a\\\"b\\\\");
    }
}
