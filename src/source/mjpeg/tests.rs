use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use jpeg_encoder::{ColorType, Encoder};

use super::*;

pub(super) fn picture(width: u16, height: u16) -> Vec<u8> {
    let gray: Vec<u8> = (0..usize::from(width) * usize::from(height))
        .map(|at| (at * 7 % 251) as u8)
        .collect();
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90)
        .encode(&gray, width, height, ColorType::Luma)
        .expect("encoded");
    bytes
}

/// Answers one connection after the other with these bytes, and says what it was asked.
fn server(answers: Vec<Vec<u8>>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = move || {
        let answers = answers.into_iter();
        answers.map(|answer| one(&listener, &answer)).collect()
    };
    (address.to_string(), std::thread::spawn(serve))
}

fn one(listener: &TcpListener, answer: &[u8]) -> String {
    let (mut stream, _): (TcpStream, _) = listener.accept().expect("a client");
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|len| len == 1) {
        request.push(byte[0]);
    }
    let _ = stream.write_all(answer);
    String::from_utf8_lossy(&request).into_owned()
}

pub(super) fn options() -> MjpegOptions {
    MjpegOptions {
        fps: Some(100.0),
        open_timeout: Some(Duration::from_secs(20)),
        read_timeout: Some(Duration::from_secs(20)),
        ..MjpegOptions::default()
    }
}

fn open(url: &str) -> (Box<MjpegSource>, Stop) {
    let stop = Stop::new().expect("a stop");
    match MjpegSource::open(url, options(), &stop).expect("opened") {
        OpenedUrl::Source(source) => (source, stop),
        other => panic!("{other:?}"),
    }
}

/// What comes: `WxH` of a frame, `damaged`, `resized`, `stalled`.
pub(super) fn seen(source: &mut MjpegSource, stop: &Stop, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        let arrival = source.wait(stop).expect("no error");
        all.push(match arrival {
            Arrival::Frame(_) => {
                let geometry = source.info().geometry;
                let mut gray = vec![0; geometry.gray_len()];
                let mut target = FrameTarget::new(geometry, &mut gray, None);
                match source.fill(&mut target).expect("no error") {
                    Filled::Frame => geometry.to_string(),
                    _ => "damaged".into(),
                }
            }
            Arrival::Resized => "resized".into(),
            Arrival::Stalled(_) => "stalled".into(),
            other => panic!("{other:?}"),
        });
    }
    all
}

pub(super) const STREAM: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n";
pub(super) const PART: &str = "\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n";

#[test]
fn a_stream_of_several_sizes_with_half_pictures_is_what_it_is() {
    let (small, large) = (picture(32, 16), picture(48, 24));
    let half = &small[..small.len() / 2];
    let body = [
        // The first part has no boundary and no head, the second no length.
        small.as_slice(),
        PART.as_bytes(),
        &small,
        b"extra bytes",
        PART.as_bytes(),
        half,
        PART.as_bytes(),
        &small,
        PART.as_bytes(),
        &large,
        PART.as_bytes(),
    ];
    let (address, server) = server(vec![[STREAM.as_bytes(), &body.concat()].concat()]);
    let (mut source, stop) = open(&format!("http://{address}/stream"));
    let expected = [
        "32x16", "32x16", "damaged", "32x16", "resized", "48x24", "stalled",
    ];
    assert_eq!(seen(&mut source, &stop, 7), expected);
    assert!(server.join().expect("served")[0].starts_with("GET /stream HTTP/1.1\r\n"));
}

#[test]
fn a_server_that_goes_and_comes_back_is_asked_again() {
    let answer = [STREAM.as_bytes(), PART.as_bytes(), &picture(32, 16)].concat();
    let (address, server) = server(vec![answer.clone(), answer]);
    let (mut source, stop) = open(&format!("http://{address}/"));
    assert_eq!(seen(&mut source, &stop, 3), ["32x16", "stalled", "32x16"]);
    server.join().expect("served");
}

#[test]
fn a_single_picture_is_fetched_again_and_again() {
    let picture = picture(32, 16);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
        picture.len()
    );
    let answer = [head.as_bytes(), &picture].concat();
    let (address, server) = server(vec![answer; 3]);
    let (mut source, stop) = open(&format!("http://{address}/snapshot.jpg"));
    assert_eq!(seen(&mut source, &stop, 3), ["32x16"; 3]);
    server.join().expect("served");
}

#[test]
fn chunks_redirections_and_passwords_are_understood() {
    let picture = picture(32, 16);
    let size = format!("{:x}\r\n", picture.len());
    let chunked = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice(),
        size.as_bytes(),
        &picture,
        b"\r\n0\r\n\r\n",
    ];
    let (address, server) = server(vec![
        b"HTTP/1.1 302 Found\r\nLocation: /other\r\n\r\n".to_vec(),
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\r\n".to_vec(),
        chunked.concat(),
    ]);
    let (mut source, stop) = open(&format!("http://me:s3cret@{address}/x"));
    assert_eq!(seen(&mut source, &stop, 1), ["32x16"]);
    assert!(!source.info().description.contains("s3cret"));
    let requests = server.join().expect("served");
    assert!(requests[1].starts_with("GET /other "));
    assert!(!requests[1].contains("Authorization"));
    assert!(requests[2].contains(
        "Authorization: Digest username=\"me\", realm=\"r\", nonce=\"n\", uri=\"/other\""
    ));
    assert!(!requests.concat().contains("s3cret"));
}

#[test]
fn what_is_not_pictures_is_left_to_others_and_errors_are_told_apart() {
    let stop = Stop::new().expect("a stop");
    let outcome = |answer: &str| {
        let (address, server) = server(vec![answer.as_bytes().to_vec()]);
        let opened = MjpegSource::open(&format!("http://{address}/"), options(), &stop);
        server.join().expect("served");
        match opened {
            Ok(OpenedUrl::Other(kind)) => kind,
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(
        outcome("HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n\r\n"),
        "video/mp4"
    );
    assert!(
        outcome("HTTP/1.1 404 Not Found\r\n\r\n").contains("answers 404 Not Found; check the path")
    );
    assert!(
        outcome("HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=x\r\n\r\n")
            .contains("wants a user and a password")
    );
    assert!(outcome("").contains("hangs up without an answer"));
    assert!(outcome(STREAM).contains("hangs up without a picture"));
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let refused = MjpegSource::open(&format!("http://{address}/"), options(), &stop);
    assert!(
        refused
            .expect_err("refused")
            .to_string()
            .contains("does not accept a connection")
    );
}
