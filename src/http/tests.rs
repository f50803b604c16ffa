//! Limits, made so small that they are reached.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Limits, Page, Server};
use framebus::stop::Stop;

/// More than the system's own buffers of a connection hold.
const LONG: usize = 64 << 20;
const SHORT: Duration = Duration::from_millis(100);
/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// A server in a thread.
struct Served {
    address: SocketAddr,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    fn new(limits: Limits) -> Served {
        let server = Server::bind(([127, 0, 0, 1], 0).into(), limits).expect("a server");
        let address = server.address().expect("an address");
        let stop = Stop::new().expect("eventfd");
        let other = stop.clone();
        let page = |path: &str| match path {
            "/" => Some(Page::plain("here\n")),
            "/long" => Some(Page::plain(vec![b'.'; LONG])),
            _ => None,
        };
        let thread = std::thread::spawn(move || server.run(page, None, &other).expect("it serves"));
        Served {
            address,
            stop,
            thread: Some(thread),
        }
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).expect("a connection");
        client.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        client
    }

    fn send(&self, words: &str) -> TcpStream {
        let mut client = self.connect();
        client.write_all(words.as_bytes()).expect("sent");
        client
    }
}

impl Drop for Served {
    /// Also proves that a request to stop ends it, whatever its clients do.
    fn drop(&mut self) {
        self.stop.set();
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}

/// All that comes until the connection ends.
fn rest(mut client: TcpStream) -> String {
    let mut bytes = Vec::new();
    let end = client.read_to_end(&mut bytes);
    let in_time = |error: &std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
    assert!(end.as_ref().map_or_else(in_time, |_| true), "{end:?}");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn limits() -> Limits {
    Limits {
        head_time: DEADLINE,
        answer_time: DEADLINE,
        still_time: Duration::ZERO,
        ..Limits::default()
    }
}

#[test]
fn one_connection_carries_many_requests() {
    let served = Served::new(limits());
    let twice = "GET / HTTP/1.1\r\n\r\nGET /none HTTP/1.1\r\nConnection: close\r\n\r\n";
    let text = rest(served.send(twice));
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 1, "{text}");
    assert_eq!(
        text.matches("HTTP/1.1 404 Not Found\r\n").count(),
        1,
        "{text}"
    );
    assert!(text.ends_with("not found\n"), "{text}");
}

#[test]
fn the_answer_to_head_is_that_to_get_without_its_body() {
    let served = Served::new(limits());
    let text = rest(served.send("HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n"));
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.contains("Content-Length: 5\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}

#[test]
fn methods_that_could_change_something_are_refused() {
    let served = Served::new(limits());
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"] {
        let text = rest(served.send(&format!("{method} / HTTP/1.1\r\n\r\n")));
        assert!(text.starts_with("HTTP/1.1 405 "), "{text}");
        assert!(text.contains("Allow: GET, HEAD\r\n"), "{text}");
    }
}

#[test]
fn a_body_is_refused_before_it_comes() {
    let served = Served::new(limits());
    for announced in [
        "Content-Length: 1000",
        "Content-Length: 9223372036854775807",
        "Content-Length: 1000\r\nExpect: 100-continue",
        "Transfer-Encoding: chunked",
    ] {
        let text = rest(served.send(&format!("GET / HTTP/1.1\r\n{announced}\r\n\r\nx")));
        assert!(
            text.starts_with("HTTP/1.1 413 ") || text.starts_with("HTTP/1.1 400 "),
            "{announced}: {text}"
        );
        assert!(text.contains("Connection: close\r\n"), "{text}");
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let served = Served::new(limits());
    let line = format!("X: {}\r\n", "x".repeat(1000));
    let mut client = served.send("GET / HTTP/1.1\r\n");
    for _ in 0..100 {
        // It may hang up at any of them.
        if client.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    assert!(rest(client).starts_with("HTTP/1.1 431 "));
}

#[test]
fn a_client_that_sends_no_head_or_half_of_one_is_hung_up_on() {
    let served = Served::new(Limits {
        head_time: SHORT,
        ..limits()
    });
    for half in ["", "G", "GET / HTTP/1.1\r\nHost: h\r\n"] {
        assert_eq!(rest(served.send(half)), "");
    }
    // One that goes on sending a little is no better.
    let mut client = served.send("GET / HTTP/1.1\r\n");
    let start = Instant::now();
    while client.write_all(b"X: x\r\n").is_ok() {
        assert!(start.elapsed() < DEADLINE, "it may send for ever");
        std::thread::sleep(Duration::from_millis(5));
    }
    // And one that has had its answer is idle.
    let text = rest(served.send("GET / HTTP/1.1\r\n\r\n"));
    assert!(text.ends_with("here\n"), "{text}");
}

#[test]
fn a_client_that_does_not_read_is_hung_up_on_and_one_that_reads_slowly_is_not() {
    let served = Served::new(Limits {
        answer_time: SHORT,
        ..limits()
    });
    let deaf = served.send("GET /long HTTP/1.1\r\n\r\n");
    // Its sockets hold some of the answer; after that nothing comes, and then the end.
    std::thread::sleep(SHORT * 5);
    assert!(rest(deaf).len() < LONG);
    let patient = Served::new(limits());
    let mut slow = patient.send("GET /long HTTP/1.1\r\nConnection: close\r\n\r\n");
    let mut chunk = vec![0; 4 << 20];
    for _ in 0..4 {
        slow.read_exact(&mut chunk).expect("more of it");
        std::thread::sleep(SHORT);
    }
    assert!(rest(slow).len() + 4 * chunk.len() > LONG);
}

#[test]
fn a_new_client_gets_the_place_of_the_one_that_was_still_for_longest() {
    let served = Served::new(Limits {
        clients: 2,
        ..limits()
    });
    let first = served.connect();
    let second = served.send("GET / HTTP/1.1\r\n\r\n");
    let mut answered = [0; 8];
    (&second).read_exact(&mut answered).expect("an answer");
    let third = served.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(rest(third).ends_with("here\n"));
    assert_eq!(rest(first), "");
    (&second)
        .write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        .expect("it is still connected");
    assert!(rest(second).ends_with("here\n"));
}

#[test]
fn clients_that_are_being_answered_keep_their_places() {
    let served = Served::new(Limits {
        clients: 2,
        still_time: DEADLINE,
        ..limits()
    });
    let both = [served.connect(), served.connect()];
    let mut third = served.send("GET / HTTP/1.1\r\n\r\n");
    third.set_read_timeout(Some(SHORT)).expect("a timeout");
    assert!(third.read(&mut [0]).is_err(), "it waits");
    drop(both);
    third.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    assert_eq!(third.read(&mut [0]).expect("an answer"), 1);
}
