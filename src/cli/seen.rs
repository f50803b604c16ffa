//! One sentence on what was seen of a bus, for those who succeed without a word.

use std::io::IsTerminal;

use framebus::observe::{ConsumerState, Snapshot};

/// Says it on standard error to a person: on a terminal, or with -v. A script hears nothing.
pub(super) fn say(sentence: &str) {
    if std::io::stdout().is_terminal() {
        tracing::info!("{sentence}");
    } else {
        tracing::debug!("{sentence}");
    }
}

/// Sums a snapshot up: `25.0 fps, age 20 ms, 3 consumers, 1 slow`.
pub(super) fn seen(snapshot: &Snapshot) -> String {
    let producer = snapshot.producer.as_ref();
    let mut parts = Vec::new();
    if let Some(fps) = producer.and_then(|producer| producer.fps) {
        parts.push(format!("{fps:.1} fps"));
    }
    parts.push(match producer.and_then(|producer| producer.age_ms) {
        Some(age) => format!("age {}", show_millis(age)),
        None => "no frame yet".to_owned(),
    });
    let count = |wanted: ConsumerState| {
        let states = snapshot.consumers.iter().map(|consumer| consumer.state);
        states.filter(|state| *state == wanted).count()
    };
    let live = snapshot.consumers.len() - count(ConsumerState::Gone);
    parts.push(match live {
        1 => "1 consumer".to_owned(),
        many => format!("{many} consumers"),
    });
    for (word, state) in [
        ("slow", ConsumerState::Slow),
        ("stuck", ConsumerState::Stuck),
        ("idle", ConsumerState::Idle),
        ("gone", ConsumerState::Gone),
    ] {
        let those = count(state);
        if those > 0 {
            parts.push(format!("{those} {word}"));
        }
    }
    parts.join(", ")
}

/// Writes how old something is: `20 ms`, `3.4 s`.
pub(super) fn show_millis(ms: f64) -> String {
    if ms < 1000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1000.0)
    }
}
