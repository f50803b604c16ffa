//! What colour the terminal's background is, as it answers: asked once, before the first picture of the screen.

use std::time::Duration;

/// Asks for the colour, and then for what every terminal answers: its kind. Whoever answers that alone does not know the colour.
pub(super) const QUESTION: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";
/// How long the answers may take.
pub(super) const LIMIT: Duration = Duration::from_millis(150);

/// Whether the last answer is there: `ESC [ ? numbers c`.
pub(super) fn is_complete(answer: &[u8]) -> bool {
    let mut starts = answer.windows(3).enumerate();
    starts.any(|(at, bytes)| {
        bytes == b"\x1b[?"
            && answer[at + 3..]
                .iter()
                .find(|byte| !matches!(byte, b'0'..=b'9' | b';'))
                == Some(&b'c')
    })
}

/// Whether the colour in the answer, such as `ESC ] 11 ; rgb:ffff/ffff/ffff ESC \`, is light; `None` without one.
pub(super) fn is_light(answer: &[u8]) -> Option<bool> {
    let text = String::from_utf8_lossy(answer);
    let (_, colour) = text.split_once("\x1b]11;rgb")?;
    let colour = colour.trim_start_matches('a').strip_prefix(':')?;
    let colour = colour.split(['\x07', '\x1b']).next()?;
    let mut parts = colour.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)?;
        let value = u32::from_str_radix(part, 16).ok()?;
        (most > 1).then(|| f64::from(value) / f64::from(most - 1))
    });
    let mut next = || parts.next().flatten();
    let (red, green, blue) = (next()?, next()?, next()?);
    Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_light_background_is_told_from_a_dark_one() {
        assert_eq!(is_light(b"\x1b]11;rgb:ffff/ffff/dddd\x1b\\"), Some(true));
        assert_eq!(is_light(b"\x1b]11;rgb:00/2b/36\x07\x1b[?62c"), Some(false));
        assert_eq!(is_light(b"q\x1b]11;rgba:f/f/f/f\x07"), Some(true));
        for none in [
            &b"\x1b[?62;22c"[..],
            b"",
            b"\x1b]11;rgb:",
            b"\x1b]11;rgb:x/y/z\x07",
        ] {
            assert_eq!(is_light(none), None);
        }
        assert_eq!(is_light(b"\x1b]11;rgb:ffffffffffff/0/0\x07"), None);
    }

    #[test]
    fn the_answers_end_with_what_the_terminal_is() {
        assert!(is_complete(
            b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?65;1;9c"
        ));
        assert!(is_complete(b"2\x1b[?1;2cq"));
        for part in [&b"\x1b[?1;2"[..], b"\x1b]11;rgb:cc", b"\x1b[?25h", b"c"] {
            assert!(!is_complete(part));
        }
    }
}
