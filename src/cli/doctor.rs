//! `framebus doctor`: what is wrong with this machine, and the command that mends it.

#[cfg_attr(windows, path = "windows/no_cameras.rs")]
mod cameras;
mod load;
#[cfg_attr(windows, path = "windows/machine.rs")]
mod machine;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::config::Config;
use super::print;
use super::units::parse_size;
use framebus::layout::{Geometry, MAX_CONSUMERS};
use framebus::observe::SCHEMA;
use framebus_tools::exit::EXIT_NO;

/// Check this machine for problems, and suggest fixes
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DoctorArgs {
    /// Frame size that shared memory must have room for [default: the configuration's, else 1920x1080]
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<Geometry>,
    /// Consumers that shared memory must have room for [default: the configuration's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: Option<u8>,
    /// Include a BGR image in every slot
    #[arg(long)]
    pub color: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 no check failed (a WARN is not a failure), 1 a check failed.

Examples:
  framebus doctor
  framebus doctor --size 3840x2160 --consumers 8 --color
  framebus doctor --json | jq -r '.checks[] | select(.result != \"pass\") | .mend'";

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// It will be in somebody's way one day.
    Warn,
    /// framebus does not work like this.
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name: never renamed.
    pub check: &'static str,
    /// How it ended.
    pub result: Verdict,
    /// One sentence with numbers.
    pub text: String,
    /// The command that mends it.
    pub mend: Option<String>,
}

impl Check {
    fn pass(check: &'static str, text: impl Into<String>) -> Check {
        let (result, text, mend) = (Verdict::Pass, text.into(), None);
        Check {
            check,
            result,
            text,
            mend,
        }
    }

    fn warn(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Check {
        let (result, text, mend) = (Verdict::Warn, text.into(), Some(mend.into()));
        Check {
            check,
            result,
            text,
            mend,
        }
    }

    fn fail(check: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Check {
        let result = Verdict::Fail;
        Check {
            result,
            ..Check::warn(check, text, mend)
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    result: Verdict,
    checks: &'a [Check],
}

/// Runs every check.
///
/// # Errors
/// Fails when standard output does.
pub fn main(args: &DoctorArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let mut checks = machine::checks(args, config);
    checks.extend(load::checks());
    checks.extend(cameras::checks(config));
    let worst = checks.iter().map(|check| check.result).max();
    let result = worst.unwrap_or(Verdict::Pass);
    if args.json {
        let schema = SCHEMA;
        let report = Report {
            schema,
            result,
            checks: &checks,
        };
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        print(&checks.iter().map(show).collect::<String>())?;
    }
    Ok(if result == Verdict::Fail {
        ExitCode::from(EXIT_NO)
    } else {
        ExitCode::SUCCESS
    })
}

fn show(check: &Check) -> String {
    let word = match check.result {
        Verdict::Pass => "PASS",
        Verdict::Warn => "WARN",
        Verdict::Fail => "FAIL",
    };
    let mend = check.mend.as_ref();
    let mend = mend.map_or(String::new(), |mend| format!("      {mend}\n"));
    format!("{word}  {}: {}\n{mend}", check.check, check.text)
}
