//! Whether progress is shown, as a flag has it.

use clap::ValueEnum;

use framebus_tools::progress::ShowProgress;

/// When progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, in one line that is rewritten
    #[default]
    Auto,
    /// Also elsewhere, a line a second
    Always,
    /// Not at all
    Never,
}

impl From<When> for ShowProgress {
    fn from(when: When) -> ShowProgress {
        match when {
            When::Auto => ShowProgress::Auto,
            When::Always => ShowProgress::Always,
            When::Never => ShowProgress::Never,
        }
    }
}
