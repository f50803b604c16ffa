//! What a person sees when something happens to a bus: one file of `scenarios/` a test, and its screens in `snapshots/`.

use std::fs;
use std::path::PathBuf;

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

mod cast;
mod play;
mod script;

use play::play;

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tui/tests/scenarios")
}

/// Plays a file, and compares what it shows with the snapshots.
fn check(name: &str) {
    let file = format!("{name}.txt");
    let text = fs::read_to_string(directory().join(&file)).expect(&file);
    let played = play(&file, &text, |show, line, screen| {
        // Not the line's number: it would change the snapshots whenever a line is added before it.
        insta::with_settings!({ description => format!("{file}: {line}"), omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_{}", show.name), screen);
        });
    });
    if let Err(error) = played {
        panic!("{error}");
    }
}

/// A test for every file, and one that none is forgotten.
macro_rules! scenarios {
    ($($test:ident: $name:literal,)*) => {
        $(
            #[test]
            fn $test() {
                check($name);
            }
        )*

        #[test]
        fn every_scenario_has_a_test() {
            let entries = fs::read_dir(directory()).expect("the scenarios");
            let mut files: Vec<String> = entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter_map(|name| Some(name.strip_suffix(".txt")?.to_owned()))
                .collect();
            files.sort();
            let mut tested = vec![$($name),*];
            tested.sort_unstable();
            assert_eq!(files, tested);
        }
    };
}

scenarios! {
    a_healthy_bus_has_no_findings: "healthy",
    a_stuck_consumer_keeps_one_slot_and_nobody_else_minds: "stuck-consumer",
    a_slow_consumer_skips_and_is_no_trouble: "slow-consumer",
    a_consumer_that_dies_stays_for_ten_seconds: "dead-consumer",
    a_producer_stalls_and_recovers: "producer-stalls",
    a_producer_restarts_with_a_new_generation: "producer-restarts",
    a_producer_is_gone: "producer-gone",
    a_recorder_of_every_frame_falls_behind: "recorder-behind",
    an_unlinked_segment_and_a_full_shm_are_told: "shm-trouble",
    rates_stand_still_when_no_whole_number_of_frames_fits: "odd-rate",
}

#[test]
fn a_line_that_cannot_be_played_is_named_with_its_file() {
    let told = [
        ("join 0 yolo py", "there is no producer"),
        (
            "bus 640x480\nbus 640x480",
            "there is one: restart starts it again",
        ),
        ("bus 640x480 consumers 2\njoin 2 yolo py", "the bus has 2"),
        (
            "bus 640x480\njoin 0 a rs\ntake 0",
            "there is no frame that it has not taken",
        ),
        ("bus 640x480\nstall\npublish 1", "the source is stalled"),
        (
            "bus 640x480\nexpect state gone",
            "it is \"running\", not \"gone\"",
        ),
        (
            "expect findings stuck-consumer:3",
            "it is [], not [\"stuck-consumer:3\"]",
        ),
    ];
    for (text, why) in told {
        let error = play("odd.txt", text, |_, _, _| ()).expect_err(text);
        let (line, last) = (text.lines().count(), text.lines().last().expect("a line"));
        assert_eq!(error, format!("odd.txt:{line}: {last}: {why}"));
    }
}
