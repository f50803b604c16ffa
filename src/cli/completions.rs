//! `framebus completions`: completions for a shell.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, print};

/// Print completions for a shell
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

const AFTER_HELP: &str = "\
Examples:
  framebus completions bash > ~/.local/share/bash-completion/completions/framebus
  framebus completions zsh > ~/.zfunc/_framebus
  framebus completions fish > ~/.config/fish/completions/framebus.fish";

/// Prints them.
///
/// # Errors
/// Fails when standard output does.
pub fn main(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "framebus", &mut script);
    print(&String::from_utf8(script)?)?;
    Ok(ExitCode::SUCCESS)
}
