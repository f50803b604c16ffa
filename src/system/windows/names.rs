//! Names of files, groups and the machine, and what the command line says of itself.

use std::ffi::OsString;
use std::path::PathBuf;

/// Verbs of which Windows has only the name.
const VERBS: [(&str, &str); 3] = [
    ("bridge", "Carry frames to other machines (Linux)"),
    ("cameras", "List the cameras of this machine (Linux)"),
    ("bench", "Measure the overhead of the bus (Linux)"),
];
/// Flags that are for what Windows has not; they say so when they are used.
const FLAGS: [(&str, &[&str]); 4] = [
    (
        "produce",
        &["fourcc", "settings", "backend", "show", "gray"],
    ),
    ("consume", &["show"]),
    ("peek", &["show"]),
    ("top", &["remote", "connect", "discover", "zenoh"]),
];

/// What is captured here.
const SOURCE: &str = "What to capture: `pattern` (a moving test picture), a recording (run.y4m), Motion JPEG or a picture at an http:// or https:// \
URL, or `-` (Y4M or raw video on stdin, such as a camera's: ffmpeg -f dshow -i video=NAME -f yuv4mpegpipe -pix_fmt yuv420p - | \
framebus produce -) [default: pattern]";
/// What a recording begins with here.
const PRE: &str = "With --output: keep the last TIME of frames in memory. The line `record` on stdin starts the recording with these \
frames; the line `stop` ends it. %03d in the name of a video is the number of the event";
/// Examples with these words are not Windows's.
const NOT_HERE: [&str; 6] = [
    "/dev/",
    "produce video",
    "images/",
    "--show",
    "--remote",
    "box1",
];

/// Examples without those of Linux.
fn without_linux(text: &str) -> String {
    let here = |line: &&str| !NOT_HERE.iter().any(|word| line.contains(word));
    let lines: Vec<&str> = text.lines().filter(here).collect();
    lines.join("\n")
}

/// The settings for all users of a machine.
pub(crate) fn machine_settings() -> PathBuf {
    let place = std::env::var_os("ProgramData").map(PathBuf::from);
    place
        .unwrap_or_else(|| "C:\\ProgramData".into())
        .join("framebus\\framebus.toml")
}

/// The settings of this user.
pub(crate) fn user_settings(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let place = variable("APPDATA").map(PathBuf::from);
    let place = place.filter(|path| path.is_absolute())?;
    Some(place.join("framebus\\config.toml"))
}

/// There is no file with groups.
pub(crate) fn groups() -> Result<(String, &'static str), String> {
    Err("is not a group's number: on Windows that is the last number of its SID, such as 545 for Users".to_owned())
}

/// What this machine calls itself.
pub(crate) fn host_name() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

/// The system chooses the buffer behind a socket.
pub(crate) fn set_send_buffer<T>(_socket: T, _bytes: usize) {}

/// The command line without what Windows has not.
pub(crate) fn adapt(command: clap::Command) -> clap::Command {
    let command = command.mut_arg("config", |arg| {
        arg.help(
            "Read this configuration instead of %ProgramData%\\framebus\\framebus.toml and %APPDATA%\\framebus\\config.toml",
        )
    });
    let command = command.mut_subcommand("produce", |verb| {
        verb.mut_arg("source", |arg| arg.help(SOURCE).long_help(SOURCE))
    });
    let command =
        command.mut_subcommand("consume", |verb| verb.mut_arg("pre", |arg| arg.help(PRE)));
    let command = VERBS.iter().fold(command, |command, (verb, about)| {
        command.mut_subcommand(verb, |verb| verb.about(*about).long_about(None::<&str>))
    });
    FLAGS.iter().fold(command, |command, (verb, flags)| {
        command.mut_subcommand(verb, |verb| {
            let examples = verb.get_after_help().map(|text| text.to_string());
            let verb = verb.mut_args(|arg| match flags.contains(&arg.get_id().as_str()) {
                true => arg.hide(true),
                false => arg,
            });
            match examples {
                Some(text) => verb.after_help(without_linux(&text)),
                None => verb,
            }
        })
    })
}
