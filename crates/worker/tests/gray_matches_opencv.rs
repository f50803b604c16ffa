//! The library's gray conversion is OpenCV's, bit for bit.

use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use opencv::imgproc::{COLOR_BGR2GRAY, cvt_color_def};

fn opencv_gray(bgr: &[u8]) -> Vec<u8> {
    let colour = Mat::from_bytes::<Vec3b>(bgr).expect("pixels");
    let mut gray = Mat::default();
    cvt_color_def(&colour, &mut gray, COLOR_BGR2GRAY).expect("conversion");
    assert!(gray.is_continuous());
    gray.data_bytes().expect("bytes").to_vec()
}

fn framebus_gray(bgr: &[u8]) -> Vec<u8> {
    let mut gray = vec![0; bgr.len() / 3];
    framebus::convert::bgr_to_gray(bgr, &mut gray);
    gray
}

#[test]
fn every_blue_green_red_is_the_same_gray() {
    // Every combination of green and red, with a blue that runs through all its values against both.
    for blue in 0..=255u8 {
        let bgr: Vec<u8> = (0..=255u8)
            .flat_map(|green| (0..=255u8).flat_map(move |red| [blue, green, red]))
            .collect();
        assert_eq!(framebus_gray(&bgr), opencv_gray(&bgr), "blue {blue}");
    }
}

#[test]
fn every_length_is_the_same_gray() {
    for pixels in 1..=300usize {
        let bgr: Vec<u8> = (0..3 * pixels)
            .map(|byte| (byte * 89 + byte / 7) as u8)
            .collect();
        assert_eq!(framebus_gray(&bgr), opencv_gray(&bgr), "{pixels} pixels");
    }
}
