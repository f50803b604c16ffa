use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use framebus::layout::Geometry;

use super::*;

/// The committed file, with the defaults in comments.
const COMMENTED: &str = include_str!("../../config/framebus.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("a.toml"))
}

fn error(text: &str) -> String {
    parse(text).expect_err(text).to_string()
}

fn load(explicit: Option<&Path>, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load_with(explicit, Path::new("/nonexistent/framebus.toml"), &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    })
}

#[test]
fn the_commented_file_has_the_defaults() {
    assert_eq!(parse(COMMENTED).expect("as it is"), Config::default());
    let is_default = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    let active: Vec<_> = COMMENTED
        .lines()
        .map(|line| if is_default(line) { &line[1..] } else { line })
        .collect();
    assert_eq!(
        parse(&active.join("\n")).expect("with the comments taken away"),
        Config::defaults()
    );
}

#[test]
fn the_commented_file_names_every_key_and_its_examples_are_right() {
    let examples: Vec<&str> = COMMENTED
        .lines()
        .filter_map(|line| match line.split_once("Such as: ") {
            Some((_, example)) => Some(example),
            None => line.starts_with('[').then_some(line),
        })
        .collect();
    let config = parse(&examples.join("\n")).expect("examples");
    let produce = config.produce;
    assert_eq!(
        (produce.fps, produce.size, produce.group.as_deref()),
        (Some(30.0), Geometry::new(640, 480), Some("video"))
    );
    assert_eq!(config.consume.timeout, Some(Duration::from_secs(5)));
    // The message of an unknown key lists those there are.
    for section in [
        "",
        "[produce]\n",
        "[consume]\n",
        "[top]\n",
        "[top.findings]\n",
    ] {
        let message = error(&format!("{section}unknown = 1"));
        let keys = message.split('`').skip(3).step_by(2);
        for key in keys {
            let named = [
                format!("{key} = "),
                format!("[{key}]"),
                format!("[top.{key}]"),
            ];
            let named = named.iter().any(|name| COMMENTED.contains(name));
            assert!(named, "{section}{key}: {message}");
        }
    }
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_line() {
    let known = [
        (
            "bus = \"a\"\n\n[top]\ninterwal = 30\n",
            "a.toml line 4: top.interwal: unknown field `interwal`, expected one of `interval`, `theme`, `findings`",
        ),
        (
            "bsu = \"a\"",
            "a.toml line 1: bsu: unknown field `bsu`, expected one of `bus`, `produce`, `consume`, `serve`, `top`",
        ),
        (
            "[tpo]\ninterval = \"1s\"",
            "a.toml line 1: unknown field `tpo`, expected one of `bus`, `produce`, `consume`, `serve`, `top`",
        ),
        (
            "bus = \"a\"\nbus = \"b\"",
            "a.toml line 2: bus: duplicate key",
        ),
    ];
    for (text, message) in known {
        assert_eq!(error(text), message);
    }
}

#[test]
fn a_wrong_value_is_named_with_its_file_line_and_key() {
    let known = [
        (
            "consume",
            "timeout = \"5\"",
            "\"5\" needs a unit, such as 200ms or 5s",
        ),
        (
            "consume",
            "trigger = \"futex\"",
            "\"futex\" is not a trigger: eventfd, pipe or spin",
        ),
        (
            "produce",
            "consumers = 251",
            "251 is not a number of consumers from 1 to 250",
        ),
        (
            "produce",
            "consumers = 0",
            "0 is not a number of consumers from 1 to 250",
        ),
        (
            "produce",
            "history = 1000",
            "1000 is not a number of frames from 0 to 255",
        ),
        (
            "produce",
            "mode = 660",
            "invalid type: integer `660`, expected a string",
        ),
        (
            "produce",
            "mode = \"0690\"",
            "\"0690\" is not an octal mode from 0000 to 0777, such as 0660",
        ),
        (
            "top.findings",
            "shm_full_percent = 101",
            "101.0 is not a percentage from 0 to 100",
        ),
        (
            "top.findings",
            "stuck_after = 2",
            "invalid type: integer `2`, expected a string",
        ),
        (
            "top.findings",
            "stalled_after = \"0s\"",
            "\"0s\" is not above 0, and would find fault with everything",
        ),
        (
            "produce",
            "fps = \"fast\"",
            "\"fast\" is not a number of frames a second, such as 30, 29.97 or 30000/1001",
        ),
        (
            "top.findings",
            "gone_after = \"200ms\"",
            "\"200ms\" is not above 200ms, the time between a producer's signs of life",
        ),
        (
            "produce",
            "fps = -1",
            "-1 is outside the range from 0 to 10000 frames a second",
        ),
        (
            "produce",
            "fps = true",
            "invalid type: boolean `true`, expected a number of frames a second, or a text such as \"30000/1001\"",
        ),
        (
            "produce",
            "range = \"tv\"",
            "\"tv\" is not a range: auto, full or limited",
        ),
        (
            "produce",
            "size = \"640\"",
            "\"640\" is not a size, such as 640x480",
        ),
    ];
    for (section, line, message) in known {
        let key = line.split(' ').next().expect("a key");
        let expected = format!("a.toml line 3: {section}.{key}: {message}");
        assert_eq!(
            error(&format!("[{section}]\n# a comment\n{line}\n")),
            expected
        );
    }
    assert!(error("\nbus = ").starts_with("a.toml line 2: bus: "));
}

#[test]
fn a_file_sets_what_it_names_and_the_environment_wins() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.toml");
    fs::write(
        &path,
        "bus = \"left\"\n[produce]\nfps = 25\nsize = \"320x240\"\nmode = \"0660\"",
    )
    .expect("file");
    let config = load(
        Some(&path),
        &[
            ("FRAMEBUS_BUS", "right"),
            ("FRAMEBUS_PRODUCE_CONSUMERS", "8"),
        ],
    )
    .expect("config");
    let mut expected = Config::defaults();
    expected.bus = Some("right".to_owned());
    expected.produce.fps = Some(25.0);
    expected.produce.size = Geometry::new(320, 240);
    expected.produce.mode = Some(0o660);
    expected.produce.consumers = Some(8);
    assert_eq!(config, expected);
}

#[test]
fn every_variable_is_read() {
    let variables = [
        ("FRAMEBUS_BUS", "b"),
        ("FRAMEBUS_PRODUCE_SOURCE", "a.mp4"),
        ("FRAMEBUS_PRODUCE_COLOR", "true"),
        ("FRAMEBUS_PRODUCE_LOOP", "true"),
        ("FRAMEBUS_PRODUCE_FPS", "30000/1001"),
        ("FRAMEBUS_PRODUCE_RANGE", "limited"),
        ("FRAMEBUS_PRODUCE_SIZE", "2x1"),
        ("FRAMEBUS_PRODUCE_CONSUMERS", "200"),
        ("FRAMEBUS_PRODUCE_HISTORY", "3"),
        ("FRAMEBUS_PRODUCE_OPEN_TIMEOUT", "20s"),
        ("FRAMEBUS_PRODUCE_READ_TIMEOUT", "1m"),
        ("FRAMEBUS_PRODUCE_CA", "c.pem"),
        ("FRAMEBUS_PRODUCE_MODE", "640"),
        ("FRAMEBUS_PRODUCE_GROUP", "video"),
        ("FRAMEBUS_PRODUCE_FOURCC", "YUYV"),
        ("FRAMEBUS_PRODUCE_SET", "exposure_auto=1,gain=20"),
        ("FRAMEBUS_PRODUCE_BACKEND", "opencv"),
        ("FRAMEBUS_PRODUCE_BGR_FPS", "5"),
        ("FRAMEBUS_CONSUME_TRIGGER", "spin"),
        ("FRAMEBUS_CONSUME_TIMEOUT", "2m"),
        ("FRAMEBUS_SERVE_LISTEN", "[::1]:80"),
        ("FRAMEBUS_SERVE_TOKEN_FILE", "t"),
        ("FRAMEBUS_SERVE_PUBLIC", "true"),
        ("FRAMEBUS_SERVE_HOSTS", "a b"),
        ("FRAMEBUS_TOP_INTERVAL", "200ms"),
        ("FRAMEBUS_TOP_THEME", "light"),
        ("FRAMEBUS_TOP_FINDINGS_STUCK_AFTER", "1s"),
        ("FRAMEBUS_TOP_FINDINGS_STALLED_AFTER", "3s"),
        ("FRAMEBUS_TOP_FINDINGS_GONE_AFTER", "4s"),
        ("FRAMEBUS_TOP_FINDINGS_SLOW_ABOVE_PERIODS", "1.5"),
        ("FRAMEBUS_TOP_FINDINGS_SHM_FULL_PERCENT", "80"),
    ];
    let file = "bus = \"b\"\n[produce]\nsource = 'a.mp4'\ncolor = true\nloop = true\nfps = \"30000/1001\"\nrange = \"limited\"\nsize = \"2x1\"\nconsumers = 200\nhistory = 3\nopen_timeout = \"20s\"\nread_timeout = \"1m\"\nca = \"c.pem\"\nmode = \"640\"\ngroup = \"video\"\n\
                fourcc = \"YUYV\"\nset = \"exposure_auto=1, gain=20\"\nbackend = \"opencv\"\nbgr_fps = 5\n\
                [consume]\ntrigger = \"spin\"\ntimeout = \"2m\"\n\
                [serve]\nlisten = \"[::1]:80\"\ntoken_file = \"t\"\npublic = true\nhosts = \"a b\"\n\
                [top]\ninterval = \"200ms\"\ntheme = \"light\"\n\
                [top.findings]\nstuck_after = \"1s\"\nstalled_after = \"3s\"\ngone_after = \"4s\"\n\
                slow_above_periods = 1.5\nshm_full_percent = 80";
    assert_eq!(
        load(None, &variables).expect("config"),
        parse(file).expect("file")
    );
}

#[test]
fn a_wrong_variable_is_named() {
    let error = load(None, &[("FRAMEBUS_CONSUME_TIMEOUT", "5")]).expect_err("no unit");
    assert_eq!(
        error.to_string(),
        "FRAMEBUS_CONSUME_TIMEOUT: \"5\" needs a unit, such as 200ms or 5s"
    );
    assert_eq!(
        load(None, &[("FRAMEBUS_CONSUME_TIMEOUT", "")])
            .expect("not set")
            .consume,
        Config::defaults().consume
    );
}

#[test]
fn the_file_of_the_user_is_found() {
    let directory = tempfile::tempdir().expect("directory");
    let home = directory.path().to_str().expect("text");
    let file = directory.path().join(".config/framebus/config.toml");
    fs::create_dir_all(file.parent().expect("a directory")).expect("directory");
    fs::write(&file, "bus = \"mine\"").expect("file");
    let bus = |variables: &[(&str, &str)]| load(None, variables).expect("config").bus;
    assert_eq!(bus(&[("HOME", home)]).as_deref(), Some("mine"));
    assert_eq!(
        bus(&[("HOME", home), ("XDG_CONFIG_HOME", "relative")]).as_deref(),
        Some("mine")
    );
    let elsewhere = directory.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().expect("text");
    for variables in [
        [("HOME", "/dev/null"), ("A", "")],
        [("HOME", home), ("XDG_CONFIG_HOME", elsewhere)],
    ] {
        assert_eq!(bus(&variables), Config::defaults().bus);
    }
    assert_eq!(
        bus(&[("XDG_CONFIG_HOME", &format!("{home}/.config"))]).as_deref(),
        Some("mine")
    );
}

#[test]
fn the_file_of_the_user_wins_over_the_one_of_the_machine() {
    let directory = tempfile::tempdir().expect("directory");
    let system = directory.path().join("framebus.toml");
    let user = directory.path().join("framebus/config.toml");
    fs::create_dir(user.parent().expect("a directory")).expect("directory");
    fs::write(&system, "bus = \"all\"\n[top]\ninterval = \"3s\"").expect("file");
    fs::write(&user, "bus = \"mine\"").expect("file");
    let config = Config::load_with(None, &system, &|name| {
        (name == "XDG_CONFIG_HOME").then(|| directory.path().into())
    });
    let config = config.expect("config");
    assert_eq!(
        (config.bus.as_deref(), config.top.interval),
        (Some("mine"), Some(Duration::from_secs(3)))
    );
}

#[test]
fn a_file_that_is_asked_for_must_be_there() {
    let error = load(Some(Path::new("/nonexistent/a.toml")), &[]).expect_err("missing");
    assert!(
        error
            .to_string()
            .starts_with("cannot read the configuration /nonexistent/a.toml: "),
        "{error}"
    );
}

#[test]
fn what_is_impossible_together_is_named_with_its_file_line_and_key() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.toml");
    let file = |text: &str, variables: &[(&str, &str)]| {
        fs::write(&path, text).expect("file");
        let loaded = load(Some(&path), variables).map_err(|error| error.to_string());
        loaded.map_err(|error| error.replace(&path.display().to_string(), "a.toml"))
    };
    let refused = [
        (
            "[produce]\nhistory = 250\nconsumers = 10",
            "a.toml line 2: produce.history: 10 consumers and a history of 250 need 262 slots, at most 254 are possible",
        ),
        (
            "[produce]\nhistory = 10\n[bus.a]\nconsumers = 250\n",
            "a.toml line 4: bus.a.consumers: 250 consumers and a history of 10 need 262 slots, at most 254 are possible",
        ),
        (
            "[bus.a]\nsource = \"0\"\n[bus.b]\nsource = \"1\"\n[bus.c]\nsource = \"/dev/video0\"",
            "a.toml line 6: bus.c.source: bus a has the same camera (a.toml line 2: bus.a.source)",
        ),
        (
            "[bus.a]\nsource = \"run.y4m\"\nsize = \"640x480\"",
            "a.toml line 3: bus.a.size: the source is a recording, which has a size of its own",
        ),
    ];
    for (text, message) in refused {
        assert_eq!(file(text, &[]), Err(message.to_owned()), "{text}");
    }
    let variable = [("FRAMEBUS_PRODUCE_HISTORY", "250")];
    assert_eq!(
        file("[produce]\nconsumers = 10", &variable),
        Err(
            "FRAMEBUS_PRODUCE_HISTORY: 10 consumers and a history of 250 need 262 slots, at most 254 are possible"
                .to_owned()
        )
    );
    let right = [
        "[produce]\nhistory = 251\n[top.findings]\ngone_after = \"1s\"",
        "[produce]\nsize = \"64x48\"\n[bus.a]\nsource = \"run.y4m\"",
        "[bus.a]\nsource = \"a.mp4\"\n[bus.b]\nsource = \"a.mp4\"",
        "[produce]\nconsumers = 250\n[bus.a]\nhistory = 50\nconsumers = 4",
    ];
    for text in right {
        assert!(file(text, &[]).is_ok(), "{text}");
    }
    let same = "[bus.a]\nsource = \"0\"\n[bus.b]\nsource = \"1\"";
    assert!(file(same, &[("FRAMEBUS_PRODUCE_SOURCE", "0")]).is_ok());
}
