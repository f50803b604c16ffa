//! The examples in `--help` work when they are pasted.

use crate::harness::Place;

/// What is not on every machine, and what would change it.
const ELSEWHERE: [&str; 10] = [
    "/dev/video",
    "video.mp4",
    "images/",
    "systemctl",
    "/usr/",
    "/var/",
    "~/",
    "man -l",
    "bin/demo",
    // Windows: tests/shell/windows.rs has a display for them.
    "--show",
];

/// The examples of a verb: indented lines below `Examples:`.
fn examples(place: &Place, verb: &str) -> Vec<String> {
    let help = place.run(&[verb, "--help"]).is(0).text();
    let below = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    let indented = below.take_while(|line| line.starts_with("  "));
    indented.map(|line| line.trim().to_owned()).collect()
}

#[test]
fn every_example_works_when_it_is_pasted() {
    let place = Place::new();
    let help = place.run(&["--help"]).is(0).text();
    let commands = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    let verbs = commands
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next());
    let mut tried = 0;
    for verb in verbs.filter(|verb| *verb != "help") {
        for example in examples(&place, verb) {
            if ELSEWHERE.iter().any(|word| example.contains(word)) {
                continue;
            }
            tried += 1;
            check(verb, &example);
        }
    }
    assert!(tried > 25, "{tried} examples");
}

/// Runs an example for a moment: those that go on are stopped.
fn check(verb: &str, example: &str) {
    let place = Place::new();
    let record = "framebus produce pattern --size 64x48 --fps 100 --history 30 & sleep 0.1
        framebus wait --timeout 30s && framebus consume --every-frame -o run.y4m --count 3 -q
        kill $!; wait || :";
    if verb == "produce" && example.contains("run.y4m") {
        place.sh(record);
    }
    let more = ["--color", "--history", "30", "--fps", "50"];
    let _producer = (verb != "produce").then(|| place.produce(&more));
    if verb != "produce" {
        // Long enough for every slot to have been used.
        place
            .run(&["wait", "--frames", "40", "--timeout", "30s"])
            .is(0);
    }
    // The buses of the examples are cam0 and cam1, which may be somebody's, as the sample's names may be.
    let own_names = format!("--seed-prefix {}- --seed", place.bus);
    let own = example
        .replace("--seed", &own_names)
        .replace("cam0", &place.bus)
        .replace("cam1", &place.bus);
    let done = place.sh(&format!(
        "timeout -s INT 1 sh -c '{}'",
        own.replace('\'', "'\\''")
    ));
    let code = done.status.code();
    // 1 is a no, such as doctor's, check's or that of cameras without one; 124 is timeout's, 130 that of what was interrupted.
    let expected: &[i32] = match verb {
        "doctor" | "check" | "cameras" => &[0, 1, 124, 130],
        _ => &[0, 124, 130],
    };
    let fine = code.is_some_and(|code| expected.contains(&code));
    assert!(
        fine,
        "{verb}: {example}\n{code:?} {}{}",
        done.stderr,
        done.text()
    );
    let complaint = done.stderr.contains("error: ") || done.stderr.contains("Usage:");
    assert!(!complaint, "{verb}: {example}\n{}", done.stderr);
}
