//! `framebus config explain`: the settings, and where each value comes from.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::config::{Explained, explain};
use super::print;
use framebus::observe::SCHEMA;

/// Look at the configuration
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ConfigArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Print every setting and where its value comes from
    #[command(after_help = AFTER_HELP)]
    Explain {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const AFTER_HELP: &str = "\
Later ones win: defaults, /etc/framebus.toml, ~/.config/framebus/config.toml, the environment, flags.

Examples:
  framebus config explain
  framebus config explain --json | jq -r '.settings[] | .key + \" \" + .origin'";

#[derive(serde::Serialize)]
struct Report {
    schema: u32,
    settings: Vec<Explained>,
}

/// Prints the settings.
///
/// # Errors
/// Fails when the configuration has an error, and when standard output does.
pub fn main(args: &ConfigArgs, explicit: Option<&Path>) -> anyhow::Result<ExitCode> {
    let settings = explain(explicit)?;
    let What::Explain { json } = args.what;
    if json {
        let schema = SCHEMA;
        let text = serde_json::to_string(&Report { schema, settings })?;
        print(&format!("{text}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let shown = |explained: &Explained| explained.value.clone().unwrap_or_else(|| "-".to_owned());
    let keys = settings
        .iter()
        .map(|explained| explained.key.len())
        .max()
        .unwrap_or(0);
    let values = settings
        .iter()
        .map(|explained| shown(explained).chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for explained in &settings {
        let (key, value, origin) = (&explained.key, shown(explained), &explained.origin);
        text.push_str(&format!("{key:<keys$}  {value:<values$}  {origin}\n"));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
