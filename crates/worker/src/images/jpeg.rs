//! Whether a JPEG is whole. libjpeg decodes what is there and makes up the rest, without an error.

use super::entropy::Tables;

/// The end of the image.
const EOI: u8 = 0xd9;
/// The start of a scan, behind which the compressed data are.
const SOS: u8 = 0xda;

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Follows the markers from the start to the end of the image, and the codes of its scans. Thumbnails lie inside of segments, and are passed over with
/// them; what lies behind the end (a second image, padding) does not matter.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    let mut scans = 0;
    let mut tables = Tables::default();
    while let Some((marker, behind)) = next_marker(bytes, at) {
        match marker {
            EOI => return scans > 0,
            // Markers without a length.
            0x01 | 0xd0..=0xd8 => at = behind,
            _ => {
                let Some(length) = bytes.get(behind..behind + 2) else {
                    return false;
                };
                at = behind + usize::from(u16::from_be_bytes([length[0], length[1]]));
                let Some(segment) = bytes.get(behind + 2..at) else {
                    return false;
                };
                if tables.define(marker, segment).is_none() {
                    return false;
                }
                if marker == SOS {
                    scans += 1;
                    let Some(end) = end_of_scan(bytes, at) else {
                        return false;
                    };
                    if tables.follow(segment, &bytes[at..end]).is_none() {
                        return false;
                    }
                    at = end;
                }
            }
        }
    }
    false
}

/// Finds the next marker, and where it ends; some writers fill the space between segments.
fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(from..)?;
    let at = rest
        .windows(2)
        .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))?;
    Some((rest[at + 1], from + at + 2))
}

/// Finds the marker behind a scan's data. In the data a 0xff is followed by 0 or is a restart marker, and these count from
/// 0 to 7: another order, or another marker than may follow a scan, is damage.
fn end_of_scan(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    let mut restarts = 0;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        match bytes.get(at + 1)? {
            0 => at += 2,
            0xff => at += 1,
            restart @ 0xd0..=0xd7 if restart & 7 == restarts => {
                restarts = (restarts + 1) & 7;
                at += 2;
            }
            // Tables, another scan, lines, comments, applications, the end.
            0xc4 | 0xcc | 0xd9..=0xdd | 0xe0..=0xef | 0xfe => return Some(at),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg() -> Vec<u8> {
        let thumbnail = [0xff, 0xd8, 0xff, EOI];
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe1, 0, 6];
        bytes.extend(thumbnail);
        bytes.extend([0xff, SOS, 0, 3, 7]);
        bytes.extend([1, 2, 0xff, 0, 3, 0xff, 0xd0, 4, 0xff, 0xd1, 5]);
        bytes.extend([0xff, EOI]);
        bytes
    }

    #[test]
    fn a_jpeg_is_whole_to_its_last_byte_and_with_anything_behind() {
        let whole = jpeg();
        assert!(is_jpeg(&whole) && is_whole(&whole));
        assert!(is_whole(&[&whole[..], b"padding"].concat()));
        for len in 0..whole.len() {
            assert!(!is_whole(&whole[..len]), "{len} bytes");
        }
    }

    #[test]
    fn damage_that_shows_in_the_markers_is_seen() {
        let at = |bytes: &[u8], wanted: [u8; 2]| {
            let found = bytes.windows(2).position(|pair| pair == wanted);
            found.expect("the marker")
        };
        let mut swapped = jpeg();
        let restart = at(&swapped, [0xff, 0xd0]);
        swapped[restart + 1] = 0xd1;
        assert!(!is_whole(&swapped));
        let mut foreign = jpeg();
        let stuffed = at(&foreign, [0xff, 0]);
        foreign[stuffed + 1] = 0x5a;
        assert!(!is_whole(&foreign));
    }
}
