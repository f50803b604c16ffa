//! How a picture has to be turned to stand upright.

/// One of the eight ways in which a picture can lie. Other angles are left as they are.
///
/// The row and the column of a pixel that stands upright are found in the picture as it lies: first exchanged, if at all,
/// then counted from the other end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Rows are columns.
    exchanged: bool,
    /// Columns of the lying picture count from its right.
    from_right: bool,
    /// Rows of the lying picture count from its bottom.
    from_bottom: bool,
}

impl Turn {
    /// Reads a display matrix: nine 32-bit numbers of the machine's byte order, as ISO/IEC 14496-12 has them in `tkhd`,
    /// [a b u c d v x y w]: a point (p, q) of the lying picture is shown at (a p + c q, b p + d q).
    pub(crate) fn of_display_matrix(bytes: &[u8]) -> Turn {
        let (numbers, _) = bytes.as_chunks::<4>();
        let number = |at: usize| numbers.get(at).map_or(0, |n| i32::from_ne_bytes(*n));
        let [a, b, c, d] = [0, 1, 3, 4].map(|at| number(at).signum());
        match (a, b, c, d) {
            (_, 0, 0, _) => Turn {
                exchanged: false,
                from_right: a < 0,
                from_bottom: d < 0,
            },
            (0, _, _, 0) => Turn {
                exchanged: true,
                from_right: b < 0,
                from_bottom: c < 0,
            },
            _ => Turn::default(),
        }
    }

    /// Whether nothing is to be done.
    pub(crate) fn is_none(self) -> bool {
        self == Turn::default()
    }

    /// Width and height of the upright picture.
    pub(crate) fn size<T>(self, width: T, height: T) -> (T, T) {
        if self.exchanged {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Turns packed pixels of `N` bytes; `width` and `height` are those of the lying picture.
    pub(crate) fn apply<const N: usize>(self, lying: &[u8], width: usize, upright: &mut [u8]) {
        let (pixels, _) = lying.as_chunks::<N>();
        let height = pixels.len() / width.max(1);
        let (columns, _) = self.size(width, height);
        let (rows, _) = upright.as_chunks_mut::<N>();
        for (row, line) in rows.chunks_exact_mut(columns.max(1)).enumerate() {
            for (column, pixel) in line.iter_mut().enumerate() {
                let (x, y) = if self.exchanged {
                    (row, column)
                } else {
                    (column, row)
                };
                let x = if self.from_right { width - 1 - x } else { x };
                let y = if self.from_bottom { height - 1 - y } else { y };
                *pixel = pixels[y * width + x];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    fn turn(a: i32, b: i32, c: i32, d: i32) -> Turn {
        let matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30];
        Turn::of_display_matrix(&matrix.map(i32::to_ne_bytes).concat())
    }

    fn turned(turn: Turn) -> (Vec<u8>, (usize, usize)) {
        let mut upright = vec![0; 6];
        turn.apply::<1>(b"abcdef", 3, &mut upright);
        (upright, turn.size(3, 2))
    }

    #[test]
    fn the_four_quarters_are_turned_clockwise_as_a_player_shows_them() {
        assert!(turn(ONE, 0, 0, ONE).is_none());
        // abc     da     fed
        // def     eb     cba
        //         fc
        assert_eq!(turned(turn(0, ONE, -ONE, 0)), (b"daebfc".to_vec(), (2, 3)));
        assert_eq!(turned(turn(-ONE, 0, 0, -ONE)), (b"fedcba".to_vec(), (3, 2)));
        assert_eq!(turned(turn(0, -ONE, ONE, 0)), (b"cfbead".to_vec(), (2, 3)));
    }

    #[test]
    fn mirrored_pictures_are_mirrored_back_and_other_angles_are_left_alone() {
        assert_eq!(turned(turn(-ONE, 0, 0, ONE)).0, b"cbafed");
        assert_eq!(turned(turn(ONE, 0, 0, -ONE)).0, b"defabc");
        assert!(turn(ONE, ONE, -ONE, ONE).is_none());
        assert!(Turn::of_display_matrix(b"short").is_none());
    }

    #[test]
    fn pixels_of_three_bytes_stay_together() {
        let mut upright = [0; 6];
        turn(-ONE, 0, 0, ONE).apply::<3>(b"bgrBGR", 2, &mut upright);
        assert_eq!(&upright, b"BGRbgr");
    }
}
