//! A pixel's colour in what the terminal has: 24 bits, or the 256 colours of xterm.

use ratatui::style::Color;

/// The levels of the 6 x 6 x 6 colours from number 16 on.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// Returns one of the 24 grays of 256 colours: an eighth of the bytes of 24-bit colour.
pub(crate) const fn gray(gray: u8) -> Color {
    Color::Indexed(232 + (gray as u16 * 24 / 256) as u8)
}

/// Returns the colour of a pixel in blue, green and red; `true_colour` is whether the terminal has 24 bits.
pub(crate) fn colour([b, g, r]: [u8; 3], true_colour: bool) -> Color {
    if true_colour {
        // In 64 steps: noise in the last bits would send every cell again, and nobody would see the difference.
        let step = |value: u8| value & 0xfc | value >> 6;
        return Color::Rgb(step(r), step(g), step(b));
    }
    let level = |value: u8| {
        let far = |level: &usize| LEVELS[*level].abs_diff(value);
        (0..LEVELS.len()).min_by_key(far).unwrap_or(0)
    };
    let levels = [r, g, b].map(level);
    let shade = (i32::from(r) + i32::from(g) + i32::from(b)) / 3;
    let shade = ((shade - 3) / 10).clamp(0, 23);
    let distance = |colour: [i32; 3]| -> i32 {
        let pixel = [r, g, b].map(i32::from);
        let parts = colour.iter().zip(pixel).map(|(a, b)| (a - b).pow(2));
        parts.sum()
    };
    let of_levels = levels.map(|level| i32::from(LEVELS[level]));
    // Dull colours are nearer to one of the grays than to one of the few mixed ones.
    if distance([8 + 10 * shade; 3]) < distance(of_levels) {
        return Color::Indexed(232 + shade as u8);
    }
    Color::Indexed((16 + 36 * levels[0] + 6 * levels[1] + levels[2]) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_the_nearest_that_there_is() {
        assert_eq!(colour([0, 0, 255], false), Color::Indexed(196));
        assert_eq!(colour([255, 0, 0], false), Color::Indexed(21));
        assert_eq!(colour([255, 255, 255], false), Color::Indexed(231));
        assert_eq!(colour([0, 0, 0], false), Color::Indexed(16));
        assert_eq!(colour([120, 119, 121], false), Color::Indexed(243));
        assert_eq!(colour([10, 200, 100], true), Color::Rgb(101, 203, 8));
        assert_eq!(colour([255, 0, 128], true), Color::Rgb(130, 0, 255));
    }

    #[test]
    fn grays_go_from_the_darkest_to_the_brightest() {
        assert_eq!(gray(0), Color::Indexed(232));
        assert_eq!(gray(255), Color::Indexed(255));
    }
}
