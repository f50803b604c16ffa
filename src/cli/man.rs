//! `framebus man`: the manual, one page per verb.

mod sections;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Command, CommandFactory};

use super::{Cli, print};

/// Print a page of the manual, or write all pages
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ManArgs {
    /// The verb whose page is printed [default: framebus itself]
    pub verb: Option<String>,
    /// Write framebus.1 and one page per verb into this directory
    #[arg(long, value_name = "DIR", conflicts_with = "verb")]
    pub dir: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  framebus man consume | man -l -
  framebus man --dir /usr/local/share/man/man1";

/// Prints a page, or writes all of them.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    if let Some(directory) = &args.dir {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        write(directory, "framebus", command.clone())?;
        for verb in command.get_subcommands() {
            let name = format!("framebus-{}", verb.get_name());
            write(directory, &name, verb.clone())?;
            let inner = verb.get_subcommands();
            for inner in inner.filter(|inner| inner.get_name() != "help") {
                let name = format!("{name}-{}", inner.get_name());
                write(directory, &name, inner.clone())?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (name, page) = match &args.verb {
        None => ("framebus".to_owned(), command),
        Some(verb) => {
            let found = command.find_subcommand(verb).cloned();
            let found = found
                .with_context(|| format!("framebus has no verb {verb}: see framebus --help"))?;
            (format!("framebus-{verb}"), found)
        }
    };
    print(&String::from_utf8(render(&name, page)?)?)?;
    Ok(ExitCode::SUCCESS)
}

fn write(directory: &std::path::Path, name: &str, command: Command) -> anyhow::Result<()> {
    let path = directory.join(format!("{name}.1"));
    fs::write(&path, render(name, command)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

fn render(name: &str, command: Command) -> anyhow::Result<Vec<u8>> {
    // The page of a verb is named framebus-VERB, and its synopsis reads as it is typed.
    let typed = name.replace('-', " ");
    let title: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let words = command.get_after_help().map(ToString::to_string);
    let is_verb = name != "framebus";
    let command = command
        .version(env!("CARGO_PKG_VERSION"))
        // The flag is of framebus alone.
        .disable_version_flag(is_verb)
        .display_name(title)
        .bin_name(typed);
    let has_verbs = command.has_subcommands();
    let man = clap_mangen::Man::new(command).title(title);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend(sections::after_help(&words.unwrap_or_default()).into_bytes());
    page.extend(sections::common(is_verb).into_bytes());
    Ok(page)
}
