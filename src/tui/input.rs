//! Bytes from a terminal as keys: a pure parser.
//!
//! crossterm's own event source never comes back when a terminal hangs up, and knows nothing of other descriptors; the keys of
//! `top` are few.

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// A key was pressed.
    Key(Key),
    /// The mouse was clicked in this column and row, from 0.
    Click(u16, u16),
    /// The wheel was turned, by this many rows down.
    Wheel(i8),
    /// A character of pasted text, which is no key.
    Pasted(char),
}

/// What comes before and after pasted text.
const PASTE_BEGINS: &[u8] = b"\x1b[200~";
const PASTE_ENDS: &[u8] = b"\x1b[201~";

/// What the start of the bytes is.
enum Step {
    /// These many bytes are that, or nothing `top` knows.
    Done(usize, Option<Input>),
    /// It may be the start of something longer.
    More,
}

/// Keeps the bytes that are not a key yet.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    bytes: Vec<u8>,
    /// Whether the bytes are pasted text.
    pasting: bool,
}

impl Parser {
    /// Adds bytes that were read.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns whether bytes wait for more: an escape key looks like the start of an arrow key.
    pub(crate) fn waits(&self) -> bool {
        !self.bytes.is_empty() && !self.pasting
    }

    /// Takes the next input.
    pub(crate) fn next(&mut self) -> Option<Input> {
        while !self.bytes.is_empty() {
            let next = match self.pasting {
                true => self.pasted(),
                false if self.bytes.starts_with(PASTE_BEGINS) => {
                    self.pasting = true;
                    Step::Done(PASTE_BEGINS.len(), None)
                }
                false => step(&self.bytes),
            };
            match next {
                Step::More => return None,
                Step::Done(used, input) => {
                    self.bytes.drain(..used.min(self.bytes.len()));
                    if input.is_some() {
                        return input;
                    }
                }
            }
        }
        None
    }

    /// Reads pasted text: characters, never keys. Ctrl-C stays one, for a terminal that does not say where the text ends.
    fn pasted(&mut self) -> Step {
        if self.bytes.starts_with(PASTE_ENDS) {
            self.pasting = false;
            return Step::Done(PASTE_ENDS.len(), None);
        }
        match self.bytes[0] {
            0x1b if PASTE_ENDS.starts_with(&self.bytes) => Step::More,
            0x03 => {
                self.pasting = false;
                step(&self.bytes)
            }
            0x00..=0x1f | 0x7f => Step::Done(1, None),
            _ => match step(&self.bytes) {
                Step::Done(used, Some(Input::Key(Key::Char(c)))) => {
                    Step::Done(used, Some(Input::Pasted(c)))
                }
                other => other,
            },
        }
    }

    /// Takes what is there as it is, because no more came: a lone escape byte is the escape key.
    pub(crate) fn flush(&mut self) -> Option<Input> {
        let escape = self.bytes == [0x1b];
        self.bytes.clear();
        escape.then_some(Input::Key(Key::Esc))
    }
}

fn step(bytes: &[u8]) -> Step {
    let key = |used, key| Step::Done(used, Some(Input::Key(key)));
    match bytes {
        [0x1b] => Step::More,
        [0x1b, b'[', ..] => sequence(bytes),
        [0x1b, b'O'] => Step::More,
        [0x1b, b'O', end, ..] => Step::Done(3, named(*end).map(Input::Key)),
        [0x1b, 0x1b, ..] => key(1, Key::Esc),
        [0x1b, b']', ..] => answer(bytes),
        // Alt with a key: not used here.
        [0x1b, _, ..] => Step::Done(2, None),
        [b'\r' | b'\n', ..] => key(1, Key::Enter),
        [b'\t', ..] => key(1, Key::Tab),
        [0x08 | 0x7f, ..] => key(1, Key::Backspace),
        [byte @ 1..=26, ..] => key(1, Key::Ctrl(char::from(byte - 1 + b'a'))),
        [byte @ 0x20..=0x7e, ..] => key(1, Key::Char(char::from(*byte))),
        [first, ..] => {
            let length = match first {
                0xc2..=0xdf => 2,
                0xe0..=0xef => 3,
                0xf0..=0xf4 => 4,
                _ => return Step::Done(1, None),
            };
            let Some(bytes) = bytes.get(..length) else {
                return Step::More;
            };
            let c = std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.chars().next());
            Step::Done(length, c.map(|c| Input::Key(Key::Char(c))))
        }
        [] => Step::More,
    }
}

/// Skips `ESC ] text`, up to BEL or `ESC \\`: what a terminal says of its colours.
fn answer(bytes: &[u8]) -> Step {
    let text = &bytes[2..];
    let end = text.iter().position(|byte| matches!(byte, 0x07 | 0x1b));
    match end.map(|at| (at, text[at])) {
        Some((at, 0x07)) => Step::Done(at + 3, None),
        Some((at, _)) => match text.get(at + 1) {
            Some(b'\\') => Step::Done(at + 4, None),
            // Something else begins here.
            Some(_) => Step::Done(at + 2, None),
            None => Step::More,
        },
        None if text.len() > 64 => Step::Done(bytes.len(), None),
        None => Step::More,
    }
}

/// Reads `ESC [ parameters final`.
fn sequence(bytes: &[u8]) -> Step {
    let body = &bytes[2..];
    let Some(at) = body.iter().position(|byte| (0x40..=0x7e).contains(byte)) else {
        return if body.len() > 32 {
            Step::Done(bytes.len(), None)
        } else {
            Step::More
        };
    };
    let (parameters, end) = (&body[..at], body[at]);
    let input = match (parameters, end) {
        ([b'<', rest @ ..], b'M' | b'm') => mouse(rest, end == b'M'),
        (_, b'~') => match parameters {
            b"1" | b"7" => Some(Input::Key(Key::Home)),
            b"4" | b"8" => Some(Input::Key(Key::End)),
            b"5" => Some(Input::Key(Key::PageUp)),
            b"6" => Some(Input::Key(Key::PageDown)),
            _ => None,
        },
        (_, end) => named(end).map(Input::Key),
    };
    Step::Done(at + 3, input)
}

const fn named(end: u8) -> Option<Key> {
    Some(match end {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        b'Z' => Key::BackTab,
        b'M' => Key::Enter,
        _ => return None,
    })
}

/// Reads the rest of xterm's SGR report: button, column, row.
fn mouse(report: &[u8], pressed: bool) -> Option<Input> {
    let mut numbers = std::str::from_utf8(report)
        .ok()?
        .split(';')
        .map(str::parse::<u16>);
    let (button, x, y) = (
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
        numbers.next()?.ok()?,
    );
    match button {
        0 if pressed => Some(Input::Click(x.saturating_sub(1), y.saturating_sub(1))),
        64 => Some(Input::Wheel(-1)),
        65 => Some(Input::Wheel(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Vec<Input> {
        let mut parser = Parser::default();
        parser.feed(bytes);
        let mut inputs: Vec<_> = std::iter::from_fn(|| parser.next()).collect();
        inputs.extend(parser.flush());
        inputs
    }

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let key = |input| match input {
            Input::Key(key) => Some(key),
            _ => None,
        };
        parse(bytes).into_iter().filter_map(key).collect()
    }

    #[test]
    fn keys_come_out_of_their_bytes() {
        assert_eq!(
            keys(b"q\x03\t\r\x7f"),
            [
                Key::Char('q'),
                Key::Ctrl('c'),
                Key::Tab,
                Key::Enter,
                Key::Backspace
            ]
        );
        assert_eq!(
            keys(b"\x1b[A\x1bOB\x1b[Z\x1b[5~"),
            [Key::Up, Key::Down, Key::BackTab, Key::PageUp]
        );
        assert_eq!(keys("ü".as_bytes()), [Key::Char('ü')]);
    }

    #[test]
    fn a_lone_escape_is_the_escape_key_once_nothing_follows() {
        let mut parser = Parser::default();
        parser.feed(b"\x1b");
        assert_eq!((parser.next(), parser.waits()), (None, true));
        assert_eq!(
            (parser.flush(), parser.waits()),
            (Some(Input::Key(Key::Esc)), false)
        );
        parser.feed(b"\x1b");
        assert_eq!(parser.next(), None);
        parser.feed(b"[B");
        assert_eq!(parser.next(), Some(Input::Key(Key::Down)));
    }

    #[test]
    fn the_mouse_is_counted_from_0() {
        assert_eq!(
            parse(b"\x1b[<0;12;3M\x1b[<0;12;3m\x1b[<65;1;1M"),
            [Input::Click(11, 2), Input::Wheel(1)]
        );
    }

    #[test]
    fn any_bytes_are_taken_and_none_is_a_panic() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                let _ = parse(&[first, second, b'q']);
                let _ = parse(&[0x1b, first, second, b'q']);
                let _ = parse(&[0x1b, b'[', first, second]);
            }
        }
        assert_eq!(keys(b"\xff\x1b[2~q"), [Key::Char('q')]);
    }

    #[test]
    fn pasted_text_is_characters_and_no_keys() {
        let text = "\x1b[200~qü\r\x1b[A\x1bq\t\x1b[201~q";
        assert_eq!(keys(text.as_bytes()), [Key::Char('q')]);
        let pasted: Vec<_> = ['q', 'ü', '[', 'A', 'q'].map(Input::Pasted).to_vec();
        assert_eq!(parse(text.as_bytes())[..5], pasted);
        // However it is cut into pieces.
        let mut parser = Parser::default();
        let mut inputs = Vec::new();
        for byte in text.as_bytes() {
            parser.feed(&[*byte]);
            inputs.extend(std::iter::from_fn(|| parser.next()));
        }
        assert_eq!(inputs, parse(text.as_bytes()));
    }

    #[test]
    fn ctrl_c_is_heard_also_where_a_paste_has_no_end() {
        assert_eq!(keys(b"\x1b[200~qq\x03q"), [Key::Ctrl('c'), Key::Char('q')]);
    }
}
