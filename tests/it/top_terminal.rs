//! `framebus top` on a terminal: keys, sizes, and a terminal that is as it was on every way out.

use std::fs;
use std::time::Duration;

use framebus::observe::{Picture, Snapshot};
use framebus::stop::Stop;
use framebus_cli::tui::{self, Options, Wants};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Bus, FRAMEBUS, LIVELY, Mute, Terminal, until};

const PANICS: &str = "FRAMEBUS_IT_VIEW_PANICS";

/// Starts the view in a terminal, waits until it shows the bus, and returns its process.
fn start(terminal: &Terminal) -> Pid {
    let file = terminal.file("pid");
    let _ = fs::remove_file(&file);
    let path = file.display();
    // Its pid, before it becomes what it is.
    terminal.run(&format!(
        "sh -c 'echo $$ >{path}; exec {FRAMEBUS} top -d 200ms'"
    ));
    terminal.shows("READ-ONLY");
    terminal.shows("PRODUCER");
    let pid = fs::read_to_string(file).expect("a pid");
    Pid::from_raw(pid.trim().parse().expect("a pid")).expect("a pid")
}

/// Waits until the shell has its terminal back as it was: no alternate screen, a cursor, its settings, and an echo.
fn is_sane(terminal: &Terminal, settings: &str, count: &mut u32) {
    until("the alternate screen is left and the cursor shown", || {
        terminal.modes() == (false, true)
    });
    assert_eq!(terminal.settings(), settings);
    *count += 1;
    terminal.run(&format!("echo sane-$(({count}+1000))"));
    terminal.shows(&format!("sane-{}", *count + 1000));
    assert!(
        terminal
            .text()
            .contains(&format!("echo sane-$(({count}+1000))")),
        "what is typed is not echoed"
    );
}

#[test]
fn keys_and_sizes_do_what_they_say() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0"]);
    bus.attached(0, &consumer);
    // Wide: the names of other buses in trouble, such as those of other tests, take the place of the rate.
    let terminal = Terminal::open(&bus, 140, 30);
    let settings = terminal.settings();
    start(&terminal);
    assert_eq!(terminal.modes(), (true, false));
    for (key, words) in [
        ("2", "[2]Consumers"),
        ("Enter", "next consumer"),
        ("Escape", "reverse"),
        ("3", "NOW AT RIGHT"),
        ("4", "sharpness"),
        ("5", "times in UTC"),
        ("?", "HELP  lines"),
        ("Escape", "times in UTC"),
        ("1", "[1]Overview"),
        ("Space", "FROZEN"),
        ("s", "sort: NAME"),
        ("+", "10.0 Hz"),
        ("-", "5.0 Hz"),
        ("Tab", "[2]Consumers"),
    ] {
        terminal.press(&[key]);
        terminal.shows(words);
    }
    terminal.press(&["Space"]);
    until("it goes on", || !terminal.text().contains("FROZEN"));
    terminal.press(&["/", "z", "z"]);
    terminal.shows("filter: zz");
    terminal.press(&["Enter", "Escape"]);
    until("the filter is cleared", || {
        !terminal.text().contains("filter: zz")
    });
    terminal.press(&["1"]);
    for (width, height) in [(60, 15), (80, 24), (59, 14), (200, 50), (120, 40), (60, 15)] {
        terminal.resize(width, height);
        let fits = width >= 60 && height >= 15;
        until("it fills the terminal", || {
            let text = terminal.text();
            let lines: Vec<&str> = text.lines().collect();
            let wide = |line: &&str| line.chars().count() == usize::from(width);
            let framed = lines.first().is_some_and(wide) && lines.last().is_some_and(wide);
            match fits {
                true => framed && lines.len() == usize::from(height),
                false => text.contains(&format!("this is {width}x{height}")),
            }
        });
    }
    terminal.resize(100, 30);
    terminal.press(&["q"]);
    is_sane(&terminal, &settings, &mut 0);
}

#[test]
fn the_terminal_is_as_it_was_on_every_way_out() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let terminal = Terminal::open(&bus, 80, 24);
    let settings = terminal.settings();
    let mut count = 0;
    for key in ["q", "C-c", "Q"] {
        start(&terminal);
        terminal.press(&[key]);
        is_sane(&terminal, &settings, &mut count);
        terminal.press(&["C-l"]);
        terminal.run("clear");
    }
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let view = start(&terminal);
        kill_process(view, signal).expect("a signal");
        is_sane(&terminal, &settings, &mut count);
        terminal.run("clear");
    }
}

#[test]
fn a_view_that_is_suspended_gives_the_terminal_back_and_takes_it_again() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let terminal = Terminal::open(&bus, 80, 24);
    let settings = terminal.settings();
    let mut count = 0;
    let view = start(&terminal);
    for stopped_by_key in [true, false] {
        match stopped_by_key {
            true => terminal.press(&["C-z"]),
            false => kill_process(view, Signal::TSTP).expect("a signal"),
        }
        is_sane(&terminal, &settings, &mut count);
        terminal.run("fg");
        until("it is back", || terminal.modes() == (true, false));
        terminal.shows("READ-ONLY");
    }
    terminal.press(&["q"]);
    is_sane(&terminal, &settings, &mut count);
}

/// As under `ssh -t HOST framebus top`: no shell could continue it.
#[test]
fn a_view_that_nobody_would_continue_is_not_suspended() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let terminal = Terminal::open(&bus, 80, 24);
    // A child of the terminal's own child: tmux itself continues that one.
    terminal.run(&format!("exec sh -c '{FRAMEBUS} top; true'"));
    terminal.shows("[1]Overview");
    terminal.press(&["C-z"]);
    terminal.press(&["2"]);
    terminal.shows("[2]Consumers");
}

#[test]
fn a_terminal_that_answers_nothing_is_asked_once_at_the_start() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let mut command = bus.framebus(&["top", "-d", "200ms"]);
    command
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8");
    let mut view = Mute::start(command, 100, 30);
    view.writes("READ-ONLY", 0);
    let drawn = |view: &Mute| view.count("READ-ONLY");
    let before = drawn(&view);
    view.press(b"\x0c");
    view.writes("READ-ONLY", before);
    let before = drawn(&view);
    view.signal(Signal::STOP);
    view.signal(Signal::CONT);
    view.writes("READ-ONLY", before);
    let before = drawn(&view);
    view.resize(80, 24);
    view.signal(Signal::WINCH);
    view.writes("READ-ONLY", before);
    // Keys that come at once with Ctrl-L are not taken for an answer.
    view.press(b"\x0c2jk5\x0c");
    view.writes("UTC", 0);
    // What is pasted is no key, also the q of it.
    let before = view.count("UTC");
    view.press(b"\x1b[200~quit 1\r\x1b[201~\x0c");
    view.writes("UTC", before);
    assert!(
        view.count("\x1b[?2004h") > 0,
        "nobody told it to mark pastes"
    );
    view.press(b"q");
    assert_eq!(view.exit(), Some(0));
    for question in ["\x1b]11;?\x1b\\", "\x1b[c"] {
        assert_eq!(view.count(question), 1, "{question:?}");
    }
    let asked = [
        "\x1b[6n", "\x1b[5n", "\x1b[>c", "\x1b[14t", "\x1b[18t", "\x1b[?u",
    ];
    for question in asked {
        assert_eq!(view.count(question), 0, "{question:?}");
    }
}

/// What a terminal without escapes gets: the tables as text, as in a pipe.
#[test]
fn a_dumb_terminal_gets_no_escapes() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let mut command = bus.framebus(&["top"]);
    command.env("TERM", "dumb");
    let mut view = Mute::start(command, 100, 30);
    assert_eq!(view.exit(), Some(0));
    view.writes("CONSUMERS", 0);
    assert!(!view.seen().contains(&0x1b), "{:?}", view.seen());
}

#[test]
fn a_view_that_panics_gives_the_terminal_back() {
    let bus = Bus::new();
    let terminal = Terminal::open(&bus, 80, 24);
    let settings = terminal.settings();
    let program = std::env::current_exe().expect("this program");
    let name = "top_terminal::a_view_panics_when_asked_for";
    terminal.run(&format!(
        // A backtrace would scroll the message away.
        "RUST_BACKTRACE=0 {PANICS}=1 {} --exact {name} --nocapture",
        program.display()
    ));
    terminal.shows("the sampler broke");
    is_sane(&terminal, &settings, &mut 0);
}

/// A sampler that works twice.
struct Breaks(framebus::observe::Sampler, u32);

impl tui::Sampler for Breaks {
    fn buses(&mut self) -> Vec<String> {
        Vec::new()
    }

    fn sample(&mut self, _bus: &str) -> Snapshot {
        self.1 += 1;
        assert!(self.1 < 3, "the sampler broke");
        self.0.sample(false)
    }

    fn pictures(&mut self, _bus: &str, _wants: Wants) -> Vec<Picture> {
        Vec::new()
    }
}

#[test]
fn a_view_panics_when_asked_for() {
    if std::env::var_os(PANICS).is_none() {
        return;
    }
    let mut options = Options::detect("none", |name| std::env::var(name).ok());
    options.interval = Duration::from_millis(200);
    let sampler = framebus::observe::Sampler::new(
        "none".parse().expect("a name"),
        framebus::observe::Baseline::FirstLook,
        framebus::observe::Thresholds::default(),
    );
    let stop = Stop::on_signals().expect("signals");
    let _ = tui::run(&mut Breaks(sampler, 0), &options, &stop);
}

#[test]
fn view_shows_what_the_producer_knows_of_a_frame() {
    let bus = Bus::new();
    let _producer = bus.produce(&[LIVELY, &["--planes", "gray,meta"]].concat());
    let terminal = Terminal::open(&bus, 80, 24);
    terminal.run(&format!("{FRAMEBUS} top"));
    terminal.shows("PRODUCER");
    terminal.press(&["4"]);
    terminal.shows("metadata {\"pattern\":");
    terminal.press(&["q"]);
    terminal.shows("READY>");
}

#[test]
fn a_terminal_with_a_light_background_gets_the_light_theme() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    // Blue as tmux writes it, with 8 colours and with 256.
    let blue = |terminal: &Terminal| {
        let text = terminal.coloured();
        text.contains("\x1b[34m") || text.contains("38;5;4m")
    };
    for (background, flags, is_light) in [
        ("#ffffee", "", true),
        ("#002b36", "", false),
        ("#ffffee", "--theme dark", false),
        ("#002b36", "--theme light", true),
    ] {
        let terminal = Terminal::open(&bus, 80, 24);
        terminal.background(background);
        terminal.run(&format!("{FRAMEBUS} top {flags}"));
        terminal.shows("PRODUCER");
        // What the terminal answers is no key: it is the screen that top begins with.
        terminal.shows("[1]Overview");
        assert_eq!(blue(&terminal), is_light, "{background} {flags}");
        terminal.press(&["q"]);
        terminal.shows("READY>");
    }
}
