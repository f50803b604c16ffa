//! The files that `w` and `e` write. A name that exists is never overwritten.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::format::stamp;
use framebus::observe::{Picture, Snapshot};

/// Writes the picture as a PNG of 8 bits, gray or in colour; returns its path from the root.
pub(crate) fn write_png(
    directory: &Path,
    bus: &str,
    picture: &Picture,
    colour: bool,
) -> io::Result<PathBuf> {
    create(
        directory,
        &format!("framebus-{bus}-{}.png", picture.sequence),
        |file| {
            let mut encoder = png::Encoder::new(file, picture.width, picture.height);
            encoder.set_depth(png::BitDepth::Eight);
            let bgr = picture.bgr.as_ref().filter(|_| colour);
            let rgb = bgr.map(|bgr| {
                let (pixels, _) = bgr.as_chunks();
                pixels
                    .iter()
                    .flat_map(|[b, g, r]| [*r, *g, *b])
                    .collect::<Vec<_>>()
            });
            encoder.set_color(match rgb {
                Some(_) => png::ColorType::Rgb,
                None => png::ColorType::Grayscale,
            });
            let mut writer = encoder.write_header().map_err(io::Error::other)?;
            let pixels = rgb.as_ref().unwrap_or(&picture.gray);
            writer.write_image_data(pixels).map_err(io::Error::other)?;
            writer.finish().map_err(io::Error::other)
        },
    )
}

/// Writes the snapshot as `--json` prints it; returns its path from the root.
pub(crate) fn export(directory: &Path, snapshot: &Snapshot) -> io::Result<PathBuf> {
    let name = format!("framebus-{}-{}.json", snapshot.bus, stamp(snapshot.time_ms));
    create(directory, &name, |file| {
        serde_json::to_writer_pretty(&mut *file, snapshot)?;
        file.write_all(b"\n")
    })
}

/// Creates a file and lets `write` fill it. Its path, also in errors, is from the root: who reads it may not know where `top` was started.
fn create(
    directory: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<PathBuf> {
    let path = std::path::absolute(directory)?.join(name);
    let written = File::create_new(&path).and_then(|file| {
        let mut file = BufWriter::new(file);
        write(&mut file)?;
        file.flush()
    });
    match written {
        Ok(()) => Ok(path),
        Err(error) => {
            let text = format!("{}: {error}", path.display());
            Err(io::Error::new(error.kind(), text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_picture_comes_back_from_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let picture = fixture::picture(3, 7);
        let path = write_png(directory.path(), "cam0", &picture, true).expect("a file");
        assert!(path.ends_with("framebus-cam0-7.png"));
        let decoder = png::Decoder::new(io::BufReader::new(File::open(&path).expect("a file")));
        let mut reader = decoder.read_info().expect("a header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        assert_eq!(pixels, picture.gray);
        let again = write_png(directory.path(), "cam0", &picture, true).expect_err("it exists");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        assert!(again.to_string().contains("framebus-cam0-7.png: "));
    }

    #[test]
    fn a_picture_in_colour_is_written_so_only_when_it_is_seen_so() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut picture = fixture::coloured(3, 8);
        for (colour, kind) in [
            (true, png::ColorType::Rgb),
            (false, png::ColorType::Grayscale),
        ] {
            picture.sequence += 1;
            let path = write_png(directory.path(), "cam0", &picture, colour).expect("a file");
            let decoder = png::Decoder::new(io::BufReader::new(File::open(&path).expect("a file")));
            let mut reader = decoder.read_info().expect("a header");
            assert_eq!(reader.info().color_type, kind);
            let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
            reader.next_frame(&mut pixels).expect("pixels");
            assert!(!colour || pixels[..3] == [picture.gray[0], 0, 0]);
        }
    }

    #[test]
    fn a_snapshot_is_exported_as_json() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = export(directory.path(), &fixture::stuck()).expect("a file");
        assert!(path.ends_with("framebus-cam0-20260102T140331Z.json"));
        let text = std::fs::read_to_string(path).expect("a file");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["schema"], 1);
    }
}
