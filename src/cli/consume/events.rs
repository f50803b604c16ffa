//! Recordings around events, and frames that differ from the last one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;

use super::super::units::{is_decimal, parse_duration};
use super::{ConsumeArgs, commands};
use crate::sink::{self, Change, ChangeSink, Events, Kind, PreSink, Sink};
use crate::system::on_trigger;
use framebus::stop::Stop;

const HEADING: &str = "Events";

/// What is written when.
#[derive(Debug, Clone, Args)]
pub struct EventArgs {
    /// With --output: keep the last TIME of frames in memory. SIGUSR1, or the line `record` on stdin, starts the recording
    /// with these frames; the line `stop` ends it. %03d in the name of a video is the number of the event
    #[arg(long, value_name = "TIME", requires = "output", value_parser = parse_duration, help_heading = HEADING)]
    pub pre: Option<Duration>,
    /// With --pre: stop this long after the last trigger [default: keep recording]
    #[arg(long, value_name = "TIME", requires = "pre", value_parser = parse_duration, help_heading = HEADING)]
    pub post: Option<Duration>,
    /// With --pre and --post: wait for the next event after each one. Its file is the first number that is not there yet
    #[arg(long, requires = "post", help_heading = HEADING)]
    pub repeat: bool,
    /// With --pre: start a recording when this part of the picture has changed. Without: write only frames that have changed
    ///
    /// A frame is compared with the last one that had changed, in 64x48 cells (fewer in a smaller picture). A cell has changed when
    /// its mean gray differs by 12 of 255 or more, so that noise and slow changes of the light do not count. Also for --json,
    /// --exec and --seed; --count then counts the frames that have changed.
    #[arg(long, value_name = "PERCENT", value_parser = parse_share, help_heading = HEADING)]
    pub on_change: Option<f64>,
}

impl EventArgs {
    /// Refuses flags that would mean nothing.
    pub(super) fn check(&self, args: &ConsumeArgs) -> anyhow::Result<()> {
        if self.pre.is_some() && args.output.is_none() {
            anyhow::bail!("--pre says how --output is written: use it with that");
        }
        let writes =
            args.output.is_some() || args.json || args.exec.is_some() || args.seed.seed.is_some();
        if self.on_change.is_some() && !writes {
            anyhow::bail!(
                "--on-change says which frames are written: use it with --output, --json, --exec or --seed"
            );
        }
        Ok(())
    }

    /// Whether frames without a change are left out.
    pub(super) fn is_filter(&self) -> bool {
        self.on_change.is_some() && self.pre.is_none()
    }

    /// Opens what frames are written to.
    pub(super) fn open(
        &self,
        kind: Kind,
        count: Option<u64>,
        stop: &Stop,
    ) -> anyhow::Result<Box<dyn Sink + Send>> {
        let change = self.on_change.map(Change::new);
        if let Some(pre) = self.pre {
            let events = Events {
                pre,
                post: self.post,
                repeat: self.repeat,
                change,
            };
            let trigger = trigger(stop)?;
            return Ok(Box::new(PreSink::new(kind, events, trigger, stop)?));
        }
        let sink = sink::open(&kind, stop)?;
        Ok(match change {
            Some(change) => Box::new(ChangeSink::new(change, sink, count)),
            None => sink,
        })
    }
}

/// What SIGUSR1 sets, and a command on standard input.
fn trigger(stop: &Stop) -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    on_trigger(&flag)?;
    commands::listen(Arc::clone(&flag), stop)?;
    Ok(flag)
}

/// Reads a part of a whole: `2%`, `0.5%`.
fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').filter(|number| is_decimal(number));
    let percent = number.and_then(|number| number.parse::<f64>().ok());
    percent
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "is not a percentage above 0 up to 100, such as 2%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_percentage() {
        assert_eq!(parse_share("2%"), Ok(0.02));
        assert_eq!(parse_share("100%"), Ok(1.0));
        for text in ["2", "0%", "101%", "%", "-1%", "NaN%", "2 %"] {
            parse_share(text).expect_err(text);
        }
    }
}
