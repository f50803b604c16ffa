//! Finds JPEG pictures in a stream of bytes, whatever stands between them: boundaries, headers, nothing, noise.
//!
//! Pictures are followed marker by marker (ITU-T T.81, B.1), so that nobody has to say how long one is, and it is known to
//! be whole with its last byte, not with the beginning of the next part. A boundary or the start of another picture inside
//! of one says that it was broken off.

/// A picture that is longer is none.
const LARGEST: usize = 64 << 20;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole picture, by its markers.
    Picture(Vec<u8>),
    /// A picture was broken off.
    Broken,
}

/// What has come and was not taken yet.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    bytes: Vec<u8>,
    /// Where the next marker is looked for, inside a picture that begins at 0; `None` outside.
    at: Option<usize>,
    in_scan: bool,
    boundary: Vec<u8>,
    /// Up to where no boundary is.
    searched: usize,
}

impl Pictures {
    /// `boundary` is what stands between pictures, where the server says.
    pub(super) fn new(boundary: Option<&str>) -> Pictures {
        // Some say it with the two hyphens that belong in front of it, and some without.
        let name = boundary.map(|name| name.trim_start_matches('-').as_bytes().to_vec());
        let name = name.filter(|name| name.len() >= 3);
        Pictures {
            boundary: name.map_or(Vec::new(), |name| [b"\r\n--".as_slice(), &name].concat()),
            ..Pictures::default()
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a picture has begun and is not complete.
    pub(super) fn is_inside(&self) -> bool {
        self.at.is_some()
    }

    /// The stream has ended: what has begun is broken off.
    pub(super) fn end(&mut self) -> Option<Found> {
        let broken = self.is_inside();
        *self = Pictures {
            boundary: std::mem::take(&mut self.boundary),
            ..Pictures::default()
        };
        broken.then_some(Found::Broken)
    }

    /// The next picture, if it is complete.
    pub(super) fn next(&mut self) -> Option<Found> {
        loop {
            let Some(at) = self.at else {
                if !self.begin() {
                    return None;
                }
                continue;
            };
            let cut = self.cut_off();
            let Some((marker, behind)) = self.marker(at, cut) else {
                if let Some(cut) = cut {
                    self.leave(cut);
                    return Some(Found::Broken);
                }
                if self.bytes.len() > LARGEST {
                    self.leave(self.bytes.len());
                    return Some(Found::Broken);
                }
                return None;
            };
            match marker {
                0xd9 => {
                    let rest = self.bytes.split_off(behind);
                    let picture = std::mem::replace(&mut self.bytes, rest);
                    self.outside();
                    return Some(Found::Picture(picture));
                }
                0xd8 => {
                    self.leave(behind - 2);
                    return Some(Found::Broken);
                }
                0x01 | 0xd0..=0xd7 => self.at = Some(behind),
                _ => {
                    let length = self.bytes.get(behind..behind + 2)?;
                    let length = usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
                    // What a boundary stands in is no segment.
                    if cut.is_some_and(|cut| cut < behind + length) {
                        self.leave(cut.unwrap_or(behind));
                        return Some(Found::Broken);
                    }
                    if self.bytes.len() < behind + length {
                        return None;
                    }
                    self.at = Some(behind + length);
                    self.in_scan = marker == 0xda;
                }
            }
        }
    }

    /// Looks for a start; what is before it is thrown away.
    fn begin(&mut self) -> bool {
        let start = self
            .bytes
            .windows(3)
            .position(|three| three == [0xff, 0xd8, 0xff]);
        match start {
            Some(start) => {
                self.bytes.drain(..start);
                (self.at, self.in_scan, self.searched) = (Some(2), false, 0);
                true
            }
            None => {
                let kept = self.bytes.len().min(2);
                self.bytes.drain(..self.bytes.len() - kept);
                false
            }
        }
    }

    fn outside(&mut self) {
        (self.at, self.in_scan, self.searched) = (None, false, 0);
    }

    fn leave(&mut self, to: usize) {
        self.bytes.drain(..to);
        self.outside();
    }

    /// Where a boundary stands.
    fn cut_off(&mut self) -> Option<usize> {
        if self.boundary.is_empty() {
            return None;
        }
        let from = self.searched;
        let rest = self.bytes.get(from..)?;
        let found = rest
            .windows(self.boundary.len())
            .position(|window| window[0] == b'\r' && window == self.boundary);
        if found.is_none() {
            self.searched = self
                .bytes
                .len()
                .saturating_sub(self.boundary.len() - 1)
                .max(from);
        }
        found.map(|found| from + found)
    }

    /// The next marker before `end`, and where what follows it begins. In a scan, FF 00 and restarts are data.
    fn marker(&mut self, at: usize, end: Option<usize>) -> Option<(u8, usize)> {
        let end = end.unwrap_or(self.bytes.len());
        let rest = self.bytes.get(at..end)?;
        let in_scan = self.in_scan;
        let found = rest.windows(2).position(|two| {
            let data = in_scan && matches!(two[1], 0xd0..=0xd7);
            two[0] == 0xff && !matches!(two[1], 0 | 0xff) && !data
        });
        match found {
            Some(found) => {
                self.at = Some(at + found);
                Some((rest[found + 1], at + found + 2))
            }
            None => {
                // Not looked at again, but for the last byte.
                self.at = Some(at.max(end.saturating_sub(1)));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PICTURE: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9, 0xff, 0xda, 0, 2, 7, 0xff, 0, 0xff,
        0xd3, 8, 0xff, 0xd9,
    ];

    fn found(stream: &[u8], boundary: Option<&str>, step: usize) -> Vec<Found> {
        let mut pictures = Pictures::new(boundary);
        let mut all = Vec::new();
        for bytes in stream.chunks(step) {
            pictures.push(bytes);
            while let Some(one) = pictures.next() {
                all.push(one);
            }
        }
        all.extend(pictures.end());
        all
    }

    #[test]
    fn pictures_are_found_whatever_stands_between_them_and_in_whatever_pieces_they_come() {
        let whole = Found::Picture(PICTURE.to_vec());
        let between: [&[u8]; 4] = [
            b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n",
            b"",
            b"\xff\xff\xd9noise\xff",
            b"\r\n--frame--",
        ];
        for step in [1, 3, 7, 1000] {
            for between in between {
                let stream = [PICTURE, between, PICTURE, between].concat();
                assert_eq!(
                    found(&stream, Some("frame"), step),
                    [whole.clone(), whole.clone()]
                );
            }
        }
    }

    #[test]
    fn half_a_picture_is_broken_whether_a_boundary_or_another_picture_follows() {
        let whole = Found::Picture(PICTURE.to_vec());
        for step in [1, 5, 1000] {
            for cut in 4..PICTURE.len() - 1 {
                let part = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n";
                let stream = [&PICTURE[..cut], part, PICTURE].concat();
                let all = found(&stream, Some("--frame"), step);
                assert_eq!(all, [Found::Broken, whole.clone()], "cut at {cut}");
            }
            let stream = [&PICTURE[..15], PICTURE].concat();
            assert_eq!(found(&stream, None, step), [Found::Broken, whole.clone()]);
            assert_eq!(found(&PICTURE[..15], None, step), [Found::Broken]);
        }
    }
}
