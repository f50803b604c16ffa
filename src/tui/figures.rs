//! A picture in numbers.

use framebus::observe::Picture;

/// What can be said of a whole picture in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    pub(crate) min: u8,
    pub(crate) mean: f64,
    pub(crate) max: u8,
    /// Variance of the Laplacian (Pech-Pacheco 2000): falls when the picture is out of focus.
    pub(crate) sharpness: f64,
}

/// Measures a picture; `None` when it has no pixels.
pub(crate) fn figures(picture: &Picture) -> Option<Figures> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let gray = picture.gray.get(..width.checked_mul(height)?)?;
    let (min, max) = (*gray.iter().min()?, *gray.iter().max()?);
    let mean = gray.iter().map(|&pixel| u64::from(pixel)).sum::<u64>() as f64 / gray.len() as f64;
    let (mut sum, mut squares, mut count) = (0i64, 0i64, 0i64);
    for y in 1..height.saturating_sub(1) {
        let (above, row, below) = (
            &gray[(y - 1) * width..],
            &gray[y * width..],
            &gray[(y + 1) * width..],
        );
        for x in 1..width.saturating_sub(1) {
            let around = i64::from(above[x])
                + i64::from(below[x])
                + i64::from(row[x - 1])
                + i64::from(row[x + 1]);
            let laplacian = around - 4 * i64::from(row[x]);
            sum += laplacian;
            squares += laplacian * laplacian;
            count += 1;
        }
    }
    let count = count.max(1) as f64;
    let sharpness = squares as f64 / count - (sum as f64 / count).powi(2);
    Some(Figures {
        min,
        mean,
        max,
        sharpness,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::gradient;

    #[test]
    fn a_picture_with_too_few_pixels_has_no_figures() {
        let mut picture = gradient(10, 10);
        picture.gray.pop();
        assert_eq!(figures(&picture), None);
    }

    #[test]
    fn a_sharp_edge_is_sharper_than_a_gradient() {
        let soft = figures(&gradient(64, 64)).expect("figures");
        let mut edge = gradient(64, 64);
        edge.gray
            .iter_mut()
            .for_each(|pixel| *pixel = if *pixel < 128 { 0 } else { 255 });
        let hard = figures(&edge).expect("figures");
        assert!(hard.sharpness > 100.0 * soft.sharpness.max(1.0));
        assert_eq!((soft.min, soft.max, soft.mean.round()), (0, 255, 127.0));
    }
}
