//! `framebus metrics` and what strangers send it: the program, and requests by hand.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, Process, maps, until};

/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A running `metrics --listen`.
struct Metrics {
    process: Process,
    address: String,
}

impl Metrics {
    fn start(bus: &Bus) -> Metrics {
        Metrics::from(bus.framebus(&["metrics", "-b", bus.name(), "--listen", "127.0.0.1:0"]))
    }

    fn from(command: Command) -> Metrics {
        let process = Process::spawn(command);
        let mut address = String::new();
        until("it says where it listens", || {
            let said = process.stderr();
            let url = said.split_once("http://");
            let found = url.and_then(|(_, url)| url.split_once("/metrics"));
            address = found.map_or(String::new(), |(address, _)| address.to_owned());
            !address.is_empty()
        });
        Metrics { process, address }
    }

    fn send(&self, words: &[u8]) -> TcpStream {
        let mut client = TcpStream::connect(&self.address).expect("a connection");
        client.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        // One that is hung up on meanwhile has sent enough.
        let _ = client.write_all(words);
        client
    }

    /// What a scrape gets.
    fn scrape(&self) -> String {
        let mut client = self.send(b"GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
        let mut text = String::new();
        client.read_to_string(&mut text).expect("an answer");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        text
    }
}

/// Requests by the hundred, and what they are.
pub(crate) fn strange() -> Vec<(&'static str, Vec<Vec<u8>>)> {
    let of = |words: &str| vec![words.as_bytes().to_vec()];
    let body = |method: &str, fields: &str| {
        of(&format!("{method} /metrics HTTP/1.1\r\n{fields}\r\n\r\nx"))
    };
    let many = b"GET /metrics HTTP/1.1\r\n\r\n".repeat(2000);
    vec![
        (
            "a body without end",
            body("POST", "Content-Length: 999999999999"),
        ),
        ("a body of 4 GB", body("POST", "Content-Length: 4000000000")),
        (
            "a body that never comes",
            body("POST", "Content-Length: 1000"),
        ),
        ("a body in a GET", body("GET", "Content-Length: 1000")),
        ("chunks", body("GET", "Transfer-Encoding: chunked")),
        (
            "Expect",
            body("GET", "Content-Length: 9\r\nExpect: 100-continue"),
        ),
        (
            "an upgrade",
            body("GET", "Connection: upgrade\r\nUpgrade: websocket"),
        ),
        (
            "no HTTP",
            of("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\r\n\r\n"),
        ),
        (
            "a head without end",
            vec![b"GET / HTTP/1.1\r\nX: ".repeat(5000)],
        ),
        ("half a head", of("GET /metrics HTTP/1.1\r\nHost: h\r\n")),
        ("silence", vec![Vec::new(); 100]),
        ("nobody who reads", vec![many; 3]),
    ]
}

#[test]
fn whatever_a_client_sends_or_leaves_out_the_next_scrape_is_answered() {
    let bus = Bus::new();
    let server = Metrics::start(&bus);
    for (what, requests) in strange() {
        let clients: Vec<TcpStream> = requests.iter().map(|words| server.send(words)).collect();
        let text = server.scrape();
        assert!(text.contains("framebus_bus_state"), "{what}: {text}");
        assert!(!server.process.has_ended(), "{what}");
        drop(clients);
    }
    assert_eq!(server.process.end(Signal::TERM).exit, Exit::Code(143));
}

#[test]
fn whatever_clients_do_a_signal_ends_the_server() {
    let bus = Bus::new();
    for (what, requests) in strange() {
        let server = Metrics::start(&bus);
        let _clients: Vec<TcpStream> = requests.iter().map(|words| server.send(words)).collect();
        let end = server.process.end(Signal::TERM);
        assert_eq!(end.exit, Exit::Code(143), "{what}: {}", end.stderr);
    }
}

#[test]
fn a_server_that_has_few_descriptors_goes_on_answering() {
    let bus = Bus::new();
    let mut command = bus.command("sh");
    let name = bus.name();
    command.args([
        "-c",
        &format!("ulimit -n 24; exec {FRAMEBUS} metrics -b {name} --listen 127.0.0.1:0"),
    ]);
    let server = Metrics::from(command);
    let _silent: Vec<TcpStream> = (0..60).map(|_| server.send(b"")).collect();
    for _ in 0..3 {
        server.scrape();
    }
    assert_eq!(server.process.end(Signal::TERM).exit, Exit::Code(143));
}

/// There may be thousands of them.
#[test]
fn a_bus_that_a_dead_producer_left_is_shown_and_not_kept_mapped() {
    let bus = Bus::new();
    let server = Metrics::start(&bus);
    let producer = bus.produce(&["--size", "64x48"]);
    let state = |state: &str| format!("bus=\"{}\",state=\"{state}\"}} 1\n", bus.name());
    until("it is seen running", || {
        server.scrape().contains(&state("running"))
    });
    producer.end(Signal::KILL);
    let mut text = String::new();
    until("it is seen dead", || {
        text = server.scrape();
        text.contains(&state("gone"))
    });
    assert!(text.contains("framebus_frames_published_total{"), "{text}");
    assert!(!text.contains("percentile="), "nobody counts: {text}");
    let maps = maps(&server.process, &bus);
    assert!(maps.is_empty(), "{maps:?}");
    server.process.end(Signal::TERM);
}
