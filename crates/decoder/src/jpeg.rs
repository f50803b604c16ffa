//! JPEGs that were broken off: the next one begins inside their data.

const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;

/// Counts the pictures in a packet that end in the middle because another one begins. FFmpeg's parser takes both for one
/// packet, and its decoder shows the last one only.
///
/// A start marker is looked for in the entropy-coded data alone (ITU-T T.81, B.1.1.5): a thumbnail stands in a segment.
pub(crate) fn broken_off(packet: &[u8]) -> usize {
    let mut count = 0;
    let mut at = 0;
    let mut in_scan = false;
    while let Some((marker, after)) = next_marker(packet, at, in_scan) {
        at = after;
        match marker {
            START if in_scan => {
                count += 1;
                in_scan = false;
            }
            END => in_scan = false,
            // These stand alone.
            START | 0x01 | 0xd0..=0xd7 => {}
            _ => {
                let length = packet.get(after..after + 2);
                let length = length.map_or(2, |two| usize::from(two[0]) << 8 | usize::from(two[1]));
                let segment = packet.get(after..).unwrap_or_default();
                let segment = &segment[..segment.len().min(length)];
                // A table may be cut off as well; what an application has written may hold a picture.
                let cut = segment
                    .windows(3)
                    .position(|three| three == [0xff, START, 0xff])
                    .filter(|_| !matches!(marker, 0xe0..=0xef | 0xfe));
                count += usize::from(cut.is_some());
                at = after + cut.unwrap_or(length.max(2));
                in_scan = marker == SCAN && cut.is_none();
            }
        }
    }
    count
}

/// The next marker from `at` on, and where what follows it begins. In a scan, FF 00 and restarts are data.
fn next_marker(packet: &[u8], at: usize, in_scan: bool) -> Option<(u8, usize)> {
    let rest = packet.get(at..)?;
    rest.windows(2)
        .position(|two| {
            let restart = in_scan && (0xd0..=0xd7).contains(&two[1]);
            two[0] == 0xff && !matches!(two[1], 0x00 | 0xff) && !restart
        })
        .map(|found| (rest[found + 1], at + found + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = &[0xff, 0xd8, 0xff, 0xda, 0x00, 0x04, 9, 9];

    fn picture(data: &[u8], end: &[u8]) -> Vec<u8> {
        [HEAD, data, end].concat()
    }

    #[test]
    fn a_picture_in_whose_data_another_begins_is_counted() {
        let whole = picture(&[1, 0xff, 0, 0xff, 0xd3, 2], &[0xff, 0xd9]);
        let half = picture(&[1, 2, 3], &[]);
        assert_eq!(broken_off(&whole), 0);
        assert_eq!(broken_off(&[whole.clone(), whole.clone()].concat()), 0);
        assert_eq!(broken_off(&[half.clone(), whole.clone()].concat()), 1);
        assert_eq!(broken_off(&[half.clone(), half, whole.clone()].concat()), 2);
        let table = [0xff, 0xd8, 0xff, 0xc4, 0x01, 0x00, 3, 4];
        assert_eq!(broken_off(&[table.as_slice(), &whole].concat()), 1);
    }

    #[test]
    fn a_thumbnail_and_a_second_scan_are_parts_of_a_picture() {
        let thumbnail = picture(&[5], &[]);
        let length = (thumbnail.len() + 2) as u8;
        let segment = [&[0xff, 0xd8, 0xff, 0xe1, 0, length], thumbnail.as_slice()].concat();
        let scans = [0xff, 0xda, 0, 2, 7, 0xff, 0xda, 0, 2, 8, 0xff, 0xd9];
        assert_eq!(broken_off(&[segment.as_slice(), &scans].concat()), 0);
        assert_eq!(broken_off(&[0xff]), 0);
        assert_eq!(broken_off(&[0xff, 0xe0, 0xff]), 0);
    }
}
