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

/// Luma and colours that are colours of BGR too: OpenCV cuts others off, and so makes another gray of them.
fn in_gamut() -> Vec<[u8; 3]> {
    let inside = |y: u8, u: u8, v: u8| {
        let y = 1.164 * (f64::from(y) - 16.0);
        let (u, v) = (f64::from(u) - 128.0, f64::from(v) - 128.0);
        [y + 2.018 * u, y - 0.391 * u - 0.813 * v, y + 1.596 * v]
            .iter()
            .all(|value| (0.0..=255.0).contains(value))
    };
    let mut all = Vec::new();
    for y in (16..=235).step_by(3) {
        for u in (16..=240).step_by(8) {
            for v in (16..=240).step_by(8) {
                if inside(y, u, v) {
                    all.push([y, u, v]);
                }
            }
        }
    }
    all
}

fn most_off(own: &[u8], theirs: &[u8]) -> u8 {
    assert_eq!(own.len(), theirs.len());
    let off = own
        .iter()
        .zip(theirs)
        .map(|(own, theirs)| own.abs_diff(*theirs));
    off.max().expect("pixels")
}

#[test]
fn limited_luma_of_yuyv_is_opencvs_gray_within_2() {
    let yuyv: Vec<u8> = in_gamut()
        .iter()
        .flat_map(|[y, u, v]| [*y, *u, *y, *v])
        .collect();
    let raw = Mat::from_bytes::<opencv::core::Vec2b>(&yuyv).expect("pixels");
    let mut bgr = Mat::default();
    cvt_color_def(&raw, &mut bgr, opencv::imgproc::COLOR_YUV2BGR_YUYV).expect("conversion");
    let theirs = opencv_gray(bgr.data_bytes().expect("bytes"));
    let mut own = vec![0; theirs.len()];
    framebus::convert::pairs_to_gray(&yuyv, false, true, &mut own);
    assert!(
        most_off(&own, &theirs) <= 2,
        "off by {}",
        most_off(&own, &theirs)
    );
}

#[test]
fn luma_of_nv12_is_opencvs_gray_within_2() {
    // Two rows of pairs that have a colour in common.
    let colours = in_gamut();
    let row: Vec<u8> = colours.iter().flat_map(|[y, ..]| [*y, *y]).collect();
    let chroma: Vec<u8> = colours.iter().flat_map(|[_, u, v]| [*u, *v]).collect();
    let raw = [row.as_slice(), &row, &chroma].concat();
    let flat = Mat::from_bytes::<u8>(&raw).expect("pixels");
    let image = flat.reshape(1, 3).expect("rows");
    let mut bgr = Mat::default();
    cvt_color_def(&image, &mut bgr, opencv::imgproc::COLOR_YUV2BGR_NV12).expect("conversion");
    let theirs = opencv_gray(bgr.data_bytes().expect("bytes"));
    let mut own = vec![0; theirs.len()];
    framebus::convert::luma_to_gray(&raw, true, &mut own);
    assert!(
        most_off(&own, &theirs) <= 2,
        "off by {}",
        most_off(&own, &theirs)
    );
}

#[test]
fn luma_of_a_jpeg_is_opencvs_gray_within_2() {
    use framebus::layout::Geometry;
    let size = Geometry {
        width: 96,
        height: 80,
    };
    let bgr: Vec<u8> = (0..size.gray_len())
        .flat_map(|at| {
            let (x, y) = (at % 96, at / 96);
            [(60 + x) as u8, (80 + y) as u8, (150 - x / 2) as u8]
        })
        .collect();
    let image = Mat::from_bytes::<u8>(&bgr).expect("pixels");
    let image = image.reshape(3, 80).expect("rows");
    let mut bytes = opencv::core::Vector::new();
    opencv::imgcodecs::imencode_def(".jpg", &image, &mut bytes).expect("encoded");
    let bytes = bytes.as_slice().to_vec();
    let read = opencv::imgcodecs::imdecode(
        &Mat::from_slice(&bytes).expect("bytes"),
        opencv::imgcodecs::IMREAD_COLOR,
    );
    let read = read.expect("decoded");
    let theirs = opencv_gray(read.data_bytes().expect("bytes"));
    let mut own = vec![0; theirs.len()];
    framebus_cli::source::jpeg::Decoder::default()
        .decode(&bytes, size, false, &mut own, None)
        .expect("decoded");
    assert!(
        most_off(&own, &theirs) <= 2,
        "off by {}",
        most_off(&own, &theirs)
    );
}
