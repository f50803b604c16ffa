//! Colour and depth.

use framebus::source::SourceError;
use opencv::core::{CV_8U, CV_16U, CV_32F, CV_64F, CV_MAKETYPE, Mat, MatTraitConst};
use opencv::imgproc::{COLOR_BGRA2BGR, COLOR_GRAY2BGR, cvt_color_def};

/// Converts packed BGR pixels to gray: `gray[i]` from `bgr[3 * i..3 * i + 3]`, bit for bit as OpenCV's BGR2GRAY does, in
/// about two thirds of its time.
///
/// # Errors
/// Fails when `bgr` is not three times as long as `gray`.
pub fn to_gray(bgr: &[u8], gray: &mut [u8]) -> Result<(), SourceError> {
    if bgr.len() != 3 * gray.len() {
        let (bytes, pixels) = (bgr.len(), gray.len());
        return Err(SourceError::Damaged(format!(
            "a frame of {bytes} bytes cannot be converted to {pixels} gray pixels"
        )));
    }
    framebus::convert::bgr_to_gray(bgr, gray);
    Ok(())
}

/// Makes 8-bit BGR of a gray, BGR or BGRA image of any depth; the result has packed rows.
pub(crate) fn to_bgr8(image: &Mat) -> opencv::Result<Mat> {
    let mut bytes = Mat::default();
    // Of 16 bits the high 8, as `imread` has it and Y4M has it here: what is rounded to the next byte is lowered by half a one
    // before. Floating-point images are 0 to 1; what is outside saturates.
    let (scale, shift) = match image.depth() {
        CV_16U => (1.0 / 256.0, -127.5 / 256.0),
        CV_32F | CV_64F => (255.0, 0.0),
        _ => (1.0, 0.0),
    };
    let kind = CV_MAKETYPE(CV_8U, image.channels());
    image.convert_to(&mut bytes, kind, scale, shift)?;
    let mut bgr = Mat::default();
    match bytes.channels() {
        1 => cvt_color_def(&bytes, &mut bgr, COLOR_GRAY2BGR)?,
        3 => bgr = bytes,
        4 => cvt_color_def(&bytes, &mut bgr, COLOR_BGRA2BGR)?,
        other => {
            let text = format!("an image with {other} channels is neither gray nor colour");
            return Err(opencv::Error::new(opencv::core::StsUnsupportedFormat, text));
        }
    }
    if bgr.is_continuous() {
        Ok(bgr)
    } else {
        bgr.try_clone()
    }
}

#[cfg(test)]
mod tests {
    use opencv::core::{Scalar, Vec3b, Vec4b};

    use super::*;

    fn first_pixel(image: &Mat) -> Vec3b {
        let bgr = to_bgr8(image).expect("conversion");
        *bgr.at_2d::<Vec3b>(0, 0).expect("pixel")
    }

    fn filled<T: opencv::core::DataType>(value: Scalar) -> Mat {
        Mat::new_rows_cols_with_default(2, 3, T::opencv_type(), value).expect("image")
    }

    #[test]
    fn images_of_any_depth_and_channel_count_become_eight_bit_bgr() {
        assert_eq!(
            first_pixel(&filled::<u8>(Scalar::all(7.0))),
            Vec3b::from([7, 7, 7])
        );
        assert_eq!(
            first_pixel(&filled::<u16>(Scalar::all(65535.0))),
            Vec3b::from([255; 3])
        );
        assert_eq!(
            first_pixel(&filled::<u16>(Scalar::all(257.0 * 9.0))),
            Vec3b::from([9; 3])
        );
        for (value, byte) in [
            (0.0, 0),
            (255.0, 0),
            (256.0, 1),
            (40_191.0, 156),
            (40_192.0, 157),
        ] {
            let image = filled::<u16>(Scalar::all(value));
            assert_eq!(first_pixel(&image), Vec3b::from([byte; 3]), "{value}");
        }
        assert_eq!(
            first_pixel(&filled::<f32>(Scalar::all(1.0))),
            Vec3b::from([255; 3])
        );
        let colour = Scalar::new(1.0, 2.0, 3.0, 200.0);
        assert_eq!(
            first_pixel(&filled::<Vec3b>(colour)),
            Vec3b::from([1, 2, 3])
        );
        assert_eq!(
            first_pixel(&filled::<Vec4b>(colour)),
            Vec3b::from([1, 2, 3])
        );
    }

    #[test]
    fn an_image_with_two_channels_is_refused() {
        assert!(to_bgr8(&filled::<opencv::core::Vec2b>(Scalar::all(0.0))).is_err());
    }

    #[test]
    fn gray_is_the_weighted_sum_that_opencv_documents() {
        let bgr: Vec<u8> = (0..3 * 256u32).map(|i| (i * 89 % 256) as u8).collect();
        let mut gray = vec![0; 256];
        to_gray(&bgr, &mut gray).expect("gray");
        for (pixel, gray) in bgr.chunks_exact(3).zip(gray) {
            let [b, g, r] = [0, 1, 2].map(|i| u32::from(pixel[i]));
            assert_eq!(
                u32::from(gray),
                (3735 * b + 19235 * g + 9798 * r + 16384) >> 15
            );
        }
    }

    #[test]
    fn images_of_different_sizes_are_refused() {
        assert!(to_gray(&[0; 9], &mut [0; 4]).is_err());
        assert!(to_gray(&[0; 10], &mut [0; 3]).is_err());
    }
}
