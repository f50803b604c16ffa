//! Matroska as ffmpeg takes it from a pipe: images as they are, each with its time.
//!
//! The format is RFC 9559, over RFC 8794. Y4M, which ffmpeg takes too, has one rate and no times; NUT has times, checksums, and
//! no other reader. There is one cluster a frame, so that a time may be anything.

use framebus::layout::Geometry;

/// 2001-01-01 in nanoseconds since 1970: from when Matroska counts dates.
const DATE_ZERO_NS: i128 = 978_307_200_000_000_000;
/// Times are in microseconds.
const SCALE_NS: u64 = 1000;
/// The size of what has no end yet.
const UNKNOWN: [u8; 8] = [1, 255, 255, 255, 255, 255, 255, 255];

/// What the images are.
pub(super) struct Track {
    pub(super) geometry: Geometry,
    /// FFmpeg's name for the pixels.
    pub(super) fourcc: [u8; 4],
    pub(super) fps: Option<f64>,
    /// When the first one was captured, in wall-clock time.
    pub(super) wall_ns: u64,
}

/// Returns what stands before the first image.
pub(super) fn header(track: &Track) -> Vec<u8> {
    let mut ebml = Vec::new();
    number(&mut ebml, 0x4286, 1);
    number(&mut ebml, 0x42f7, 1);
    number(&mut ebml, 0x42f2, 4);
    number(&mut ebml, 0x42f3, 8);
    element(&mut ebml, 0x4282, b"matroska");
    number(&mut ebml, 0x4287, 4);
    number(&mut ebml, 0x4285, 2);

    let mut info = Vec::new();
    number(&mut info, 0x2a_d7b1, SCALE_NS);
    element(&mut info, 0x4d80, b"framebus");
    element(&mut info, 0x5741, b"framebus");
    if let Ok(date) = i64::try_from(i128::from(track.wall_ns) - DATE_ZERO_NS) {
        element(&mut info, 0x4461, &date.to_be_bytes());
    }

    let mut video = Vec::new();
    number(&mut video, 0xb0, track.geometry.width.into());
    number(&mut video, 0xba, track.geometry.height.into());
    element(&mut video, 0x2e_b524, &track.fourcc);

    let mut entry = Vec::new();
    number(&mut entry, 0xd7, 1);
    number(&mut entry, 0x73c5, 1);
    number(&mut entry, 0x83, 1);
    number(&mut entry, 0x9c, 0);
    element(&mut entry, 0x86, b"V_UNCOMPRESSED");
    // How long the last frame is.
    if let Some(fps) = track.fps.filter(|fps| *fps > 0.0) {
        number(&mut entry, 0x23_e383, ((1e9 / fps) as u64).max(1));
    }
    element(&mut entry, 0xe0, &video);
    let mut tracks = Vec::new();
    element(&mut tracks, 0xae, &entry);

    let mut all = Vec::new();
    element(&mut all, 0x1a45_dfa3, &ebml);
    id(&mut all, 0x1853_8067);
    all.extend(UNKNOWN);
    element(&mut all, 0x1549_a966, &info);
    element(&mut all, 0x1654_ae6b, &tracks);
    all
}

/// Writes what stands before an image of `len` bytes that was taken at `time_us`.
pub(super) fn before_image(all: &mut Vec<u8>, time_us: u64, len: usize) {
    // Track 1, no time beyond the cluster's, a key frame.
    const BLOCK: [u8; 4] = [0x81, 0, 0, 0x80];
    let mut time = Vec::new();
    number(&mut time, 0xe7, time_us);
    let block_len = BLOCK.len() + len;
    let block_head = 1 + UNKNOWN.len();
    id(all, 0x1f43_b675);
    size(all, time.len() + block_head + block_len);
    all.extend(time);
    id(all, 0xa3);
    size(all, block_len);
    all.extend(BLOCK);
}

/// An identifier has its own length in it.
fn id(all: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    all.extend(bytes.iter().skip_while(|byte| **byte == 0));
}

fn size(all: &mut Vec<u8>, size: usize) {
    let mut bytes = (size as u64).to_be_bytes();
    bytes[0] = 1;
    all.extend(bytes);
}

fn element(all: &mut Vec<u8>, name: u32, content: &[u8]) {
    id(all, name);
    size(all, content.len());
    all.extend(content);
}

fn number(all: &mut Vec<u8>, name: u32, number: u64) {
    element(all, name, &number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_and_sizes_are_as_ebml_has_them() {
        let mut all = Vec::new();
        number(&mut all, 0xd7, 1);
        assert_eq!(all, [0xd7, 1, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1]);
        all.clear();
        element(&mut all, 0x1a45_dfa3, b"x");
        assert_eq!(all, [0x1a, 0x45, 0xdf, 0xa3, 1, 0, 0, 0, 0, 0, 0, 1, b'x']);
    }

    #[test]
    fn a_cluster_is_as_long_as_it_says() {
        let mut all = Vec::new();
        before_image(&mut all, 40_000, 6);
        let said =
            u64::from_be_bytes([0, all[5], all[6], all[7], all[8], all[9], all[10], all[11]]);
        assert_eq!(said as usize, all.len() - 12 + 6);
    }
}
