//! How far it is: a line that is rewritten on a terminal, which no log gets and no other line is written into.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, Terminal, until};

/// A recording of so many frames, 50 a second.
fn film(directory: &Path, frames: usize) -> String {
    let path = directory.join("film.y4m");
    let mut video = b"YUV4MPEG2 W64 H48 F50:1 Cmono\n".to_vec();
    for _ in 0..frames {
        video.extend_from_slice(b"FRAME\n");
        video.extend([100; 64 * 48]);
    }
    fs::write(&path, video).expect("a film");
    path.display().to_string()
}

/// The lines of a terminal that are progress.
fn progress(terminal: &Terminal) -> Vec<String> {
    let text = terminal.text();
    let lines = text.lines().filter(|line| line.contains(" % "));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_terminal_shows_how_far_a_file_is_and_nothing_is_left_of_it() {
    let bus = Bus::new();
    let film = film(bus.runtime(), 3000);
    let terminal = Terminal::open(&bus, 120, 20);
    terminal.run(&format!("{FRAMEBUS} produce {film}"));
    terminal.shows(" of 3000  ");
    terminal.shows(" left  ");
    let shown = progress(&terminal);
    assert_eq!(shown.len(), 1, "{shown:?}");
    for part in [" fps  seq ", "  dropped 0  starved 0  consumers 0"] {
        assert!(shown[0].contains(part), "{shown:?}");
    }
    terminal.press(&["C-c"]);
    terminal.shows("frames published");
    let text = terminal.text();
    assert!(progress(&terminal).is_empty(), "{text}");
    let mut lines = text.lines();
    assert!(lines.any(|line| line.starts_with("framebus: bus ") && line.contains("ended")));
}

#[test]
fn the_line_fits_a_window_that_is_made_smaller() {
    let bus = Bus::new();
    let film = film(bus.runtime(), 3000);
    let terminal = Terminal::open(&bus, 120, 20);
    terminal.run(&format!("{FRAMEBUS} produce {film}"));
    terminal.shows("consumers 0");
    for (width, whole) in [(60, " left  "), (20, " of 3000"), (100, "consumers 0")] {
        terminal.resize(width, 20);
        until("there is one line, as long as the window is wide", || {
            let shown = progress(&terminal);
            shown.len() == 1
                && shown[0].contains(whole)
                && shown[0].chars().count() < usize::from(width)
        });
    }
    terminal.press(&["C-c"]);
    terminal.shows("ended");
}

#[test]
fn a_line_of_the_log_stands_alone() {
    let bus = Bus::new();
    let film = film(bus.runtime(), 3000);
    let sleepy = ["--every-frame", "--name", "sleepy", "--work", "1h"];
    let sleepy = bus.consume(&sleepy);
    let terminal = Terminal::open(&bus, 140, 20);
    terminal.run(&format!(
        "{FRAMEBUS} produce {film} --lockstep --lockstep-limit 2s --wait-consumers 1"
    ));
    terminal.shows(" of 3000  ");
    terminal.shows("left out");
    let text = terminal.text();
    let lines: Vec<&str> = text.lines().collect();
    let said = "framebus: warning: consumer 0 sleepy has held one frame";
    assert!(lines.iter().any(|line| line.starts_with(said)), "{text}");
    assert!(
        !lines
            .iter()
            .any(|line| line.contains('%') && line.contains("framebus:"))
    );
    until("the line is there again", || progress(&terminal).len() == 1);
    terminal.press(&["C-c"]);
    terminal.shows("frames published");
    assert!(progress(&terminal).is_empty());
    sleepy.end(Signal::KILL);
}

#[test]
fn a_consumer_with_an_end_or_a_file_says_how_far_it_is() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48", "--fps", "50"]);
    let terminal = Terminal::open(&bus, 120, 24);
    let file = bus.runtime().join("all.y4m").display().to_string();
    for (args, shows) in [
        (format!("--count 3000 -o {file}"), " of 3000  "),
        (format!("--duration 1m -o {file}"), " of 1:00  "),
        ("--count 3000".to_owned(), " of 3000  "),
        (format!("-o {file}"), " frames  "),
    ] {
        terminal.run(&format!("clear; {FRAMEBUS} consume {args}"));
        terminal.shows(shows);
        terminal.shows(" skipped");
        terminal.press(&["C-c"]);
        terminal.shows("READY>");
        until("it is gone", || progress(&terminal).is_empty());
    }
    let json = format!("clear; {FRAMEBUS} consume --json --count 60; echo done");
    for quiet in [
        json,
        format!("clear; {FRAMEBUS} consume -o {file} --count 60 --progress never; echo done"),
        format!("clear; TERM=dumb {FRAMEBUS} consume -o {file} --count 60; echo done"),
        // In the background it would stand in the shell's way.
        format!("clear; {FRAMEBUS} consume -o {file} --count 60 & wait; echo done"),
    ] {
        terminal.run(&quiet);
        until("it has come to its end", || {
            assert!(progress(&terminal).is_empty(), "{quiet}");
            terminal.text().lines().any(|line| line == "done")
        });
    }
}

#[test]
fn a_log_gets_progress_only_where_it_is_asked_for() {
    let bus = Bus::new();
    let film = film(bus.runtime(), 150);
    let done = bus.run(&["produce", &film]);
    assert_eq!(done.exit, Exit::Code(0), "{}", done.stderr);
    assert!(!done.stderr.contains('%'), "{}", done.stderr);
    let done = bus.run(&["produce", &film, "--progress", "always", "--quiet"]);
    assert_eq!(done.exit, Exit::Code(0), "{}", done.stderr);
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert!(!lines.is_empty());
    for line in lines {
        assert!(
            line.contains("framebus: ") && line.contains(" of 150  "),
            "{line}"
        );
        assert!(!line.contains(['\r', '\x1b']), "{line}");
    }
    let json = [
        "--log-format",
        "json",
        "produce",
        &film,
        "--progress",
        "always",
    ];
    let done = bus.run(&json);
    let lines = done
        .stderr
        .lines()
        .map(serde_json::from_str::<serde_json::Value>);
    let lines: Vec<serde_json::Value> = lines.map(|line| line.expect("JSON")).collect();
    let of_progress = |line: &&serde_json::Value| {
        let message = line["message"].as_str();
        message.is_some_and(|message| message.contains(" of 150  "))
    };
    assert!(
        lines.iter().any(|line| of_progress(&line)),
        "{}",
        done.stderr
    );
    let done = bus.run(&["produce", &film, "--progress", "sometimes"]);
    assert_eq!(done.exit, Exit::Code(2), "{}", done.stderr);
}
