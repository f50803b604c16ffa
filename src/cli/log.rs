//! The flags of what goes to standard error.

use clap::{ArgAction, Args, ValueEnum};

use framebus_tools::log::{LogFormat, Logging};

/// How much is logged, and how.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Logging")]
pub struct LogArgs {
    /// Log more (-vv: everything)
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Print only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Format of the log on stderr
    #[arg(long, value_enum, default_value_t, global = true)]
    pub log_format: Lines,
}

/// Format of the log on stderr.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Lines {
    /// Plain text
    #[default]
    Text,
    /// One JSON object per line, with level, message and time
    Json,
}

impl LogArgs {
    /// What they say.
    #[must_use]
    pub fn logging(&self) -> Logging {
        Logging {
            quiet: self.quiet,
            verbose: self.verbose,
            format: match self.log_format {
                Lines::Text => LogFormat::Text,
                Lines::Json => LogFormat::Json,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use tracing::Level;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        log: LogArgs,
    }

    fn level(arguments: &[&str]) -> Level {
        let arguments = ["framebus"].iter().chain(arguments);
        let program = Program::try_parse_from(arguments).expect("arguments");
        program.log.logging().level()
    }

    #[test]
    fn flags_say_how_much_is_logged() {
        assert_eq!(level(&[]), Level::INFO);
        assert_eq!(level(&["-v"]), Level::DEBUG);
        assert_eq!(level(&["-vv"]), Level::TRACE);
        assert_eq!(level(&["-q"]), Level::ERROR);
        assert!(Program::try_parse_from(["framebus", "-q", "-v"]).is_err());
    }
}
