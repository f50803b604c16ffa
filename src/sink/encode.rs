//! Single images as bytes: PGM or PPM, PNG, JPEG.

use std::io;

use framebus::layout::Geometry;
use framebus_tools::sink::Pixels;

/// What an image is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Binary PGM (`P5`), with colour PPM (`P6`); 8 bits.
    Pgm,
    /// PNG, 8 bits, compressed fast rather than well.
    Png,
    /// Baseline JPEG.
    Jpeg,
}

/// The quality of JPEG images, 1 to 100.
const JPEG_QUALITY: u8 = 90;

/// Appends an image to `image`.
///
/// # Errors
/// Refuses what the encoding cannot hold, such as a JPEG with a side of more than 65535 pixels.
pub fn encode(
    encoding: Encoding,
    geometry: Geometry,
    pixels: Pixels<'_>,
    image: &mut Vec<u8>,
) -> io::Result<()> {
    match encoding {
        Encoding::Pgm => {
            write_pnm(geometry, pixels, image);
            Ok(())
        }
        Encoding::Png => write_png(geometry, pixels, image).map_err(io::Error::other),
        Encoding::Jpeg => encode_jpeg(geometry, pixels, JPEG_QUALITY, image),
    }
}

fn write_pnm(geometry: Geometry, pixels: Pixels<'_>, image: &mut Vec<u8>) {
    let Geometry { width, height } = geometry;
    let magic = match pixels {
        Pixels::Gray(_) => "P5",
        Pixels::Bgr(_) => "P6",
    };
    image.extend_from_slice(format!("{magic}\n{width} {height}\n255\n").as_bytes());
    match pixels {
        Pixels::Gray(gray) => image.extend_from_slice(gray),
        Pixels::Bgr(bgr) => append_rgb(bgr, image),
    }
}

fn append_rgb(bgr: &[u8], rgb: &mut Vec<u8>) {
    rgb.reserve(bgr.len());
    for pixel in bgr.chunks_exact(3) {
        rgb.extend_from_slice(&[pixel[2], pixel[1], pixel[0]]);
    }
}

fn write_png(
    geometry: Geometry,
    pixels: Pixels<'_>,
    image: &mut Vec<u8>,
) -> Result<(), png::EncodingError> {
    let mut rgb = Vec::new();
    let (color, data) = match pixels {
        Pixels::Gray(gray) => (png::ColorType::Grayscale, gray),
        Pixels::Bgr(bgr) => {
            append_rgb(bgr, &mut rgb);
            (png::ColorType::Rgb, rgb.as_slice())
        }
    };
    let mut encoder = png::Encoder::new(image, geometry.width, geometry.height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()
}

/// Appends a baseline JPEG of a quality from 1 to 100 to `image`.
///
/// # Errors
/// Refuses a side of more than 65535 pixels.
pub fn encode_jpeg(
    geometry: Geometry,
    pixels: Pixels<'_>,
    quality: u8,
    image: &mut Vec<u8>,
) -> io::Result<()> {
    let side = |side: u32| {
        u16::try_from(side)
            .map_err(|_| io::Error::other("a JPEG has at most 65535 pixels in a row or a column"))
    };
    let (width, height) = (side(geometry.width)?, side(geometry.height)?);
    let (color, data) = match pixels {
        Pixels::Gray(gray) => (jpeg_encoder::ColorType::Luma, gray),
        Pixels::Bgr(bgr) => (jpeg_encoder::ColorType::Bgr, bgr),
    };
    jpeg_encoder::Encoder::new(image, quality)
        .encode(data, width, height, color)
        .map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Geometry = Geometry {
        width: 2,
        height: 1,
    };

    #[test]
    fn colours_are_in_the_order_of_each_format() {
        let bgr = [255, 0, 0, 0, 0, 255];
        let mut ppm = Vec::new();
        encode(Encoding::Pgm, SIZE, Pixels::Bgr(&bgr), &mut ppm).expect("PPM");
        assert_eq!(ppm, b"P6\n2 1\n255\n\x00\x00\xff\xff\x00\x00");
        let mut png = Vec::new();
        encode(Encoding::Png, SIZE, Pixels::Bgr(&bgr), &mut png).expect("PNG");
        let mut reader = png::Decoder::new(io::Cursor::new(png))
            .read_info()
            .expect("PNG");
        let mut rgb = vec![0; reader.output_buffer_size().expect("size")];
        reader.next_frame(&mut rgb).expect("an image");
        assert_eq!(rgb, [0, 0, 255, 255, 0, 0]);
    }

    #[test]
    fn a_jpeg_begins_and_ends_as_one() {
        let mut jpeg = Vec::new();
        encode(Encoding::Jpeg, SIZE, Pixels::Gray(&[0, 255]), &mut jpeg).expect("JPEG");
        assert_eq!(jpeg[..2], [0xff, 0xd8]);
        assert_eq!(jpeg[jpeg.len() - 2..], [0xff, 0xd9]);
    }
}
