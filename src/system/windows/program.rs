//! Other programs.

use std::os::windows::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// CREATE_NEW_PROCESS_GROUP: Ctrl-C is for the others.
const NEW_GROUP: u32 = 0x200;

/// What a shell ends with when it cannot find the command.
pub(crate) const NOT_RUN: [i32; 1] = [9009];

/// A command as cmd.exe reads it.
pub(crate) fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd.exe");
    // Quoted once more as a whole: /s takes these quotes away and no others.
    shell
        .args(["/d", "/s", "/c"])
        .raw_arg(format!("\"{command}\""));
    shell
}

/// Puts a program where Ctrl-C does not reach it: in a group of its own.
pub(crate) fn apart(command: &mut Command) -> &mut Command {
    command.creation_flags(NEW_GROUP)
}

/// Looks for a program in PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let places = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&places).map(|place| place.join(format!("{name}.exe")));
    all.find(|path| path.is_file())
}
