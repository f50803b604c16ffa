//! Short texts in shared memory: UTF-8, padded with zero bytes, never trusted.

use crate::sync::{AtomicU8, Ordering};

/// A text of at most `N` bytes.
pub(crate) type Text<const N: usize> = [AtomicU8; N];

/// Writes as much of `value` as fits, cut at a character, and clears the rest.
pub(crate) fn write_text<const N: usize>(text: &Text<N>, value: &str) {
    let mut end = value.len().min(N);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let bytes = value.as_bytes()[..end]
        .iter()
        .copied()
        .chain(std::iter::repeat(0));
    for (cell, byte) in text.iter().zip(bytes) {
        cell.store(byte, Ordering::Relaxed);
    }
}

/// Reads a text up to its first zero byte; what is not printable UTF-8 becomes a replacement character, so that a peer
/// cannot send escape sequences to somebody's terminal.
pub(crate) fn read_text<const N: usize>(text: &Text<N>) -> String {
    let bytes: Vec<u8> = text
        .iter()
        .map(|cell| cell.load(Ordering::Relaxed))
        .take_while(|byte| *byte != 0)
        .collect();
    String::from_utf8_lossy(&bytes)
        .chars()
        .map(|character| {
            if character.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Text<4> {
        std::array::from_fn(|_| AtomicU8::new(b'x'))
    }

    #[test]
    fn a_text_is_cut_at_a_character_and_padded() {
        let cells = text();
        write_text(&cells, "abäö");
        assert_eq!(read_text(&cells), "abä");
        write_text(&cells, "a");
        assert_eq!(read_text(&cells), "a");
    }

    #[test]
    fn control_characters_of_a_peer_do_not_reach_a_terminal() {
        let cells = text();
        write_text(&cells, "\x1b[2J");
        assert_eq!(read_text(&cells), "\u{fffd}[2J");
    }
}
