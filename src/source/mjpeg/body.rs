//! The head of an HTTP answer, and its body without the framing of the transfer (RFC 9112).

/// The longest head that is read.
const LONGEST_HEAD: usize = 32 << 10;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    /// As the server writes it, such as `404 Not Found`.
    pub(super) text: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head from the beginning of `bytes`, and returns how long it is. `Ok(None)`: there is more to come.
    ///
    /// # Errors
    /// What comes is no answer of HTTP.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, ()> {
        let begins = &bytes[..bytes.len().min(5)];
        if !b"HTTP/".starts_with(begins) && !b"ICY 2".starts_with(begins) {
            return Err(());
        }
        let Some(len) = end(bytes) else {
            return if bytes.len() > LONGEST_HEAD {
                Err(())
            } else {
                Ok(None)
            };
        };
        let text = String::from_utf8_lossy(&bytes[..len]);
        let mut lines = text.lines();
        let first = lines.next().ok_or(())?;
        let (_, status) = first.split_once(' ').ok_or(())?;
        let fields = lines.filter_map(|line| line.split_once(':'));
        let head = Head {
            status: status
                .get(..3)
                .and_then(|code| code.parse().ok())
                .ok_or(())?,
            text: status
                .trim()
                .chars()
                .filter(|letter| !letter.is_control())
                .collect(),
            fields: fields
                .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
        };
        Ok(Some((head, len)))
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(field, _)| field == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }
}

/// Where a head ends; some cameras end lines without a carriage return.
fn end(bytes: &[u8]) -> Option<usize> {
    let feeds = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    feeds
        .map(|(at, _)| at)
        .find_map(|at| match &bytes[at + 1..] {
            [b'\n', ..] => Some(at + 2),
            [b'\r', b'\n', ..] => Some(at + 3),
            _ => None,
        })
}

/// How a body is framed, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Body {
    /// Up to the end of the connection.
    Open,
    /// So many bytes more.
    Left(u64),
    /// In chunks: bytes left of this one, and the line that is being read.
    Chunks(u64, Vec<u8>),
    /// It is complete.
    Done,
}

impl Body {
    pub(super) fn of(head: &Head) -> Body {
        let chunked = head.get("transfer-encoding");
        if chunked.is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked")) {
            return Body::Chunks(0, Vec::new());
        }
        let multipart = head
            .get("content-type")
            .is_some_and(|kind| kind.starts_with("multipart"));
        let length = head
            .get("content-length")
            .and_then(|length| length.parse().ok());
        match length {
            // Of a stream that never ends, a length is nonsense; some cameras say 0 or a large number.
            Some(length) if !multipart => Body::Left(length),
            _ => Body::Open,
        }
    }

    /// Takes what has come, and hands on what it is without the framing.
    pub(super) fn take(&mut self, mut bytes: &[u8], mut on: impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            match self {
                Body::Open => {
                    on(bytes);
                    return;
                }
                Body::Done => return,
                Body::Left(left) => {
                    let len = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    on(&bytes[..len]);
                    *left -= len as u64;
                    if *left == 0 {
                        *self = Body::Done;
                    }
                    return;
                }
                Body::Chunks(left, line) if *left == 0 => {
                    let (byte, rest) = (bytes[0], &bytes[1..]);
                    bytes = rest;
                    if byte != b'\n' {
                        line.push(byte);
                        // What is no size is no chunk; what follows is taken as it comes.
                        if line.len() > 1024 {
                            *self = Body::Open;
                        }
                        continue;
                    }
                    let text = String::from_utf8_lossy(line).trim().to_owned();
                    line.clear();
                    if text.is_empty() {
                        continue;
                    }
                    let size = text.split(';').next().unwrap_or("").trim();
                    match u64::from_str_radix(size, 16) {
                        Ok(0) => *self = Body::Done,
                        Ok(size) => *left = size,
                        Err(_) => *self = Body::Open,
                    }
                }
                Body::Chunks(left, _) => {
                    let len = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    on(&bytes[..len]);
                    bytes = &bytes[len..];
                    *left -= len as u64;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        let (head, len) = Head::parse(text.as_bytes())
            .expect("HTTP")
            .expect("complete");
        assert_eq!(len, text.len());
        head
    }

    #[test]
    fn heads_are_read_with_every_kind_of_line() {
        let head = head(
            "HTTP/1.0 401 Unauthorized\nWWW-Authenticate: Basic x\r\nwww-authenticate:Digest y\n\r\n",
        );
        assert_eq!((head.status, head.text.as_str()), (401, "401 Unauthorized"));
        assert_eq!(head.all("www-authenticate"), ["Basic x", "Digest y"]);
        assert_eq!(Head::parse(b"HTTP/1.1 200 OK\r\nA: b\r\n"), Ok(None));
        assert_eq!(Head::parse(b"HT"), Ok(None));
        assert!(Head::parse(b"RTSP/1.0 200").is_err());
        assert!(Head::parse(b"HTTP/1.1 what\r\n\r\n").is_err());
    }

    #[test]
    fn bodies_lose_their_framing_in_whatever_pieces_they_come() {
        let taken = |head: &str, body: &[u8], step: usize| {
            let mut framing = Body::of(&self::head(head));
            let mut all = Vec::new();
            for piece in body.chunks(step) {
                framing.take(piece, |bytes| all.extend_from_slice(bytes));
            }
            (all, framing)
        };
        for step in [1, 2, 5, 100] {
            let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let body = b"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
            assert_eq!(
                taken(chunked, body, step),
                (b"abc0123456789abcdef".to_vec(), Body::Done)
            );
            let long = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
            assert_eq!(taken(long, b"abcdef", step), (b"abc".to_vec(), Body::Done));
            let stream =
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Type: multipart/x\r\n\r\n";
            assert_eq!(
                taken(stream, b"abcdef", step),
                (b"abcdef".to_vec(), Body::Open)
            );
        }
    }
}
