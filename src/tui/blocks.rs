//! Pixels as block characters in two colours: halves, of an upper and a lower pixel, and quadrants, of two by two.

use super::scale::Pixels;

/// A character, the colour of what is drawn in it, and the colour of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block<const N: usize> {
    pub(crate) glyph: char,
    pub(crate) ink: [u8; N],
    pub(crate) paper: [u8; N],
}

/// Rows of blocks.
pub(crate) type Blocks<const N: usize> = Vec<Vec<Block<N>>>;

/// Draws two pixels a character, faithfully: ink is the upper one, paper the lower.
pub(crate) fn halves<const N: usize>(pixels: &Pixels<N>) -> Blocks<N> {
    let rows = pixels.pixels.chunks(pixels.width * 2);
    rows.map(|two| {
        let (upper, lower) = two.split_at(pixels.width);
        let pairs = upper.iter().zip(lower);
        let block = |(upper, lower): (&[u8; N], &[u8; N])| Block {
            glyph: '▀',
            ink: *upper,
            paper: *lower,
        };
        pairs.map(block).collect()
    })
    .collect()
}

/// Draws four pixels a character in the two colours that suit them best: twice as fine across as halves, and edges are kept.
pub(crate) fn quadrants<const N: usize>(pixels: &Pixels<N>) -> Blocks<N> {
    let rows = pixels.pixels.chunks(pixels.width * 2);
    rows.map(|two| {
        let (upper, lower) = two.split_at(pixels.width);
        let (upper, _) = upper.as_chunks();
        let (lower, _) = lower.as_chunks();
        let fours = upper.iter().zip(lower);
        fours
            .map(|([a, b], [c, d]): (&[[u8; N]; 2], &[[u8; N]; 2])| quadrant([*a, *b, *c, *d]))
            .collect()
    })
    .collect()
}

/// What differs by less is one colour: noise would send the character again each time, and nobody would see more.
const LEAST: u8 = 8;

/// The characters in which the upper left quadrant has ink, by what of the upper right, lower left and lower right has.
const GLYPHS: [char; 8] = ['▘', '▀', '▌', '▛', '▚', '▜', '▙', '█'];

/// Draws upper left, upper right, lower left and lower right.
fn quadrant<const N: usize>(pixels: [[u8; N]; 4]) -> Block<N> {
    let range = |channel: usize| {
        let values = pixels.map(|pixel| pixel[channel]);
        let (least, most) = values.iter().fold((u8::MAX, 0), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
        most - least
    };
    if (0..N).all(|channel| range(channel) < LEAST) {
        let mean = mean(&pixels, 0b1111);
        return Block {
            glyph: ' ',
            ink: mean,
            paper: mean,
        };
    }
    // Every way to part the upper left one, alone or with others, from the rest.
    let splits = (0..7).map(|others| others << 1 | 1u8);
    let off = |mask: &u8| error(&pixels, *mask) + error(&pixels, !mask & 0b1111);
    let ink = splits.min_by_key(off).unwrap_or(1);
    Block {
        glyph: GLYPHS[usize::from(ink >> 1)],
        ink: mean(&pixels, ink),
        paper: mean(&pixels, !ink & 0b1111),
    }
}

fn chosen<const N: usize>(pixels: &[[u8; N]; 4], mask: u8) -> impl Iterator<Item = &[u8; N]> {
    let is_in = move |(at, _): &(usize, _)| mask >> at & 1 == 1;
    pixels
        .iter()
        .enumerate()
        .filter(is_in)
        .map(|(_, pixel)| pixel)
}

fn mean<const N: usize>(pixels: &[[u8; N]; 4], mask: u8) -> [u8; N] {
    let count = mask.count_ones().max(1);
    std::array::from_fn(|channel| {
        let values = chosen(pixels, mask).map(|pixel| u32::from(pixel[channel]));
        ((values.sum::<u32>() + count / 2) / count) as u8
    })
}

/// Returns the squared distances of the chosen pixels from their mean.
fn error<const N: usize>(pixels: &[[u8; N]; 4], mask: u8) -> u32 {
    let mean = mean(pixels, mask);
    let distance = |pixel: &[u8; N]| {
        let channels = pixel.iter().zip(mean);
        channels
            .map(|(value, mean)| u32::from(value.abs_diff(mean)).pow(2))
            .sum::<u32>()
    };
    chosen(pixels, mask).map(distance).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn four(pixels: [u8; 4]) -> (char, u8, u8) {
        let block = quadrant(pixels.map(|gray| [gray]));
        (block.glyph, block.ink[0], block.paper[0])
    }

    #[test]
    fn a_quadrant_keeps_the_edge_that_goes_through_it() {
        assert_eq!(four([200, 10, 10, 10]), ('▘', 200, 10));
        assert_eq!(four([10, 200, 200, 200]), ('▘', 10, 200));
        assert_eq!(four([200, 200, 10, 10]), ('▀', 200, 10));
        assert_eq!(four([10, 200, 10, 200]), ('▌', 10, 200));
        assert_eq!(four([10, 200, 200, 10]), ('▚', 10, 200));
        assert_eq!(four([200, 200, 200, 10]), ('▛', 200, 10));
        assert_eq!(four([200, 200, 10, 200]), ('▜', 200, 10));
        assert_eq!(four([200, 10, 200, 200]), ('▙', 200, 10));
        assert_eq!(four([10, 20, 200, 220]), ('▀', 15, 210));
    }

    #[test]
    fn noise_is_one_colour() {
        assert_eq!(four([100, 103, 101, 107]), (' ', 103, 103));
        assert_eq!(four([100, 100, 100, 108]).0, '▛');
    }

    #[test]
    fn rows_and_columns_of_blocks_are_where_their_pixels_are() {
        let mut pixels = vec![[0; 3]; 4 * 2];
        (pixels[2], pixels[7]) = ([255, 0, 0], [255, 0, 0]);
        let blocks = quadrants(&Pixels {
            width: 4,
            height: 2,
            pixels: pixels.clone(),
        });
        assert_eq!(blocks.len(), 1);
        let row: String = blocks[0].iter().map(|block| block.glyph).collect();
        assert_eq!(row, " ▚");
        assert_eq!(
            (blocks[0][1].ink, blocks[0][1].paper),
            ([255, 0, 0], [0; 3])
        );
        let blocks = halves(&Pixels {
            width: 4,
            height: 2,
            pixels,
        });
        assert_eq!(
            (blocks[0][2].ink, blocks[0][2].paper),
            ([255, 0, 0], [0; 3])
        );
        assert_eq!(
            (blocks[0][3].ink, blocks[0][3].paper),
            ([0; 3], [255, 0, 0])
        );
    }
}
