//! What strangers send, from the network and out of somebody's browser.

use std::net::TcpStream;

use rustix::process::Signal;

use super::Serve;
use super::http::{connect, get, request};
use crate::harness::{Bus, Exit};
use crate::metrics::strange;

fn send(serve: &Serve, words: &[u8]) -> TcpStream {
    use std::io::Write;
    let mut client = connect(&serve.address);
    // One that is hung up on meanwhile has sent enough.
    let _ = client.write_all(words);
    client
}

#[test]
fn whatever_a_client_sends_or_leaves_out_the_next_one_gets_its_picture() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48"]);
    let serve = Serve::start(&bus, &["--max-clients", "64"]);
    for (what, requests) in strange() {
        let clients: Vec<TcpStream> = requests.iter().map(|words| send(&serve, words)).collect();
        let answer = serve.get("/snapshot.jpg");
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert!(!serve.process.has_ended(), "{what}");
        drop(clients);
    }
    assert_eq!(serve.process.end(Signal::TERM).exit, Exit::Code(143));
}

#[test]
fn methods_that_could_change_something_are_refused() {
    let bus = Bus::new();
    let serve = Serve::start(&bus, &[]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = request(&serve.address, &format!("{method} /"), &[], "");
        assert_eq!(answer.status, 405, "{method}");
    }
    let answer = request(&serve.address, "HEAD /", &[], "");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

#[test]
fn a_page_of_a_stranger_can_ask_for_nothing() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48"]);
    let serve = Serve::start(&bus, &["--host", "cams.example.org"]);
    let status = |lines: &[&str]| get(&serve.address, "/snapshot.jpg", lines).status;
    // A name of the stranger's that leads here (DNS rebinding).
    assert_eq!(status(&["Host: evil.example"]), 421);
    assert_eq!(status(&["Host: cams.example.org"]), 200);
    assert_eq!(status(&["Origin: https://evil.example"]), 403);
    assert_eq!(status(&["Origin: null"]), 403);
    let own = format!("Origin: http://{}", serve.address);
    assert_eq!(status(&[&own]), 200);
    let page = serve.get("/");
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(
        policy.contains("default-src 'none'; script-src 'self'"),
        "{policy}"
    );
    assert_eq!(
        page.header("cross-origin-resource-policy"),
        Some("same-site")
    );
    assert_eq!(page.header("access-control-allow-origin"), None);
    // One that is named may.
    let shown = Serve::start(&bus, &["--origin", "http://octopi.local"]);
    let asked = get(
        &shown.address,
        "/snapshot.jpg",
        &["Origin: http://octopi.local"],
    );
    let allowed = asked.header("access-control-allow-origin");
    assert_eq!((asked.status, allowed), (200, Some("http://octopi.local")));
}

#[test]
fn with_a_token_nobody_sees_anything_without_it() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48"]);
    let file = bus.runtime().join("token");
    std::fs::write(&file, "correct-horse-battery\n").expect("a file");
    let path = file.to_str().expect("a path");
    let serve = Serve::start(&bus, &["--token-file", path]);
    for path in [
        "/",
        "/snapshot.jpg",
        "/stream",
        "/events",
        "/api/buses",
        "/metrics",
        "/healthz",
        "/none",
        "/stream?token=wrong-wrong-wrong-wrong",
    ] {
        let answer = serve.get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.header("www-authenticate").is_some(), "{path}");
    }
    assert_eq!(serve.get("/page.js").status, 200, "it is in every copy");
    assert_eq!(
        serve.get("/snapshot?token=correct-horse-battery").status,
        200
    );
    for line in [
        "Authorization: Bearer correct-horse-battery",
        "Authorization: Basic YW55Ym9keTpjb3JyZWN0LWhvcnNlLWJhdHRlcnk=",
    ] {
        let answer = get(&serve.address, "/snapshot.jpg", &[line]);
        assert_eq!(answer.status, 200, "{line}");
    }
    let said = serve.process.stderr();
    assert!(!said.contains("correct-horse"), "{said}");
}

#[test]
fn another_address_than_loopback_needs_a_token_or_an_explicit_word() {
    let bus = Bus::new();
    let short = bus.runtime().join("short");
    std::fs::write(&short, "123\n").expect("a file");
    let short = short.to_str().expect("a path");
    for (args, sentence) in [
        (
            &["--listen", "0.0.0.0:0"][..],
            "give --token-file FILE, or --public",
        ),
        (
            &["--listen", "[::]:0"],
            "give --token-file FILE, or --public",
        ),
        (&["--token-file", short], "is no token: it has 3 characters"),
        (
            &["--token-file", "/nonexistent"],
            "cannot read the token in /nonexistent",
        ),
        (&["--token-file", "/dev/zero"], "it is a device, not a file"),
        (
            &["--listen", "127.0.0.1:1", "--origin", "octopi.local"],
            "is no address of a page",
        ),
    ] {
        let done = bus.run(&[&["serve"], args].concat());
        assert_eq!(done.exit, Exit::Code(2), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(sentence), "{args:?}: {}", done.stderr);
    }
    let args = [
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--public",
        "--duration",
        "10ms",
    ];
    assert_eq!(bus.run(&args).exit, Exit::Code(0));
    let mut command = bus.framebus(&["serve"]);
    command.env("FRAMEBUS_SERVE_LISTEN", "0.0.0.0:0");
    let done = crate::harness::Process::spawn(command).wait();
    assert_eq!(done.exit, Exit::Code(2), "{}", done.stderr);
}

#[test]
fn who_asks_for_every_size_does_not_take_the_pictures_from_the_others() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120"]);
    let serve = Serve::start(&bus, &[]);
    let mut plain = serve.stream("/stream");
    let mut streams: Vec<_> = (0..11)
        .map(|number| serve.stream(&format!("/stream?width={}", 16 + number)))
        .collect();
    let more = serve.get("/snapshot?width=100");
    assert_eq!(more.status, 503, "{}", more.text());
    assert!(more.text().contains("too many"), "{}", more.text());
    assert_eq!(plain.next().size(), (160, 120));
    for stream in &mut streams {
        stream.next();
    }
    assert_eq!(
        serve.get("/snapshot").status,
        200,
        "one that is made anyway"
    );
}
