//! What goes to standard error: log lines, and the one sentence that a failure ends with.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use framebus::redact::without_secrets;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::stderr::Stderr;

/// What [`Logging::init`] has set, for [`error`].
static SET: OnceLock<(Logging, Style)> = OnceLock::new();

/// How much is logged, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// Only errors.
    pub quiet: bool,
    /// How much more than usual.
    pub verbose: u8,
    /// How lines look.
    pub format: LogFormat,
}

/// How lines on standard error look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Sentences.
    #[default]
    Text,
    /// A JSON object a line, with level, message and time.
    Json,
}

impl Logging {
    /// What the program was told, or the defaults before that.
    #[must_use]
    pub fn of_program() -> Logging {
        SET.get()
            .map_or_else(Logging::default, |(logging, _)| *logging)
    }

    /// Returns the least important level that is shown.
    #[must_use]
    pub fn level(self) -> Level {
        match (self.quiet, self.verbose) {
            (true, _) => Level::ERROR,
            (false, 0) => Level::INFO,
            (false, 1) => Level::DEBUG,
            (false, _) => Level::TRACE,
        }
    }

    /// Sends what the program logs to standard error. A second call changes nothing.
    pub fn init(self) {
        let (_, style) = *SET.get_or_init(|| (self, Style::of_stderr(self.format)));
        // It fails when a subscriber is set already, which is then the one to keep.
        let _ = tracing_subscriber::fmt()
            .with_max_level(self.level())
            .with_writer(|| Stderr)
            .event_format(style)
            .try_init();
    }
}

/// Writes what a program ends with: one sentence with the chain of causes.
pub fn error(error: &(dyn Error + 'static)) {
    write(Level::ERROR, &sentence(error));
}

/// Writes what somebody has asked for, whatever the level is.
pub(crate) fn say(message: &str) {
    write(Level::INFO, message);
}

fn write(level: Level, message: &str) {
    let style = SET
        .get()
        .map_or_else(|| Style::of_stderr(LogFormat::Text), |(_, style)| *style);
    let mut line = String::new();
    if style
        .write_line(&mut line, level, message, &Map::new())
        .is_ok()
    {
        let _ = Stderr.write_all(line.as_bytes());
    }
}

/// Whether a verb's own lines on standard error may stand beside the log as they are: not where it is JSON, or wants errors alone.
#[must_use]
pub fn has_plain_lines() -> bool {
    is_text() && tracing::enabled!(Level::INFO)
}

/// Whether lines are sentences, and not JSON.
pub(crate) fn is_text() -> bool {
    Logging::of_program().format == LogFormat::Text
}

/// Renders an error's sentence for a handler that cannot format anything when its moment comes: the line that [`error`]
/// would write, without the time.
#[must_use]
pub fn without_time(message: &str) -> String {
    let message = without_secrets(message);
    match Logging::of_program().format {
        LogFormat::Text => format!("framebus: {message}\n"),
        LogFormat::Json => {
            let level = json_level(Level::ERROR);
            format!(
                "{}\n",
                serde_json::json!({ "level": level, "message": message })
            )
        }
    }
}

/// Joins an error and its causes with `: ` into one line. A cause that the text before it already tells is left out.
#[must_use]
pub fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let words = cause.to_string();
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        if !text.contains(&words) {
            let joint = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{joint}{words}");
        }
        next = cause.source();
    }
    text
}

/// How a line is written.
#[derive(Debug, Clone, Copy)]
struct Style {
    format: LogFormat,
    /// Whether lines of text begin with the time: not on a terminal, and not where the journal has its own.
    times: bool,
}

impl Style {
    fn of_stderr(format: LogFormat) -> Style {
        let journal = std::env::var_os("JOURNAL_STREAM").is_some();
        Style {
            format,
            times: !journal && !io::stderr().is_terminal(),
        }
    }

    fn write_line(
        self,
        out: &mut impl fmt::Write,
        level: Level,
        message: &str,
        fields: &Map<String, Value>,
    ) -> fmt::Result {
        // Whoever wrote the sentence may not have known that a source has a password in it.
        let message = without_secrets(message);
        match self.format {
            LogFormat::Text => {
                if self.times {
                    write!(out, "{} ", now()?)?;
                }
                write!(out, "framebus: {}{message}", text_level(level))?;
                for (position, (name, value)) in fields.iter().enumerate() {
                    let before = if position == 0 { " (" } else { ", " };
                    match value {
                        Value::String(text) => {
                            write!(out, "{before}{name} {}", without_secrets(text))?;
                        }
                        other => write!(out, "{before}{name} {other}")?,
                    }
                }
                if !fields.is_empty() {
                    out.write_char(')')?;
                }
                out.write_char('\n')
            }
            LogFormat::Json => {
                let mut line = Map::new();
                line.insert("time".into(), now()?.into());
                line.insert("level".into(), json_level(level).into());
                line.insert("message".into(), message.as_ref().into());
                for (name, value) in fields {
                    let value = match value {
                        Value::String(text) => without_secrets(text).into(),
                        other => other.clone(),
                    };
                    line.entry(name).or_insert(value);
                }
                writeln!(out, "{}", Value::Object(line))
            }
        }
    }
}

impl<S, N> FormatEvent<S, N> for Style
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // What libraries say of themselves is for who asks for everything.
        let is_own = event.metadata().target().starts_with("framebus");
        if !is_own && Logging::of_program().verbose < 2 {
            return Ok(());
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.write_line(
            &mut writer,
            *event.metadata().level(),
            &fields.message,
            &fields.others,
        )
    }
}

/// What an event carries.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => _ = self.others.insert(name.to_owned(), value),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.insert(field, sentence(value).into());
    }
}

/// Returns the time in RFC 3339, UTC.
fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(time)
}

/// What stands before a sentence: nothing for what is expected, and for errors, which end the program anyway.
fn text_level(level: Level) -> &'static str {
    match level {
        Level::ERROR | Level::INFO => "",
        Level::WARN => "warning: ",
        Level::DEBUG => "debug: ",
        Level::TRACE => "trace: ",
    }
}

fn json_level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
