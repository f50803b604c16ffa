//! Exit codes, and how a program ends.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use framebus::bus::{AttachError, CreateError};
use framebus::source::SourceError;
use framebus::stop::Stop;

use crate::log;
use crate::sink::SinkError;
use crate::system::has_no_reader;

/// The exit code when the answer is no: a check failed, a wait timed out.
pub const EXIT_NO: u8 = 1;
/// The exit code of usage and errors that have no code of their own.
pub const EXIT_ERROR: u8 = 2;
/// The exit code when there is no such bus, or its producer was lost.
pub const EXIT_NO_BUS: u8 = 3;
/// The exit code of what this user may not do.
pub const EXIT_PERMISSION: u8 = 4;
/// The exit code when a segment has another layout version.
pub const EXIT_VERSION: u8 = 5;

/// Ends a program: an error is one sentence on standard error with the chain of causes, and an exit code.
///
/// A reader that has closed its end of a pipe is no failure: silence and 0.
#[must_use]
pub fn end(result: anyhow::Result<ExitCode>) -> ExitCode {
    end_saying(result, |error| error)
}

/// As [`end`], with what `say` makes of the error: it may add to the sentence, and the exit code stays.
#[must_use]
pub fn end_saying(
    result: anyhow::Result<ExitCode>,
    say: impl FnOnce(anyhow::Error) -> anyhow::Error,
) -> ExitCode {
    let error = match result {
        Ok(code) => return code,
        Err(error) => error,
    };
    match code_of(&error) {
        None => ExitCode::SUCCESS,
        Some(code) => {
            log::error(say(error).as_ref());
            ExitCode::from(code)
        }
    }
}

/// The exit code after a request to stop: 128 + the signal's number.
#[must_use]
pub fn stopped(stop: &Stop) -> ExitCode {
    let signal = stop.signal().and_then(|signal| u8::try_from(signal).ok());
    signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(128 + signal))
}

/// The exit code of an error; `None` is a reader that has gone. What the bus says comes before what the system says.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> Option<u8> {
    let of_bus = error.chain().find_map(of_bus);
    of_bus.map_or_else(|| of_system(error), Some)
}

/// The exit code of a bus that cannot be attached to.
#[must_use]
pub fn of_attach(error: &AttachError) -> u8 {
    match error {
        error if error.is_passing() => EXIT_NO_BUS,
        AttachError::Denied { .. } | AttachError::Untrusted { .. } => EXIT_PERMISSION,
        AttachError::Version { .. } => EXIT_VERSION,
        _ => EXIT_ERROR,
    }
}

fn of_bus(cause: &(dyn Error + 'static)) -> Option<u8> {
    let of_create = |error: &CreateError| match error {
        CreateError::Foreign { .. } | CreateError::Group { .. } => EXIT_PERMISSION,
        CreateError::System { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            EXIT_PERMISSION
        }
        CreateError::RuntimeDir(error) if error.is_permission() => EXIT_PERMISSION,
        CreateError::Pipe(error) if error.is_permission() => EXIT_PERMISSION,
        _ => EXIT_ERROR,
    };
    let source = cause.downcast_ref().map(|error: &SourceError| match error {
        SourceError::Permission(_) => EXIT_PERMISSION,
        _ => EXIT_ERROR,
    });
    let attach = cause.downcast_ref().map(of_attach);
    attach
        .or_else(|| cause.downcast_ref().map(of_create))
        .or(source)
}

fn of_system(error: &anyhow::Error) -> Option<u8> {
    let mut code = EXIT_ERROR;
    for cause in error.chain() {
        if matches!(cause.downcast_ref(), Some(SinkError::Closed)) {
            return None;
        }
        if matches!(cause.downcast_ref(), Some(SinkError::Denied(_))) {
            code = EXIT_PERMISSION;
        }
        let error = cause.downcast_ref::<io::Error>();
        match error.map(io::Error::kind) {
            _ if error.is_some_and(has_no_reader) => return None,
            Some(io::ErrorKind::PermissionDenied) => code = EXIT_PERMISSION,
            _ => {}
        }
    }
    Some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let broken =
            Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("cannot write");
        assert_eq!(code_of(&broken.expect_err("broken")), None);
        assert_eq!(code_of(&SinkError::Closed.into()), None);
    }

    #[test]
    fn permission_has_its_own_exit_code() {
        let denied =
            Err::<(), _>(io::Error::from(io::ErrorKind::PermissionDenied)).context("cannot open");
        assert_eq!(code_of(&denied.expect_err("denied")), Some(EXIT_PERMISSION));
        assert_eq!(code_of(&anyhow!("anything else")), Some(EXIT_ERROR));
    }

    #[test]
    fn the_code_of_a_cause_is_found_in_what_a_pump_says() {
        let source = SourceError::Permission("no".to_owned());
        let error = framebus::pump::FeedError::from(source);
        assert_eq!(code_of(&error.into()), Some(EXIT_PERMISSION));
        let gone = AttachError::NoBus {
            bus: "a".parse().expect("a name"),
        };
        let error = framebus::pump::TakeError::<SinkError>::Attach(gone);
        assert_eq!(code_of(&error.into()), Some(EXIT_NO_BUS));
    }
}
