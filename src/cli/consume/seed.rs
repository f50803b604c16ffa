//! Frames for the published sample's own programs.

use clap::Args;

use framebus::seed::{MAX_PROGRAMS, SeedOptions};

const HEADING: &str = "What to do with frames (one of)";
/// Of the longest name, `PREFIXSharedMemory`, systems take 255 bytes; nobody reads as many.
const MAX_PREFIX: usize = 64;

/// For which programs.
#[derive(Debug, Clone, Args)]
pub struct SeedArgs {
    /// Share frames with N unmodified programs of the published sample (seed): the mapping SharedMemory, the mutex ARMutex, and
    /// a trigger in pipe0 to pipe<N-1>; with --json or statistics
    ///
    /// The colour image is that of a bus with --color, else the gray one. Programs may come and go; what a dead one leaves is taken
    /// back. On Linux the mapping is /dev/shm/SharedMemory, the mutex an flock on /tmp/ARMutex.lock, a pipe the FIFO /tmp/pipe0.
    /// The bytes are in docs/layout.md. Frames of another size end it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_PROGRAMS)), conflicts_with_all = ["output", "exec", "show"], help_heading = HEADING)]
    pub seed: Option<u8>,
    /// With --seed: what stands before these names, for a second camera of a machine [default: nothing]
    #[arg(long, value_name = "TEXT", requires = "seed", value_parser = parse_prefix, help_heading = HEADING)]
    pub seed_prefix: Option<String>,
}

impl SeedArgs {
    /// What is shared, if it is asked for.
    pub(super) fn options(&self) -> Option<SeedOptions> {
        Some(SeedOptions {
            programs: self.seed?,
            prefix: self.seed_prefix.clone().unwrap_or_default(),
        })
    }
}

fn parse_prefix(text: &str) -> Result<String, String> {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if text.is_empty() || text.len() > MAX_PREFIX || !text.chars().all(fits) {
        return Err(format!("give 1 to {MAX_PREFIX} letters, digits, - and _"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_part_of_a_file_name() {
        assert_eq!(parse_prefix("door-2_"), Ok("door-2_".to_owned()));
        for text in ["", "a/b", "..", "a b", "\\\\.\\pipe\\", &"a".repeat(65)] {
            parse_prefix(text).expect_err(text);
        }
    }
}
