//! Kitty's graphics protocol: a PNG in base64, in pieces, that the terminal scales to a number of cells.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Image, Shades};

/// The most characters in a piece.
const PIECE: usize = 4096;
/// The first number of our pictures; those of other programs are theirs.
const FIRST: usize = 0x6672_6200;

/// Writes the picture in place `at`; the cursor is in its upper left cell, and stays there. A picture that is already in this
/// place is replaced in one step.
pub(super) fn write(out: &mut impl Write, image: &Image, at: usize) -> io::Result<()> {
    let text = STANDARD.encode(encode(image)?);
    let mut pieces = text.as_bytes().chunks(PIECE).peekable();
    let (columns, rows, number) = (image.columns, image.rows, FIRST + at);
    // q=2: no answer, which would be taken for keys. C=1: the cursor stays.
    write!(
        out,
        "\x1b_Ga=T,f=100,t=d,i={number},p=1,c={columns},r={rows},C=1,q=2"
    )?;
    while let Some(piece) = pieces.next() {
        let more = pieces.peek().is_some();
        write!(out, ",m={};", u8::from(more))?;
        out.write_all(piece)?;
        out.write_all(b"\x1b\\")?;
        if more {
            out.write_all(b"\x1b_Gq=2")?;
        }
    }
    Ok(())
}

/// Takes the picture in place `at` away, and its memory.
pub(super) fn delete(out: &mut impl Write, at: usize) -> io::Result<()> {
    write!(out, "\x1b_Ga=d,d=I,i={},q=2\x1b\\", FIRST + at)
}

fn encode(image: &Image) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = |pixels: usize| u32::try_from(pixels).map_err(io::Error::other);
    let mut encoder = png::Encoder::new(&mut bytes, size(image.width)?, size(image.height())?);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let (kind, pixels) = match &image.pixels {
        Shades::Gray(pixels) => (png::ColorType::Grayscale, &pixels[..]),
        Shades::Colour(pixels) => (png::ColorType::Rgb, pixels.as_flattened()),
    };
    encoder.set_color(kind);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(pixels).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    /// Reads the pieces back: the keys of the first, and the pixels.
    fn read(bytes: &[u8]) -> (String, Vec<u8>) {
        let text = std::str::from_utf8(bytes).expect("text");
        let (mut keys, mut data) = (String::new(), String::new());
        let pieces: Vec<&str> = text.split_terminator("\x1b\\").collect();
        for (at, piece) in pieces.iter().enumerate() {
            let piece = piece.strip_prefix("\x1b_G").expect("a start");
            let (head, body) = piece.split_once(';').expect("a body");
            let more = head.contains("m=1");
            assert_eq!(more, at + 1 < pieces.len(), "{head}");
            assert!(body.len() <= PIECE && (!more || body.len() % 4 == 0));
            if at == 0 {
                keys = head.to_owned();
            }
            data.push_str(body);
        }
        let png = STANDARD.decode(data).expect("base64");
        let mut reader = png::Decoder::new(io::Cursor::new(png))
            .read_info()
            .expect("a header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        (keys, pixels)
    }

    #[test]
    fn a_picture_comes_back_from_its_pieces() {
        let noise: Vec<u8> = (0..200u32 * 100)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let image = Image {
            protocol: Protocol::Kitty,
            columns: 20,
            rows: 5,
            width: 200,
            pixels: Shades::Gray(noise.clone()),
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &image, 2).expect("bytes");
        assert!(bytes.len() > 3 * PIECE, "it is more than one piece");
        let (keys, pixels) = read(&bytes);
        assert_eq!(pixels, noise);
        assert!(keys.contains(&format!("i={}", FIRST + 2)) && keys.contains("c=20,r=5"));
        assert!(keys.contains("q=2"), "nothing answers: {keys}");
    }

    #[test]
    fn colours_are_red_green_and_blue() {
        let image = Image {
            protocol: Protocol::Kitty,
            columns: 2,
            rows: 1,
            width: 2,
            pixels: Shades::Colour(vec![[1, 2, 3], [4, 5, 6]]),
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &image, 0).expect("bytes");
        assert_eq!(read(&bytes).1, [1, 2, 3, 4, 5, 6]);
    }
}
