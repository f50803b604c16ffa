//! framebus as a service: systemd's readiness protocol, several cameras in one file, metrics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Place, Running, until};

#[test]
fn systemd_hears_ready_alive_and_stopping() {
    let place = Place::new();
    let socket = UnixDatagram::bind(place.path("notify")).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    let mut command = place.framebus(&["produce", "pattern", "--size", "64x48"]);
    command
        .env("NOTIFY_SOCKET", place.path("notify"))
        .env("WATCHDOG_USEC", "20000");
    let producer = Running::start(command);
    let next = || {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).expect("a message");
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    };
    let ready = next();
    assert!(
        ready.starts_with("READY=1\nSTATUS=pattern 64x48"),
        "{ready}"
    );
    place.run(&["ls"]).is(0);
    assert_eq!(next(), "WATCHDOG=1");
    assert_eq!(next(), "WATCHDOG=1");
    producer.signal(Signal::TERM);
    let messages = std::iter::repeat_with(next).find(|message| message != "WATCHDOG=1");
    assert_eq!(messages.as_deref(), Some("STOPPING=1"));
    producer.end().is(143);
}

#[test]
fn one_file_has_several_cameras() {
    let place = Place::new();
    let (one, two) = (format!("{}-a", place.bus), format!("{}-b", place.bus));
    let text = format!(
        "[produce]\nfps = 50\n[bus.{one}]\nsize = \"32x16\"\nconsumers = 2\n[bus.{two}]\nsize = \"16x8\"\ncolor = true\n"
    );
    std::fs::write(place.path("cameras.toml"), text).expect("a file");
    let start = |bus: &str| place.start(&["produce", "--config", "cameras.toml", "--bus", bus]);
    let producers = [start(&one), start(&two)];
    for bus in [&one, &two] {
        place.run(&["wait", "-b", bus, "--timeout", "30s"]).is(0);
    }
    let listing = place.run(&["ls", "--json"]).is(0).json();
    let row = |bus: &str| {
        let rows = listing["buses"].as_array().expect("buses");
        rows.iter()
            .find(|row| row["bus"] == bus)
            .expect("a row")
            .clone()
    };
    let (one_row, two_row) = (row(&one), row(&two));
    assert_eq!(
        (&one_row["width"], &one_row["max_consumers"]),
        (&32.into(), &2.into())
    );
    assert_eq!(
        (&two_row["width"], &two_row["format"]),
        (&16.into(), &"gray8+bgr".into())
    );
    for producer in producers {
        producer.signal(Signal::INT);
        producer.end().is(130);
    }
    let text = place
        .run(&["config", "explain", "--config", "cameras.toml"])
        .is(0)
        .text();
    let line = |key: String| {
        let line = text
            .lines()
            .find(|line| line.starts_with(&key))
            .expect("a line");
        line.split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(line(format!("bus.{two}.color")), "true cameras.toml line 8");
    assert_eq!(line("produce.fps".to_owned()), "50 cameras.toml line 2");
    assert_eq!(line("produce.mode".to_owned()), "0600 default");
    std::fs::write(place.path("bad.toml"), "[bus.cam0]\nspeed = 3\n").expect("a file");
    let done = place
        .run(&["config", "explain", "--config", "bad.toml"])
        .is(2);
    done.one_sentence("bad.toml line 2: bus.cam0.speed: unknown field `speed`");
}

/// Prometheus' own tool has nothing to say, not even a hint.
fn check_with_promtool(place: &Place, text: &str) {
    std::fs::write(place.path("metrics.prom"), text).expect("a file");
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/bin/promtool");
    let done = place.sh(&format!("'{tool}' check metrics < metrics.prom"));
    assert!(done.status.success(), "{}{}", done.stderr, done.text());
    // What is before it tells of a download.
    let said = place.sh(&format!("'{tool}' check metrics < metrics.prom 2>&1"));
    assert_eq!(said.text(), "");
}

/// What the text format allows in a line, of what is written here, and each family once.
fn check_format(text: &str) {
    let mut families = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(!families.contains(&name), "{name} comes twice");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            families.push(name);
        } else if !line.starts_with("# HELP ") {
            let (name, rest) = line.split_once('{').expect("labels");
            assert_eq!(families.last(), Some(&name), "{line}");
            let (_, value) = rest.rsplit_once("} ").expect("a value");
            value.parse::<f64>().expect("a number");
        }
    }
}

/// One HTTP request: the head of the answer and its body.
fn request(host: &str, line: &str) -> (String, String) {
    let mut stream = TcpStream::connect(host).expect("a connection");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a timeout");
    write!(stream, "{line} HTTP/1.0\r\nHost: {host}\r\n\r\n").expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    (head.to_owned(), body.to_owned())
}

#[test]
fn metrics_are_prometheus_text_on_stdout_over_http_and_in_a_file() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50"]);
    let _consumer = place.start(&["consume", "--name", "say \"x\""]);
    let bus = place.bus.clone();
    let mut text = String::new();
    until("the consumer is there", || {
        text = place.run(&["metrics", "-b", &bus]).is(0).text();
        text.contains("name=\"say")
    });
    check_format(&text);
    assert!(text.contains(&format!(
        "framebus_bus_state{{bus=\"{bus}\",state=\"running\"}} 1\n"
    )));
    assert!(text.contains("name=\"say \\\"x\\\"\""), "{text}");
    check_with_promtool(&place, &text);
    let mut server = place.start(&["metrics", "--listen", "127.0.0.1:0"]);
    let line = server.error_line();
    let address = line
        .split("http://")
        .nth(1)
        .expect("an address")
        .trim()
        .to_owned();
    let (host, path) = address.split_once('/').expect("a path");
    let (head, served) = request(host, &format!("GET /{path}"));
    assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
    assert!(
        head.contains("Content-Type: text/plain; version=0.0.4"),
        "{head}"
    );
    check_format(&served);
    assert!(served.contains(&bus));
    assert!(
        request(host, "POST /metrics")
            .0
            .starts_with("HTTP/1.0 405 ")
    );
    assert!(request(host, "GET /x").0.starts_with("HTTP/1.0 404 "));
    server.signal(Signal::TERM);
    server.end().is(143);
    let file = [
        "metrics",
        "--textfile",
        "framebus.prom",
        "--interval",
        "10ms",
        "--duration",
        "50ms",
    ];
    place.run(&file).is(0);
    check_format(&std::fs::read_to_string(place.path("framebus.prom")).expect("a file"));
    place
        .run(&["metrics", "--textfile", "/nonexistent/x"])
        .is(2)
        .one_sentence("cannot write");
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50"]);
    let _consumer = place.start(&["consume"]);
    let mut text = String::new();
    // What a process uses is known from the second look on.
    let looks = ["--interval", "300ms", "--duration", "700ms"];
    until("the consumer has had frames", || {
        let file = ["metrics", "-b", &place.bus, "--textfile", "looks.prom"];
        place.run(&[&file[..], &looks[..]].concat()).is(0);
        text = std::fs::read_to_string(place.path("looks.prom")).expect("a file");
        text.contains("framebus_consumer_busy_seconds{")
            && text.contains("framebus_consumer_cpu_ratio{")
    });
    let own = format!(
        "framebus_findings{{bus=\"{}\",kind=\"stuck-consumer\"}} 0\n",
        place.bus
    );
    assert!(text.contains(&own), "a kind that is not found is 0: {text}");
    assert!(text.contains(",state=\"stuck\"} 0\n"), "{text}");
    let json = include_str!("../../config/grafana.json");
    let _: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let kind = |name: &str| {
        let line = format!("# TYPE {name} ");
        text.lines().find_map(|found| found.strip_prefix(&line))
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut asked = 0;
    // Panels and variables alike: what is a metric's name anywhere.
    for (at, _) in json.match_indices("framebus_") {
        let name = json[at..].split(|c| !word(c)).next().expect("a name");
        let kind = kind(name).unwrap_or_else(|| panic!("there is no {name}"));
        let is_rate = json[..at].ends_with("rate(") || json[..at].ends_with("increase(");
        assert_eq!(is_rate, kind == "counter", "{name}");
        let labels = json[at + name.len()..].strip_prefix('{');
        let labels = labels.and_then(|rest| rest.split('}').next()).unwrap_or("");
        let keys = labels
            .split(',')
            .filter_map(|label| label.split(['=', '!']).next());
        for key in keys.filter(|key| !key.is_empty()) {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}{{")));
            let line = line.unwrap_or_else(|| panic!("{name} has no line"));
            assert!(
                line.contains(&format!("{key}=\"")),
                "{name} has no label {key}"
            );
        }
        asked += 1;
    }
    assert!(asked > 8);
}
