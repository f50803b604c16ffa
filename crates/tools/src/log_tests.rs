use std::sync::{Arc, Mutex};

use anyhow::anyhow;

use super::*;
use crate::sink::SinkError;

/// Logs three events in that style and returns the lines.
fn logged(format: LogFormat) -> String {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("lock").write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .event_format(Style {
            format,
            times: false,
        })
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("publishing {} on bus {}", "640x480", "cam0");
        tracing::warn!(consumer = 2, pid = 4415_u64, "a consumer has gone");
        tracing::debug!("not shown");
        tracing::error!(cause = "it is \"full\"", "cannot go on");
    });
    let bytes = lines.0.lock().expect("lock").clone();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn lines_of_text_are_sentences() {
    insta::assert_snapshot!(logged(LogFormat::Text), @r#"
    framebus: publishing 640x480 on bus cam0
    framebus: warning: a consumer has gone (consumer 2, pid 4415)
    framebus: cannot go on (cause it is "full")
    "#);
}

#[test]
fn lines_of_json_have_level_message_and_time() {
    let text = logged(LogFormat::Json);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[1]["time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{text}"
    );
    assert_eq!(lines[1]["level"], "warning");
    assert_eq!(lines[1]["message"], "a consumer has gone");
    assert_eq!(lines[1]["pid"], 4415);
    assert_eq!(lines[2]["level"], "error");
}

#[test]
fn a_sentence_tells_each_cause_once() {
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    let sink = SinkError::Write {
        target: "a.y4m".to_owned(),
        source: full(),
    };
    let error = anyhow::Error::from(sink).context("consumer 2 of bus cam0 has ended");
    assert_eq!(
        sentence(error.as_ref()),
        "consumer 2 of bus cam0 has ended: cannot write a.y4m: no storage space"
    );
    let lines = anyhow!("first\n  second\n");
    assert_eq!(sentence(lines.as_ref()), "first second");
}
