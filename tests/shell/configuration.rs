//! Settings that are impossible together: one sentence, with the flag, the variable, or the file, line and key.

use crate::harness::Place;

/// Variables with their values.
type Variables = &'static [(&'static str, &'static str)];

/// What `produce` says with this file, these variables and these arguments.
fn refusal(file: &str, variables: Variables, args: &[&str]) -> String {
    let place = Place::new();
    std::fs::write(place.path("a.toml"), file).expect("a file");
    let mut command = place.framebus(&[&["--config", "a.toml", "produce"], args].concat());
    command.envs(variables.iter().copied());
    let output = command.output().expect("framebus starts");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{file}{args:?}: {said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(place.shm_files(), Vec::<String>::new());
    said
}

#[test]
fn an_impossible_combination_is_named_where_it_was_set() {
    let no_loop = "is for files: a camera cannot start again";
    let cases: [(&str, Variables, &[&str], String); 12] = [
        ("", &[], &["0", "--loop"], format!("--loop {no_loop}")),
        (
            "[produce]\nloop = true",
            &[],
            &["/dev/video0"],
            format!("a.toml line 2: produce.loop {no_loop}"),
        ),
        (
            "[produce]\nloop = false",
            &[("FRAMEBUS_PRODUCE_LOOP", "true")],
            &["0"],
            format!("FRAMEBUS_PRODUCE_LOOP {no_loop}"),
        ),
        (
            "",
            &[("FRAMEBUS_PRODUCE_LOOP", "true")],
            &["rtsp://127.0.0.1/x"],
            "FRAMEBUS_PRODUCE_LOOP is for files: a stream cannot".to_owned(),
        ),
        (
            "[bus.left]\nsource = \"-\"\nloop = true",
            &[],
            &["--bus", "left"],
            "a.toml line 3: bus.left.loop is for files: stdin cannot start again".to_owned(),
        ),
        (
            "[produce]\n\ncolor = true",
            &[],
            &["-", "--format", "gray", "--size", "64x48"],
            "a.toml line 3: produce.color needs a source that gives colours".to_owned(),
        ),
        (
            "",
            &[("FRAMEBUS_PRODUCE_SIZE", "641x480")],
            &["-", "--format", "yuyv"],
            "FRAMEBUS_PRODUCE_SIZE: yuyv frames have an even width, not 641x480".to_owned(),
        ),
        (
            "",
            &[("FRAMEBUS_PRODUCE_CONSUMERS", "250")],
            &["--history", "50"],
            "--history: 250 consumers and a history of 50 need 302 slots".to_owned(),
        ),
        (
            "[produce]\nhistory = 50",
            &[("FRAMEBUS_PRODUCE_CONSUMERS", "250")],
            &[],
            "FRAMEBUS_PRODUCE_CONSUMERS: 250 consumers".to_owned(),
        ),
        (
            "[produce]\ngroup = \"daemon\"",
            &[],
            &[],
            "a.toml line 2: produce.group: the mode 0600 lets no group attach".to_owned(),
        ),
        (
            "[produce]\ngroup = \"no-such-group\"",
            &[],
            &[],
            "a.toml line 2: produce.group: \"no-such-group\" ".to_owned(),
        ),
        (
            "[bus.a]\nsource = \"1\"\n[bus.b]\nsource = \"/dev/video1\"",
            &[],
            &["pattern"],
            "a.toml line 4: bus.b.source: bus a has the same camera".to_owned(),
        ),
    ];
    for (file, variables, args, expected) in cases {
        let said = refusal(file, variables, args);
        assert!(said.contains(&expected), "{said} has no {expected:?}");
    }
}

#[test]
fn colour_of_a_gray_stream_is_named_where_it_was_asked_for() {
    let place = Place::new();
    let gray = "printf 'YUV4MPEG2 W4 H2 F25:1 Cmono\nFRAME\n12345678' |";
    place
        .sh(&format!("{gray} framebus produce - --color"))
        .is(2)
        .one_sentence("has no colour: --color needs a source");
    place
        .sh(&format!(
            "{gray} FRAMEBUS_PRODUCE_COLOR=true framebus produce -"
        ))
        .is(2)
        .one_sentence("has no colour: FRAMEBUS_PRODUCE_COLOR needs a source");
}

#[test]
fn a_check_that_looks_too_briefly_for_its_rate_is_refused() {
    let place = Place::new();
    place
        .run(&["check", "--min-fps", "0.5", "--for", "1s"])
        .is(2)
        .one_sentence("--for 1s is too short for --min-fps 0.5");
}
