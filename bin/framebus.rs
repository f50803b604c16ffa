//! The `framebus` command: parse, dispatch, exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    framebus_cli::cli::main()
}
