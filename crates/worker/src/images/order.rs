//! The order that people expect of names: `img_9` before `img_10`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The place of a file among others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order(Vec<Piece>);

/// A byte, or a number, which stands among bytes where digits do: how many of its digits count, these, and how many there are with
/// zeros before them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Piece(u8, usize, Vec<u8>, usize);

impl Order {
    pub(super) fn of_number(number: u64) -> Order {
        Order(vec![number_of(number.to_string().as_bytes())])
    }

    /// By the whole path: files of one directory stay together.
    pub(super) fn of_path(path: &Path) -> Order {
        let bytes = path.as_os_str().as_bytes();
        let of_one = |a: &u8, b: &u8| a.is_ascii_digit() && b.is_ascii_digit();
        let piece = |run: &[u8]| match run[0] {
            digit if digit.is_ascii_digit() => number_of(run),
            byte => Piece(byte, 0, Vec::new(), 0),
        };
        Order(bytes.chunk_by(of_one).map(piece).collect())
    }
}

fn number_of(digits: &[u8]) -> Piece {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let counting = digits[zeros..].to_vec();
    Piece(b'0', counting.len(), counting, digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_wherever_they_are() {
        let names = [
            "9.png",
            "10.png",
            "a.png",
            "a1b9.png",
            "a1b10.png",
            "a02.png",
            "a3.png",
            "a99999999999999999999999.png",
            "b0.png",
            "b00.png",
            "b1.png",
        ];
        let order = |name: &&str| Order::of_path(Path::new(name));
        assert!(names.is_sorted_by_key(order));
        assert!(Order::of_number(9) < Order::of_number(10));
    }
}
