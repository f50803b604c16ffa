//! HTTP by hand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// An answer with its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

pub(super) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream
}

/// Asks, with more lines for the head; one that names a host says which.
pub(super) fn get(address: &str, path: &str, lines: &[&str]) -> Answer {
    request(address, &format!("GET {path}"), lines, "")
}

/// Sends a request and reads its answer to the end.
pub(super) fn request(address: &str, what: &str, lines: &[&str], body: &str) -> Answer {
    try_request(address, what, lines, body).expect("an answer")
}

/// As [`request`], also where nobody may answer.
pub(super) fn try_request(
    address: &str,
    what: &str,
    lines: &[&str],
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut head = format!("{what} HTTP/1.1\r\nConnection: close\r\n");
    if !lines.iter().any(|line| line.starts_with("Host:")) {
        head += &format!("Host: {address}\r\n");
    }
    for line in lines {
        head += &format!("{line}\r\n");
    }
    write!(stream, "{head}\r\n{body}")?;
    let mut reader = BufReader::new(stream);
    let head = read_head(&mut reader);
    // Some keep the connection whatever they are told.
    let len = header(&head, "Content-Length").and_then(|len| len.parse::<u64>().ok());
    let len = if what.starts_with("HEAD ") {
        Some(0)
    } else {
        len
    };
    let mut body = Vec::new();
    reader
        .take(len.unwrap_or(u64::MAX))
        .read_to_end(&mut body)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.expect("a status"),
        head,
        body,
    })
}

/// One picture of a stream.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) sequence: u64,
    pub(super) jpeg: Vec<u8>,
}

impl Part {
    pub(super) fn size(&self) -> (u16, u16) {
        size_of(&self.jpeg)
    }
}

/// Width and height of a JPEG, from its start-of-frame.
pub(super) fn size_of(jpeg: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let [0xff, marker, high, low] = jpeg[at..at + 4] else {
            panic!("no marker at {at}");
        };
        if (0xc0..=0xc2).contains(&marker) {
            let number = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
            return (number(at + 7), number(at + 5));
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
}

/// A stream of pictures.
pub(super) struct Parts {
    reader: BufReader<TcpStream>,
}

impl Parts {
    pub(super) fn open(address: &str, path: &str) -> Parts {
        Parts::of(connect(address), address, path)
    }

    pub(super) fn of(mut stream: TcpStream, address: &str, path: &str) -> Parts {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("sent");
        let mut reader = BufReader::new(stream);
        let head = read_head(&mut reader);
        assert!(head.contains(" 200 OK"), "{head}");
        assert!(head.contains("multipart/x-mixed-replace; boundary=framebus"));
        Parts { reader }
    }

    /// The next picture.
    pub(super) fn next(&mut self) -> Part {
        self.try_next().expect("a picture")
    }

    /// The next picture; none when the stream has ended.
    pub(super) fn try_next(&mut self) -> Option<Part> {
        let mut boundary = String::new();
        while boundary.trim().is_empty() {
            boundary.clear();
            if self.reader.read_line(&mut boundary).ok()? == 0 {
                return None;
            }
        }
        assert_eq!(boundary.trim(), "--framebus");
        let head = read_head(&mut self.reader);
        let number = |name| header(&head, name).and_then(|number| number.parse().ok());
        let len: u64 = number("Content-Length").expect("a length");
        let mut jpeg = vec![0; len as usize];
        self.reader.read_exact(&mut jpeg).ok()?;
        assert_eq!(
            (&jpeg[..2], &jpeg[jpeg.len() - 2..]),
            (&b"\xff\xd8"[..], &b"\xff\xd9"[..])
        );
        let sequence = number("X-Sequence").expect("a sequence");
        Some(Part { sequence, jpeg })
    }
}

/// Lines up to an empty one.
fn read_head(reader: &mut impl BufRead) -> String {
    let mut all = String::new();
    loop {
        let before = all.len();
        let len = reader.read_line(&mut all).expect("a head");
        if len == 0 || all[before..].trim().is_empty() {
            return all;
        }
    }
}
