//! `wait`, `ls`, `gc`, `check`, `peek`, `doctor`, `completions`, `man`.

use rustix::process::Signal;

use crate::harness::{Place, until};

#[test]
fn wait_ends_with_the_frames_or_with_the_time() {
    let place = Place::new();
    let done = place.run(&["wait", "--timeout", "50ms"]).is(1);
    done.one_sentence("there is no bus");
    let producer = place.start(&["produce", "pattern", "--size", "64x48", "--fps", "100"]);
    place
        .run(&["wait", "--frames", "5", "--timeout", "30s"])
        .is(0);
    place
        .run(&["wait", "--frames", "999999", "--timeout", "10ms"])
        .is(1);
    producer.kill();
    let done = place.run(&["wait", "--timeout", "10ms"]).is(1);
    done.one_sentence("has exited");
    place.run(&["gc", "--bus", &place.bus]).is(0);
}

#[test]
fn ls_shows_what_runs_and_what_is_stale() {
    let place = Place::new();
    let producer = place.produce(&["--consumers", "3"]);
    let row = |place: &Place| {
        let listing = place.run(&["ls", "--json"]).is(0).json();
        assert_eq!(listing["schema"], 1);
        let buses = listing["buses"].as_array().expect("buses").clone();
        buses
            .into_iter()
            .find(|row| row["bus"] == place.bus.as_str())
    };
    let running = row(&place).expect("a row");
    assert_eq!(running["state"], "running");
    assert_eq!(
        (&running["width"], &running["height"]),
        (&64.into(), &48.into())
    );
    assert_eq!(running["max_consumers"], 3);
    assert_eq!(running["pid"], producer.pid());
    let table = place.run(&["ls"]).is(0).text();
    assert!(table.starts_with("BUS "), "{table}");
    assert!(table.contains(&place.bus), "{table}");
    producer.kill();
    assert_eq!(row(&place).expect("a row")["state"], "stale");
    place.run(&["gc", "-b", &place.bus]).is(0);
    assert_eq!(row(&place), None);
}

#[test]
fn gc_removes_what_is_dead_and_nothing_else() {
    let place = Place::new();
    let producer = place.produce(&["--consumers", "2"]);
    let gc = |flags: &[&str]| {
        place
            .run(&[&["gc", "-b", &place.bus], flags].concat())
            .is(0)
            .text()
    };
    assert_eq!(gc(&[]), "");
    producer.signal(Signal::STOP);
    assert_eq!(gc(&[]), "", "a stopped producer is not dead");
    let before = place.shm_files();
    let pid = producer.pid();
    producer.kill();
    let text = gc(&["--dry-run"]);
    let left = format!(": segment of 512.0 KiB, 2 named pipes, lock, left by pid {pid}\n");
    assert_eq!(text, format!("would remove bus {}{left}", place.bus));
    assert_eq!(place.shm_files(), before);
    assert_eq!(gc(&[]), format!("removed bus {}{left}", place.bus));
    assert!(place.shm_files().is_empty());
    assert!(!place.path("framebus").exists());
    assert_eq!(gc(&[]), "");
}

#[test]
fn gc_leaves_what_is_not_framebus_s_own() {
    let place = Place::new();
    let path = format!("/dev/shm/framebus.{}", place.bus);
    std::fs::write(&path, vec![7; 8192]).expect("a file");
    place
        .run(&["gc", "-b", &place.bus])
        .is(2)
        .one_sentence("left alone");
    assert!(std::path::Path::new(&path).exists());
}

#[test]
fn check_is_0_on_a_healthy_bus_and_1_with_a_stopped_consumer() {
    let place = Place::new();
    let none = place.run(&["check"]).is(3);
    none.one_sentence("there is no bus");
    let producer = place.produce(&[]);
    let consumer = place.start(&["consume", "--name", "stuck", "--work", "1ms"]);
    until("the consumer takes frames", || {
        let done = place
            .run(&["check", "--for", "100ms", "--max-held", "1m", "--json"])
            .is(0);
        done.json()["fps"].is_f64()
    });
    let limits = [
        "check",
        "--min-fps",
        "0.5",
        "--max-age",
        "30s",
        "--max-held",
        "30s",
    ];
    let done = place.run(&limits).is(0);
    assert_eq!((done.text(), done.stderr.as_str()), (String::new(), ""));
    let done = place
        .run(&["check", "--min-fps", "1000", "--max-held", "1m"])
        .is(1);
    assert!(done.text().starts_with("low-fps: "), "{}", done.text());
    consumer.signal(Signal::STOP);
    until("the consumer is found", || {
        let done = place.run(&["check", "--for", "200ms", "--max-held", "500ms"]);
        done.status.code() == Some(1)
    });
    let done = place
        .run(&["check", "--for", "200ms", "--max-held", "500ms"])
        .is(1);
    assert!(
        done.text().starts_with("stuck-consumer: 0 stuck"),
        "{}",
        done.text()
    );
    assert_eq!(done.text().lines().count(), 1);
    let json = place
        .run(&["check", "--for", "200ms", "--max-held", "500ms", "--json"])
        .is(1)
        .json();
    assert_eq!(json["healthy"], false);
    assert_eq!(json["findings"][0]["kind"], "stuck-consumer");
    producer.kill();
    let done = place.run(&["check", "--for", "10ms"]).is(3);
    assert!(done.text().contains("producer-gone"), "{}", done.text());
}

#[test]
fn peek_copies_a_frame_and_takes_no_index() {
    let place = Place::new();
    place.run(&["peek"]).is(3).one_sentence("there is no bus");
    let _producer = place.produce(&["--consumers", "1"]);
    let png = place.run(&["peek"]).is(0).stdout;
    assert!(png.starts_with(b"\x89PNG"));
    let pgm = place
        .run(&["peek", "-o", "-", "--format", "pgm"])
        .is(0)
        .stdout;
    assert!(pgm.starts_with(b"P5\n64 48\n255\n"));
    assert_eq!(pgm.len(), 13 + 64 * 48);
    place.run(&["peek", "-o", "now.jpeg"]).is(0);
    let jpeg = std::fs::read(place.path("now.jpeg")).expect("a file");
    assert!(jpeg.starts_with(&[0xff, 0xd8]));
    let ppm = place
        .run(&["peek", "--bgr", "-o", "-", "--format", "pgm"])
        .is(0)
        .stdout;
    assert!(ppm.starts_with(b"P6\n64 48\n255\n"));
    let drawn = place.run(&["peek", "--draw"]).is(0).text();
    assert!(drawn.lines().count() > 3 && drawn.is_ascii(), "{drawn}");
    for (args, terminal, colour) in [
        ("", "", "\u{1b}[38;5;"),
        (" --bgr", "", "\u{1b}[38;5;"),
        (" --bgr", "COLORTERM=truecolor ", "\u{1b}[38;2;"),
    ] {
        let script = format!("{terminal}framebus peek --draw --color always{args}");
        let drawn = place.sh(&script).is(0).text();
        assert!(drawn.contains(colour), "{script}: {drawn}");
    }
    until("every slot has been written", || {
        place.run(&["peek", "--slot", "2"]).status.success()
    });
    let done = place.run(&["peek", "--slot", "3"]).is(1);
    done.one_sentence("the bus has no such slot");
    place
        .run(&["peek", "-o", "frame.bmp"])
        .is(2)
        .one_sentence("says no image format");
    let consumer = place.run(&["consume", "-i", "0", "--count", "1", "-q"]);
    consumer.is(0);
}

#[test]
fn doctor_says_how_to_mend_and_fails_only_when_something_is_broken() {
    let place = Place::new();
    let report = place.run(&["doctor", "--size", "64x48", "--json"]).json();
    assert_eq!(report["schema"], 1);
    let checks = report["checks"].as_array().expect("checks");
    for check in checks {
        let passed = check["result"] == "pass";
        assert_eq!(check["mend"].is_null(), passed, "{check}");
    }
    let done = place
        .run(&["doctor", "--size", "32768x32768", "--consumers", "250"])
        .is(1);
    assert!(
        done.text().contains("FAIL  shared-memory: "),
        "{}",
        done.text()
    );
    assert!(
        done.text().contains("mount -o remount,size="),
        "{}",
        done.text()
    );
    let mut command = place.framebus(&["doctor", "--size", "64x48"]);
    command.env("FRAMEBUS_RUNTIME_DIR", format!("/tmp/{}", "x".repeat(90)));
    let output = command.output().expect("framebus starts");
    assert_eq!(output.status.code(), Some(1));
    let producer = place.produce(&[]);
    producer.kill();
    let text = place.run(&["doctor", "--size", "64x48"]).text();
    assert!(
        text.contains(&format!("framebus gc -b {}", place.bus)),
        "{text}"
    );
    // Its next frame, which makes the segment again, does not come while somebody looks.
    let producer = place.produce(&["--fps", "0.01"]);
    std::fs::remove_file(format!("/dev/shm/framebus.{}", place.bus)).expect("unlink");
    let done = place.run(&["doctor", "--size", "64x48"]).is(1);
    assert!(
        done.text().contains("FAIL  unlinked-segment"),
        "{}",
        done.text()
    );
    drop(producer);
}

#[test]
fn a_shell_completes_verbs_flags_buses_and_free_indices() {
    let place = Place::new();
    let _producer = place.produce(&["--consumers", "3"]);
    let _consumer = place.start(&["consume", "-i", "1"]);
    until("it is attached", || {
        let json = place.run(&["top", "--once", "--json"]).json();
        json["consumers"][0]["index"] == 1
    });
    // What bash asks for the last of these words.
    let completed = |words: &[&str]| {
        let line: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "eval \"$(framebus completions bash)\"; COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9
             _clap_complete_framebus framebus {} ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            line.join(" "),
            words.len() - 1,
            line[line.len() - 1],
        );
        let text = place
            .sh(&format!("bash -c '{}'", script.replace('\'', "'\\''")))
            .is(0)
            .text();
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(completed(&["framebus", "conf"]), ["config"]);
    assert_eq!(
        completed(&["framebus", "consume", "--on-c"]),
        ["--on-change"]
    );
    let bus = place.bus.clone();
    for verb in ["consume", "top", "check", "wait", "peek"] {
        let buses = completed(&["framebus", verb, "-b", &bus[..bus.len() - 1]]);
        assert!(buses.contains(&bus), "{verb}: {buses:?}");
    }
    let indices = completed(&["framebus", "consume", "-b", &bus, "-i", ""]);
    assert_eq!(indices, ["auto", "0", "2"]);
    assert_eq!(completed(&["framebus", "produce", "patt"]), ["pattern"]);
    assert_eq!(completed(&["framebus", "man", "prod"]), ["produce"]);
}

#[test]
fn completions_and_pages_are_there_for_every_verb() {
    let place = Place::new();
    for (shell, word) in [
        ("bash", "-F _clap_complete_framebus framebus"),
        ("zsh", "#compdef framebus"),
        ("fish", "--command framebus"),
        ("elvish", "framebus"),
        ("powershell", "framebus"),
    ] {
        let text = place.run(&["completions", shell]).is(0).text();
        assert!(text.contains(word), "{shell}: {text}");
    }
    let page = place.run(&["man", "consume"]).is(0).text();
    assert!(
        page.contains("framebus\\-consume") && page.contains(".SH"),
        "{page}"
    );
    place
        .run(&["man", "nonsense"])
        .is(2)
        .one_sentence("has no verb nonsense");
    place.run(&["man", "--dir", "pages"]).is(0);
    let help = place.run(&["--help"]).is(0).text();
    let verbs = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    for verb in verbs.take_while(|line| !line.is_empty()) {
        let verb = verb.split_whitespace().next().expect("a verb");
        if verb != "help" {
            assert!(
                place.path(&format!("pages/framebus-{verb}.1")).exists(),
                "{verb}"
            );
            let help = place.run(&[verb, "--help"]).is(0).text();
            assert!(help.contains("\nExamples:\n  "), "{verb} has no example");
            let page = format!("groff -man -Tutf8 -P-c -P-b -P-u pages/framebus-{verb}.1");
            let page = place.sh(&page).is(0).text();
            for title in [
                "EXAMPLES",
                "EXIT STATUS",
                "ENVIRONMENT",
                "FILES",
                "SEE ALSO",
            ] {
                assert!(page.lines().any(|line| line == title), "{verb}: {title}");
            }
            assert!(!page.contains("--version"), "{verb}");
            let examples = help.split("\nExamples:\n").nth(1).unwrap_or_default();
            for example in examples.lines().take_while(|line| line.starts_with("  ")) {
                assert!(page.contains(example.trim()), "{verb}: {example}");
            }
        }
    }
}
