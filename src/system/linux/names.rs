//! Names of files, groups and the machine.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// The file with the groups.
const GROUPS: &str = "/etc/group";

/// The settings for all users of a machine.
pub(crate) fn machine_settings() -> PathBuf {
    "/etc/framebus.toml".into()
}

/// The settings of this user, as the XDG base directory specification has it.
pub(crate) fn user_settings(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let directory =
        absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(directory.join("framebus/config.toml"))
}

/// The text of the file with the groups, as `group(5)` has it, and its name.
pub(crate) fn groups() -> Result<(String, &'static str), String> {
    let groups = fs::read_to_string(GROUPS);
    groups
        .map(|groups| (groups, GROUPS))
        .map_err(|error| format!("cannot be looked up in {GROUPS}: {error}"))
}

/// What this machine calls itself.
pub(crate) fn host_name() -> String {
    let system = rustix::system::uname();
    system.nodename().to_string_lossy().into_owned()
}

/// Asks for a buffer of this size behind a socket.
pub(crate) fn set_send_buffer(socket: impl AsFd, bytes: usize) {
    // The system's own choice is as good, only older.
    let _ = rustix::net::sockopt::set_socket_send_buffer_size(socket, bytes);
}

/// The command line as it is written.
pub(crate) fn adapt(command: clap::Command) -> clap::Command {
    command
}
