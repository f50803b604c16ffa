//! The name of a pixel format.

/// A pixel format: four letters, the first in the lowest byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct FourCc(pub(in crate::source) u32);

impl FourCc {
    /// Of its four letters.
    #[must_use]
    pub const fn new(letters: &[u8; 4]) -> FourCc {
        FourCc(u32::from_le_bytes(*letters))
    }

    /// One whose name is the same with the topmost bit set: its words are big-endian.
    #[must_use]
    pub const fn big_endian(letters: &[u8; 4]) -> FourCc {
        FourCc(u32::from_le_bytes(*letters) | 1 << 31)
    }
}

impl std::fmt::Display for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letters = (self.0 & !(1 << 31)).to_le_bytes();
        let text: String = letters
            .iter()
            .map(|letter| match letter {
                b' '..=b'~' => *letter as char,
                _ => '?',
            })
            .collect();
        let end = if self.0 >> 31 == 1 { "-BE" } else { "" };
        f.pad(&format!("{}{end}", text.trim_end()))
    }
}

impl std::fmt::Debug for FourCc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}
