//! `framebus completions`: completions for a shell, which ask this program what there is.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;
use clap_complete::engine::{
    ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use clap_complete::env::{CompleteEnv, Shells};

use super::config::Config;
use super::print;
use framebus::bus::{BusName, Observer};
use framebus::observe::{Baseline, ConsumerState, Sampler, Thresholds};

/// Print completions for a shell
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const AFTER_HELP: &str = "\
The script asks framebus at every Tab: for verbs, flags, the buses that run, the consumer indices \
that are free, and cameras.

Examples:
  framebus completions bash > ~/.local/share/bash-completion/completions/framebus
  framebus completions zsh > ~/.zfunc/_framebus
  framebus completions fish > ~/.config/fish/completions/framebus.fish";

/// The variable with which the script asks: whoever sets COMPLETE for another program means nothing by it here.
const VARIABLE: &str = "_FRAMEBUS_COMPLETE";

/// Prints them.
///
/// # Errors
/// Fails when standard output does.
pub fn main(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let shell = args.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell)
        .with_context(|| format!("there are no completions for {shell}"))?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "framebus", "framebus", "framebus", &mut script)?;
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a shell's script and ends, where it is one that asks.
pub(super) fn answer(command: impl Fn() -> Command) {
    CompleteEnv::with_factory(|| with_completers(command()))
        .var(VARIABLE)
        .complete();
}

/// Adds what only this machine knows.
fn with_completers(command: Command) -> Command {
    let verbs: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    command.mut_subcommands(|verb| {
        let name = verb.get_name().to_owned();
        // Those of `bridge` name buses, too.
        let verb = verb.mut_subcommands(|inner| {
            inner.mut_args(|arg| match arg.get_id().as_str() {
                "bus" => arg.add(ArgValueCompleter::new(running)),
                _ => arg,
            })
        });
        verb.mut_args(|arg| match (name.as_str(), arg.get_id().as_str()) {
            ("produce", "bus") => arg.add(ArgValueCompleter::new(configured)),
            (_, "bus") => arg.add(ArgValueCompleter::new(running)),
            ("consume", "index") => arg.add(ArgValueCompleter::new(indices)),
            ("produce", "source") => arg.add(ArgValueCompleter::new(sources)),
            ("man", "verb") => {
                let verbs = verbs.clone();
                arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
                    beginning(
                        typed,
                        verbs.iter().cloned().map(|verb| (verb, String::new())),
                    )
                }))
            }
            _ => arg,
        })
    })
}

/// What begins with what is typed, with a note for shells that show one.
fn beginning(
    typed: &OsStr,
    all: impl IntoIterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    all.into_iter()
        .filter(|(name, _)| name.starts_with(&*typed))
        .map(|(name, note)| {
            let note = (!note.is_empty()).then(|| note.into());
            CompletionCandidate::new(name).help(note)
        })
        .collect()
}

/// The buses that this user can look at.
fn running(typed: &OsStr) -> Vec<CompletionCandidate> {
    let buses = Observer::buses().into_iter();
    beginning(typed, buses.map(|bus| (bus.to_string(), String::new())))
}

/// The buses that the configuration describes.
fn configured(typed: &OsStr) -> Vec<CompletionCandidate> {
    let config = Config::load(None).unwrap_or_default();
    let described = config.buses.into_iter().map(|(name, produce)| {
        let note = produce.source.unwrap_or_default();
        (name, framebus::redact::without_secrets(&note).into_owned())
    });
    beginning(typed, described)
}

/// The indices that are free on the bus of this command line, and `auto`.
fn indices(typed: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<OsString> = std::env::args_os().collect();
    let bus = bus_in(&words)
        .or_else(|| std::env::var("FRAMEBUS_BUS").ok()?.parse().ok())
        .unwrap_or_default();
    let snapshot = Sampler::new(bus, Baseline::Start, Thresholds::default()).glance();
    let attached = |index: u32| {
        let mut consumers = snapshot.consumers.iter();
        consumers.any(|consumer| {
            u32::from(consumer.index) == index && consumer.state != ConsumerState::Gone
        })
    };
    let most = snapshot
        .segment
        .as_ref()
        .map_or(0, |segment| segment.max_consumers);
    let free = (0..most).filter(|index| !attached(*index));
    let free = free.map(|index| (index.to_string(), "free".to_owned()));
    let auto = ("auto".to_owned(), "the first that is free".to_owned());
    beginning(typed, std::iter::once(auto).chain(free))
}

/// The bus that the words of a command line name.
fn bus_in(words: &[OsString]) -> Option<BusName> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    while let Some(word) = words.next() {
        let name = match word {
            "-b" | "--bus" => words.next()?,
            _ => match word.strip_prefix("--bus=") {
                Some(name) => name,
                None => continue,
            },
        };
        return name.parse().ok();
    }
    None
}

/// Cameras, what is no file, and files.
fn sources(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut known = vec![
        ("pattern".to_owned(), "a moving test picture".to_owned()),
        ("-".to_owned(), "standard input".to_owned()),
    ];
    let devices = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut cameras: Vec<String> = devices
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("video"))
        .collect();
    cameras.sort();
    known.extend(cameras.into_iter().map(|name| {
        let note = fs::read_to_string(format!("/sys/class/video4linux/{name}/name"));
        let note = note.unwrap_or_default().trim().to_owned();
        (format!("/dev/{name}"), note)
    }));
    let mut all = beginning(typed, known);
    let there: Vec<OsString> = all
        .iter()
        .map(|found| found.get_value().to_owned())
        .collect();
    let files = PathCompleter::any().complete(typed).into_iter();
    all.extend(files.filter(|file| !there.iter().any(|other| other == file.get_value())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bus_of_a_command_line_is_found() {
        let bus = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            bus_in(&words).map(|bus| bus.to_string())
        };
        assert_eq!(bus("framebus consume -b cam1 -i").as_deref(), Some("cam1"));
        assert_eq!(bus("framebus consume --bus=x -i").as_deref(), Some("x"));
        assert_eq!(bus("framebus consume -i"), None);
        assert_eq!(bus("framebus consume -b"), None);
    }
}
