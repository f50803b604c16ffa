//! A camera behind https://, with OpenSSL's own certificate and server.

use crate::harness::{Place, Running};

#[test]
fn an_encrypted_camera_is_believed_by_its_certificate_and_no_other_is() {
    let place = Place::new();
    for name in ["cam", "other"] {
        place
            .sh(&format!(
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.pem \
                 -days 2 -subj /CN=camera"
            ))
            .is(0);
    }
    let producer = place.produce(&[]);
    place.run(&["consume", "--count", "1", "-o", "p.jpg"]).is(0);
    drop(producer);
    let picture = std::fs::read(place.path("p.jpg")).expect("a picture");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
    let part = "--frame\r\nContent-Type: image/jpeg\r\n\r\n";
    let one = [part.as_bytes(), &picture, b"\r\n"].concat();
    let answer = [head.as_bytes(), &one.repeat(3)].concat();
    std::fs::write(place.path("stream"), answer).expect("a file");
    let mut server = Running::start(
        place.shell("exec openssl s_server -4 -accept 0 -cert cam.pem -key cam.key -HTTP 2>&1"),
    );
    let port = loop {
        let line = server.output_line();
        if let Some((_, port)) = line
            .split_once("ACCEPT")
            .and_then(|_| line.rsplit_once(':'))
        {
            break port.trim().to_owned();
        }
        assert!(!line.is_empty(), "OpenSSL listens");
    };
    let url = format!("https://127.0.0.1:{port}/stream");
    let produce = |more: &[&str]| {
        let args = [
            &["produce", &url, "--bus", "encrypted", "--count", "2"],
            more,
        ]
        .concat();
        place.run(&args)
    };
    let done = produce(&["--ca", "cam.pem"]).is(0);
    assert!(
        done.stderr.contains("64x48 gray") && done.stderr.contains("2 frames published"),
        "{}",
        done.stderr
    );
    produce(&["--ca", "other.pem"])
        .is(2)
        .one_sentence("other.pem does not have its certificate, nor who has signed it");
    produce(&["--ca", "none.pem"])
        .is(2)
        .one_sentence("the certificates in none.pem cannot be read");
    place
        .run(&["produce", "pattern", "--ca", "cam.pem"])
        .is(2)
        .one_sentence("--ca is for an https:// URL");
}
