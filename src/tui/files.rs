//! The files that `w` and `e` write. A name that exists is never overwritten.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::format::stamp;
use crate::observe::{Picture, Snapshot};

/// Writes the picture as an 8-bit gray PNG; returns its path.
pub(crate) fn write_png(directory: &Path, bus: &str, picture: &Picture) -> io::Result<PathBuf> {
    let path = directory.join(format!("framebus-{bus}-{}.png", picture.sequence));
    let mut encoder = png::Encoder::new(
        BufWriter::new(File::create_new(&path)?),
        picture.width,
        picture.height,
    );
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer
        .write_image_data(&picture.gray)
        .map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(path)
}

/// Writes the snapshot as `--json` prints it; returns its path.
pub(crate) fn export(directory: &Path, snapshot: &Snapshot) -> io::Result<PathBuf> {
    let path = directory.join(format!(
        "framebus-{}-{}.json",
        snapshot.bus,
        stamp(snapshot.time_ms)
    ));
    let mut file = BufWriter::new(File::create_new(&path)?);
    serde_json::to_writer_pretty(&mut file, snapshot)?;
    file.write_all(b"\n")?;
    file.flush()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn a_picture_comes_back_from_its_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let picture = fixture::picture(3, 7);
        let path = write_png(directory.path(), "cam0", &picture).expect("a file");
        assert!(path.ends_with("framebus-cam0-7.png"));
        let decoder = png::Decoder::new(io::BufReader::new(File::open(&path).expect("a file")));
        let mut reader = decoder.read_info().expect("a header");
        let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
        reader.next_frame(&mut pixels).expect("pixels");
        assert_eq!(pixels, picture.gray);
        let again = write_png(directory.path(), "cam0", &picture).expect_err("it exists");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
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
