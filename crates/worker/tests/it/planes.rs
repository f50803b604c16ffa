//! Planes of every format against OpenCV's conversions of the same pixels.

use framebus::convert::{Images, Scratch, fill_plane, to_bgr};
use framebus::layout::{ColorRange, Format, Geometry, Matrix, Plane, PlaneSpec};
use opencv::core::{CV_16UC1, Mat, MatTraitConst, MatTraitConstManual, Size, Vec2b, Vec3b};
use opencv::imgproc::{
    COLOR_BGR2RGB, COLOR_BGR2YUV_I420, COLOR_YUV2BGR_I420, COLOR_YUV2BGR_NV12, COLOR_YUV2BGR_YUY2,
    INTER_AREA, cvt_color_def, resize,
};

const SIZE: Geometry = Geometry {
    width: 96,
    height: 48,
};

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

fn plane(text: &str) -> Plane {
    let spec: PlaneSpec = text.parse().expect("a plane");
    plane_of(spec)
}

fn plane_of(spec: PlaneSpec) -> Plane {
    spec.plane(SIZE).expect("its size")
}

/// What the library makes of BGR pixels.
fn made(text: &str, bgr: &[u8]) -> Vec<u8> {
    let plane = plane(text);
    let mut target = vec![0; plane.bytes()];
    let images = Images {
        geometry: SIZE,
        gray: None,
        bgr: Some(bgr),
    };
    assert!(fill_plane(
        &plane,
        &mut target,
        &images,
        &mut Scratch::default()
    ));
    target
}

fn mat(bgr: &[u8]) -> Mat {
    let (rows, columns) = (SIZE.height as i32, SIZE.width as i32);
    let mat = Mat::new_rows_cols_with_bytes::<Vec3b>(rows, columns, bgr).expect("a matrix");
    mat.try_clone().expect("a copy")
}

fn converted(image: &Mat, code: i32) -> Vec<u8> {
    let mut result = Mat::default();
    cvt_color_def(image, &mut result, code).expect("converted");
    result.data_bytes().expect("bytes").to_vec()
}

#[test]
fn rgb_and_yuv_420_are_what_opencv_makes_of_bgr() {
    let bgr = noise(SIZE.bgr_len());
    let image = mat(&bgr);
    assert_eq!(made("rgb", &bgr), converted(&image, COLOR_BGR2RGB));
    let i420 = converted(&image, COLOR_BGR2YUV_I420);
    assert_eq!(made("i420", &bgr), i420);
    // NV12 is the same with its chroma in turns.
    let nv12 = made("nv12", &bgr);
    let pixels = SIZE.gray_len();
    assert_eq!(nv12[..pixels], i420[..pixels]);
    let (blue, red) = i420[pixels..].split_at(pixels / 4);
    let pairs = blue.iter().zip(red).flat_map(|(blue, red)| [*blue, *red]);
    assert!(nv12[pixels..].iter().copied().eq(pairs));
}

#[test]
fn yuv_becomes_the_bgr_that_opencv_makes_of_it() {
    let (rows, columns) = (SIZE.height as i32, SIZE.width as i32);
    let check = |format: Format, image: &[u8], wanted: Vec<u8>| {
        let spec = PlaneSpec::new(format).colors(ColorRange::Limited, Matrix::Bt601);
        let mut bgr = vec![0; SIZE.bgr_len()];
        assert!(to_bgr(&plane_of(spec), image, &mut bgr));
        let off = bgr.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(off, Some(0), "{format}");
    };
    let yuv = noise(SIZE.gray_len() * 3 / 2);
    let image = Mat::new_rows_cols_with_bytes::<u8>(rows * 3 / 2, columns, &yuv).expect("a matrix");
    let image = image.try_clone().expect("a copy");
    check(Format::NV12, &yuv, converted(&image, COLOR_YUV2BGR_NV12));
    check(Format::I420, &yuv, converted(&image, COLOR_YUV2BGR_I420));
    let yuyv = noise(2 * SIZE.gray_len());
    let image = Mat::new_rows_cols_with_bytes::<Vec2b>(rows, columns, &yuyv).expect("a matrix");
    let image = image.try_clone().expect("a copy");
    check(Format::YUYV, &yuyv, converted(&image, COLOR_YUV2BGR_YUY2));
}

#[test]
fn smaller_planes_are_opencvs_area_means() {
    let bgr = noise(SIZE.bgr_len());
    let image = mat(&bgr);
    for divisor in [2, 3, 4, 6, 12] {
        let size = Size::new(SIZE.width as i32 / divisor, SIZE.height as i32 / divisor);
        let mut small = Mat::default();
        resize(&image, &mut small, size, 0.0, 0.0, INTER_AREA).expect("resized");
        let wanted = small.data_bytes().expect("bytes");
        let own = made(&format!("bgr/{divisor}"), &bgr);
        let off = own.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).max();
        assert_eq!(off, Some(0), "1/{divisor}");
    }
}

#[test]
fn sixteen_bits_are_opencvs_257_times_eight() {
    let bgr = noise(SIZE.bgr_len());
    let gray = made("gray", &bgr);
    let (rows, columns) = (SIZE.height as i32, SIZE.width as i32);
    let image = Mat::new_rows_cols_with_bytes::<u8>(rows, columns, &gray).expect("a matrix");
    let mut wide = Mat::default();
    image
        .convert_to(&mut wide, CV_16UC1, 257.0, 0.0)
        .expect("converted");
    assert_eq!(made("gray16", &bgr), wide.data_bytes().expect("bytes"));
}
