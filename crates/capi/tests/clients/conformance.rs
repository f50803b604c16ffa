//! Every producer language with every consumer language, on frames that prove themselves whole; and what each language
//! does when somebody dies, comes twice, or is not there. `FRAMEBUS_CONFORMANCE_SECONDS=30` for the long form.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use framebus::observe::{Baseline, Sampler, Thresholds};

use crate::csharp::{RUNTIMES, Runtime, prepare};
use crate::support::{Ground, Library, Reaped, finish, root};

/// A language's conformance program.
struct Client {
    language: &'static str,
    command: Vec<PathBuf>,
}

fn clients(library: &Library) -> Vec<Client> {
    let client = |language, command| Client { language, command };
    let test = std::env::current_exe().expect("the path of the test");
    let rust = test.with_file_name("../examples/conformance");
    let c = crate::c::compile(library, "clients/c/tests/conformance.c", &[]);
    let c_place = library.path().join("conformance-c");
    std::fs::rename(&c, &c_place).expect("renamed");
    let cpp = crate::cpp::compile(
        library,
        "clients/cpp/tests/conformance.cpp",
        &["-std=c++17"],
    );
    let python = crate::python::python();
    let script = root().join("clients/python/tests/conformance.py");
    let assembly = crate::csharp::compile(library, "clients/csharp/tests/Conformance.cs");
    let mut clients = vec![
        client("rs", vec![rust]),
        client("c", vec![c_place]),
        client("cpp", vec![cpp]),
        client("py", vec![python, script]),
    ];
    for runtime in RUNTIMES {
        let language = match runtime {
            Runtime::Mono => "cs on mono",
            Runtime::Core => "cs on .net core",
        };
        let mut command = runtime.prefix();
        command.push(assembly.clone());
        clients.push(client(language, command));
    }
    clients
}

impl Client {
    fn command(&self, ground: &Ground, library: &Library, arguments: &[&str]) -> Command {
        let mut command = ground.background(&self.command[0]);
        command.args(&self.command[1..]).args(arguments);
        prepare(&mut command, library);
        command.stdout(Stdio::piped());
        command
    }

    fn start(&self, ground: &Ground, library: &Library, arguments: &[&str]) -> Reaped {
        let mut command = self.command(ground, library, arguments);
        Reaped(
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{}: {error}", self.language)),
        )
    }
}

/// Reads the line of JSON that a program ends with.
fn report(child: &mut Reaped, who: &str) -> serde_json::Value {
    let mut text = String::new();
    let stdout = child.0.stdout.take().expect("its output");
    std::io::Read::read_to_string(&mut BufReader::new(stdout), &mut text).expect("text");
    let status = child.0.wait().expect("its end");
    assert!(status.success(), "{who}: {status}: {text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{who}: {error}: {text}"))
}

#[test]
fn every_language_takes_whole_frames_from_every_language() {
    let library = Library::new();
    let clients = clients(&library);
    let seconds = std::env::var("FRAMEBUS_CONFORMANCE_SECONDS").unwrap_or_else(|_| "0.7".into());
    let count = clients.len().to_string();
    for producer in &clients {
        let ground = Ground::new();
        let arguments = [
            "produce",
            &ground.bus,
            "320",
            "240",
            "200",
            &count,
            &seconds,
        ];
        let mut produced = producer.start(&ground, &library, &arguments);
        let mut consumers = Vec::new();
        for (index, client) in clients.iter().enumerate() {
            // Half of them in order, the others the newest; both in every language over the whole.
            let mode = ["newest", "every"][(index + producer.language.len()) % 2];
            let index = index.to_string();
            let arguments = ["consume", &ground.bus, &index, mode, "60"];
            consumers.push(client.start(&ground, &library, &arguments));
        }
        let sent = report(&mut produced, producer.language);
        assert!(sent["published"].as_u64() > Some(0), "{sent}");
        assert_eq!(sent["starved"], 0, "{sent}");
        for (client, child) in clients.iter().zip(&mut consumers) {
            let pair = format!("{} → {}", producer.language, client.language);
            let got = report(child, &pair);
            println!("{pair}: {got}");
            let number = |key: &str| got[key].as_u64().expect(key);
            assert_eq!(number("torn"), 0, "{pair}: {got}");
            assert_eq!(number("backwards"), 0, "{pair}: {got}");
            assert_eq!(got["end"], "ended", "{pair}: {got}");
            assert!(number("taken") > 0, "{pair}: {got}");
            assert_eq!(
                number("last"),
                sent["sequence"].as_u64().expect("sequence"),
                "{pair}: {got}"
            );
            assert_eq!(
                number("attached") + number("taken") + number("skipped"),
                number("last"),
                "{pair}: {got}"
            );
        }
    }
}

#[test]
fn every_language_reads_the_planes_and_metadata_of_every_language() {
    let library = Library::new();
    let clients = clients(&library);
    let (count, frames) = (clients.len().to_string(), "40");
    for producer in &clients {
        let ground = Ground::new();
        let arguments = ["produce-planes", &ground.bus, &count, frames];
        let mut produced = producer.start(&ground, &library, &arguments);
        let mut consumers = Vec::new();
        for (index, client) in clients.iter().enumerate() {
            let arguments = ["consume-planes", &ground.bus, &index.to_string()];
            consumers.push(client.start(&ground, &library, &arguments));
        }
        assert_eq!(report(&mut produced, producer.language)["published"], 40);
        for (client, child) in clients.iter().zip(&mut consumers) {
            let pair = format!("{} → {}", producer.language, client.language);
            let got = report(child, &pair);
            // Who is connected may still be attaching while the first frames go by.
            assert!(got["taken"].as_u64() > Some(0), "{pair}: {got}");
            assert_eq!(got["wrong"], 0, "{pair}: {got}");
            assert_eq!(got["planes"], "gray bgr nv12 gray/2 meta", "{pair}: {got}");
        }
    }
}

#[test]
fn a_plane_that_a_bus_has_not_is_named_in_every_language() {
    let library = Library::new();
    let clients = clients(&library);
    let ground = Ground::new();
    let _producer = endless(&ground, &library, &clients, "1");
    let bus = ground.bus.parse().expect("name");
    let stop = framebus::stop::Stop::new().expect("eventfd");
    let options = framebus::bus::ConsumerOptions::new(bus);
    // The producer does not begin before it has its consumer, which goes again.
    let attached = framebus::bus::Consumer::attach(options, None, &stop, |_| {});
    drop(attached.expect("the bus"));
    for client in &clients {
        let arguments = ["consume-planes", &ground.bus, "0"];
        let output = finish(&mut client.command(&ground, &library, &arguments));
        let text = String::from_utf8_lossy(&output.stderr);
        let expected = format!(
            "bus {} has no planes nv12, gray/2, meta: it has gray, bgr; start its producer with --planes gray,bgr,nv12,gray/2,meta",
            ground.bus
        );
        assert!(
            !output.status.success() && text.contains(&expected),
            "{}: {text}",
            client.language
        );
    }
}

/// A producer of pattern frames for as long as it lives.
fn endless(ground: &Ground, library: &Library, clients: &[Client], consumers: &str) -> Reaped {
    let arguments = ["produce", &ground.bus, "64", "48", "200", consumers, "3600"];
    clients[0].start(ground, library, &arguments)
}

/// Starts a consumer that takes one frame and holds it; returns once it does.
fn hold(client: &Client, ground: &Ground, library: &Library, index: &str) -> Reaped {
    let arguments = ["consume", &ground.bus, index, "hold", "60"];
    let mut child = client.start(ground, library, &arguments);
    let mut line = String::new();
    let stdout = child.0.stdout.as_mut().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert!(line.starts_with("holding"), "{}: {line}", client.language);
    child
}

#[test]
fn a_killed_client_loses_its_lease_and_its_index() {
    let library = Library::new();
    let clients = clients(&library);
    let ground = Ground::new();
    let _producer = endless(&ground, &library, &clients, "1");
    for client in &clients {
        let mut held = hold(client, &ground, &library, "0");
        let killed = Instant::now();
        held.0.kill().expect("killed");
        held.0.wait().expect("its end");
        // The index is free again as soon as the lease is cleared: an attach that does not wait tells.
        let attached = loop {
            let name = ground.bus.parse().expect("name");
            let options = framebus::bus::ConsumerOptions::new(name);
            let stop = framebus::stop::Stop::new().expect("eventfd");
            let tried =
                framebus::bus::Consumer::attach(options, Some(Duration::ZERO), &stop, |_| {});
            match tried {
                Ok(attached) => break attached,
                Err(error) if killed.elapsed() > Duration::from_secs(60) => panic!("{error}"),
                Err(_) => {}
            }
        };
        println!(
            "{}: free again after {:?}",
            client.language,
            killed.elapsed()
        );
        drop(attached);
    }
}

#[test]
fn two_clients_on_one_index_are_told_so_in_every_language() {
    let library = Library::new();
    let clients = clients(&library);
    let ground = Ground::new();
    let _producer = endless(&ground, &library, &clients, "1");
    let held = hold(&clients[0], &ground, &library, "0");
    for client in &clients {
        let arguments = ["consume", &ground.bus, "0", "newest", "0"];
        let output = finish(&mut client.command(&ground, &library, &arguments));
        let text = String::from_utf8_lossy(&output.stderr);
        let expected = format!(
            "consumer 0 of bus {} is in use by pid {}",
            ground.bus,
            held.0.id()
        );
        assert!(
            !output.status.success() && text.contains(&expected),
            "{}: {text}",
            client.language
        );
    }
}

#[test]
fn a_bus_that_is_not_there_is_named_in_every_language() {
    let library = Library::new();
    for client in clients(&library) {
        let ground = Ground::new();
        let arguments = ["consume", &ground.bus, "0", "newest", "0"];
        let output = finish(&mut client.command(&ground, &library, &arguments));
        let text = String::from_utf8_lossy(&output.stderr);
        let expected = format!("there is no bus {}", ground.bus);
        assert!(
            !output.status.success() && text.contains(&expected),
            "{}: {text}",
            client.language
        );
    }
}

#[test]
fn a_killed_producer_is_a_lost_stream_in_every_language() {
    let library = Library::new();
    let clients = clients(&library);
    let ground = Ground::new();
    let count = clients.len().to_string();
    let mut producer = endless(&ground, &library, &clients, &count);
    let mut consumers: Vec<Reaped> = clients
        .iter()
        .enumerate()
        .map(|(index, client)| {
            let arguments = ["consume", &ground.bus, &index.to_string(), "newest", "60"];
            client.start(&ground, &library, &arguments)
        })
        .collect();
    // Frames come once everybody is there; who has taken one has also attached.
    let bus = ground.bus.parse().expect("name");
    let mut sampler = Sampler::new(bus, Baseline::Start, Thresholds::default());
    let start = Instant::now();
    while sampler
        .sample(false)
        .consumers
        .iter()
        .filter(|consumer| consumer.taken > 0)
        .count()
        < clients.len()
    {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "not everybody takes frames"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    producer.0.kill().expect("killed");
    for (client, child) in clients.iter().zip(&mut consumers) {
        let got = report(child, client.language);
        assert_eq!(got["end"], "lost", "{}: {got}", client.language);
        assert_eq!(got["torn"], 0, "{}: {got}", client.language);
    }
}
