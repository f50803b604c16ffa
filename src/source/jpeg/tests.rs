use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

const SIZE: Geometry = Geometry {
    width: 83,
    height: 61,
};

/// A picture with soft and hard edges, in RGB.
fn picture() -> Vec<u8> {
    let (width, height) = (SIZE.width as usize, SIZE.height as usize);
    let pixel = |at: usize| {
        let (x, y) = (at % width, at / width);
        let edge = if (x / 9 + y / 7) % 3 == 0 { 60 } else { 0 };
        [x * 2 + edge, y * 3, 255 - x - y].map(|value| value.min(255) as u8)
    };
    (0..width * height).flat_map(pixel).collect()
}

fn encoded(sampling: SamplingFactor, restart: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    encoder.set_sampling_factor(sampling);
    if restart > 0 {
        encoder.set_restart_interval(restart);
    }
    let (width, height) = (SIZE.width as u16, SIZE.height as u16);
    encoder
        .encode(&picture(), width, height, ColorType::Rgb)
        .expect("encoded");
    bytes
}

fn decoded(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>), JpegError> {
    let mut gray = vec![0; SIZE.gray_len()];
    let mut bgr = vec![0; SIZE.bgr_len()];
    let mut decoder = Decoder::default();
    decoder.decode(bytes, SIZE, false, &mut gray, Some(&mut bgr))?;
    let mut alone = vec![0; SIZE.gray_len()];
    decoder.decode(bytes, SIZE, false, &mut alone, None)?;
    assert_eq!(alone, gray, "with and without colours");
    Ok((gray, bgr))
}

fn average_error(a: &[u8], b: &[u8]) -> f64 {
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

fn check(bytes: &[u8]) {
    let mut rgb = picture();
    rgb.chunks_exact_mut(3).for_each(|pixel| pixel.swap(0, 2));
    let mut expected = vec![0; SIZE.gray_len()];
    framebus::convert::bgr_to_gray(&rgb, &mut expected);
    let (gray, bgr) = decoded(bytes).expect("decoded");
    let error = average_error(&gray, &expected);
    assert!(error < 2.0, "gray is off by {error}");
    let error = average_error(&bgr, &rgb);
    assert!(error < 6.0, "colours are off by {error}");
}

#[test]
fn pictures_of_every_sampling_are_what_was_encoded() {
    use SamplingFactor::{F_1_1, F_2_1, F_2_2, F_4_1, R_4_4_0};
    for sampling in [F_1_1, F_2_1, F_2_2, F_4_1, R_4_4_0] {
        check(&encoded(sampling, 0));
        check(&encoded(sampling, 3));
    }
}

#[test]
fn a_picture_without_tables_has_those_of_the_standard() {
    let whole = encoded(SamplingFactor::F_2_1, 0);
    let mut bare = whole[..2].to_vec();
    let mut segments = Segments::of(&whole).expect("a JPEG");
    loop {
        let (marker, segment) = segments.next().expect("a scan");
        if marker != header::DHT {
            let length = (segment.len() + 2) as u16;
            bare.extend([0xff, marker]);
            bare.extend(length.to_be_bytes());
            bare.extend(segment);
        }
        if marker == header::SOS {
            break;
        }
    }
    bare.extend(segments.rest());
    assert!(bare.len() < whole.len());
    check(&bare);
    check(&whole);
}

#[test]
fn gray_pictures_and_those_without_an_end_marker_are_decoded() {
    let (width, height) = (SIZE.width as u16, SIZE.height as u16);
    let gray: Vec<u8> = picture().chunks_exact(3).map(|pixel| pixel[0]).collect();
    let mut bytes = Vec::new();
    let encoder = Encoder::new(&mut bytes, 95);
    encoder
        .encode(&gray, width, height, ColorType::Luma)
        .expect("encoded");
    bytes.truncate(bytes.len() - 2);
    let (decoded, bgr) = decoded(&bytes).expect("decoded");
    assert!(average_error(&decoded, &gray) < 2.0);
    assert_eq!(bgr[3 * 700..3 * 701], [decoded[700]; 3]);
}

#[test]
fn a_picture_that_is_cut_off_anywhere_is_damaged() {
    for restart in [0, 2] {
        let whole = encoded(SamplingFactor::F_2_2, restart);
        for len in (0..whole.len() - 8).step_by(7) {
            assert_eq!(decoded(&whole[..len]).err(), Some(Damaged), "at {len}");
            // As libjpeg's own sources end it.
            let ended = [&whole[..len], &[0xff, 0xd9]].concat();
            assert_eq!(decoded(&ended).err(), Some(Damaged), "ended at {len}");
        }
    }
}

#[test]
fn a_picture_that_begins_inside_another_is_damage() {
    let whole = encoded(SamplingFactor::F_2_2, 0);
    let both = [&whole[..whole.len() / 2], &whole].concat();
    assert_eq!(decoded(&both).err(), Some(Damaged));
}

#[test]
fn whatever_bytes_come_nothing_but_an_error_happens() {
    let whole = encoded(SamplingFactor::F_2_1, 4);
    let mut random = 7_u32;
    let mut next = |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below
    };
    for _ in 0..400 {
        let mut bytes = whole.clone();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        bytes.truncate(whole.len() - next(3));
        let _ = decoded(&bytes);
    }
}

#[test]
fn another_size_and_another_kind_are_told_apart() {
    let whole = encoded(SamplingFactor::F_2_1, 0);
    assert_eq!(size(&whole), Some(SIZE));
    let other = Geometry {
        width: 8,
        height: 8,
    };
    let mut decoder = Decoder::default();
    let wrong = decoder.decode(&whole, other, false, &mut [0; 64], None);
    assert_eq!(wrong, Err(JpegError::Size(SIZE)));
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_progressive(true);
    let (width, height) = (SIZE.width as u16, SIZE.height as u16);
    encoder
        .encode(&picture(), width, height, ColorType::Rgb)
        .expect("encoded");
    assert_eq!(size(&bytes), Some(SIZE));
    assert_eq!(decoded(&bytes).err(), Some(Unsupported));
    assert_eq!(size(b"no picture"), None);
}

#[test]
fn limited_luma_is_stretched() {
    let bytes = encoded(SamplingFactor::F_2_1, 0);
    let (full, _) = decoded(&bytes).expect("decoded");
    let mut gray = vec![0; SIZE.gray_len()];
    Decoder::default()
        .decode(&bytes, SIZE, true, &mut gray, None)
        .expect("decoded");
    let mut expected = full;
    framebus::convert::stretch_luma(&mut expected);
    assert_eq!(gray, expected);
}
