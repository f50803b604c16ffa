//! Several buses at once: which of them is in trouble.

use rustix::process::Signal;

use crate::harness::{Place, until};

#[test]
fn ls_and_check_all_name_the_bus_in_trouble_and_say_what_they_saw() {
    let place = Place::new();
    let _producer = place.produce(&[]);
    let consumer = place.start(&["consume", "--name", "hangs", "--work", "1ms"]);
    until("the consumer takes frames", || {
        let snapshot = place.run(&["top", "--once", "--json"]).json();
        snapshot["consumers"][0]["taken"].as_u64() > Some(0)
    });
    let limit = ["check", "--all", "--for", "100ms", "--max-held", "500ms"];
    // Other tests have buses too: what is said of this one counts.
    let lines = |text: &str| -> Vec<String> {
        let own = |line: &&str| line.contains(&place.bus);
        text.lines().filter(own).map(str::to_owned).collect()
    };
    let healthy = place.run(&[&limit[..], &["-v"]].concat());
    assert!(lines(&healthy.text()).is_empty(), "{}", healthy.text());
    let said = lines(&healthy.stderr).join("\n");
    assert!(
        said.contains(" is healthy: ") && said.contains(", 1 consumer"),
        "{said}"
    );
    let waited = place.run(&["wait", "-v"]).is(0);
    assert!(waited.stderr.contains(" runs, "), "{}", waited.stderr);
    assert_eq!(place.run(&["wait"]).is(0).stderr, "");

    consumer.signal(Signal::STOP);
    until("the consumer is found", || {
        let found = lines(&place.run(&limit).text());
        found == [found.first().cloned().unwrap_or_default()]
            && found[0].starts_with(&format!("{}: stuck-consumer: 0 hangs", place.bus))
    });
    let json = place.run(&[&limit[..], &["--json"]].concat());
    let own: Vec<serde_json::Value> = lines(&json.text())
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(own[0]["findings"][0]["kind"], "stuck-consumer");
    until("ls marks it", || {
        let listing = place.run(&["ls", "--json"]).is(0).json();
        let rows = listing["buses"].as_array().expect("buses").clone();
        let row = rows.iter().find(|row| row["bus"] == place.bus.as_str());
        row.is_some_and(|row| row["findings"][0] == "stuck-consumer")
    });
    let table = place.run(&["ls"]).is(0).text();
    assert!(lines(&table)[0].contains("stuck-consumer"), "{table}");
    place.run(&["check", "--all", "--bus", "x"]).is(2);
}

#[test]
fn check_fails_on_a_slow_consumer_when_asked_to_and_says_why_it_is_slow() {
    let place = Place::new();
    let _producer = place.produce(&[]);
    let _waits = place.start(&["consume", "--name", "waits", "--work", "300ms"]);
    let check = |most: &str| {
        place.run(&[
            "check",
            "--for",
            "1s",
            "--max-held",
            "1m",
            "--max-busy",
            most,
        ])
    };
    until("it is found to be slow", || {
        let done = check("100ms");
        let text = done.text();
        done.status.code() == Some(1)
            && text.starts_with("slow-consumer: 0 waits needs ")
            && text.contains(" and waits (")
            && text.contains("at most 100ms")
    });
    assert_eq!(check("1m").is(0).text(), "");
    check("1.5y").is(2);
    assert!(check("0x").is(2).stderr.contains("such as 1.5x"));
}
