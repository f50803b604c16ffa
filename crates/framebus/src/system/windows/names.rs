//! The names by which others find a bus: a small file that says which mapping it has, and its named pipes.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::layout::BusName;
use crate::system::kinds::Permissions;
use crate::system::runtime_error::RuntimeDirError;

/// The directory under which framebus keeps what is this user's: `$FRAMEBUS_RUNTIME_DIR`, else `%LOCALAPPDATA%`, else the one
/// for temporary files.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    set("FRAMEBUS_RUNTIME_DIR")
        .or_else(|| set("LOCALAPPDATA"))
        .unwrap_or_else(env::temp_dir)
}

fn set(name: &str) -> Option<PathBuf> {
    let value = env::var_os(name).filter(|value| !value.is_empty());
    value.map(PathBuf::from)
}

/// Where the files of this user's buses are.
pub(super) fn own_dir() -> PathBuf {
    runtime_dir().join("framebus")
}

/// Where the files of buses are that other users may use; the same as [`own_dir`] where somebody has named a directory.
pub(super) fn shared_dir() -> PathBuf {
    let named = set("FRAMEBUS_RUNTIME_DIR").or_else(|| set("ProgramData"));
    named.map_or_else(own_dir, |directory| directory.join("framebus"))
}

/// The start of the names of a bus's pipes, which are in no directory: `\\.\pipe\framebus.<bus>`.
#[must_use]
pub fn pipes_dir(_runtime_dir: &Path, bus: &BusName) -> PathBuf {
    PathBuf::from(format!("\\\\.\\pipe\\framebus.{bus}"))
}

/// The named pipe of a consumer index.
#[must_use]
pub fn pipe_path(pipes_dir: &Path, index: u8) -> PathBuf {
    let mut name = pipes_dir.as_os_str().to_owned();
    name.push(format!(".{index}"));
    PathBuf::from(name)
}

/// Where the pipes of a bus are, and the directory of its files.
#[derive(Debug)]
pub(crate) struct PipesDir {
    path: PathBuf,
}

impl PipesDir {
    /// Makes the directory of the files.
    pub(crate) fn create(
        bus: &BusName,
        permissions: Permissions,
    ) -> Result<PipesDir, RuntimeDirError> {
        let directory = dir_for(permissions);
        make(&directory).map_err(|source| RuntimeDirError::System {
            path: directory.display().to_string(),
            source,
        })?;
        Ok(PipesDir {
            path: pipes_dir(&runtime_dir(), bus),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the names are still this one's: nobody can take them.
    pub(crate) fn has_its_name(&self) -> bool {
        true
    }

    /// Leaves what has the name now to whoever made that.
    pub(crate) fn disown(self) {}
}

/// Where the files of a bus are that is to be made.
pub(super) fn dir_for(permissions: Permissions) -> PathBuf {
    if permissions.mode & 0o077 == 0 {
        own_dir()
    } else {
        shared_dir()
    }
}

pub(super) fn make(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)
}

/// Named pipes that are left of a bus: there are none, as they end with their process.
#[derive(Debug)]
pub(crate) struct Place {
    never: Infallible,
}

impl Place {
    pub(crate) fn own(_bus: &BusName) -> Option<Place> {
        None
    }

    pub(crate) fn all(_bus: &BusName, _named: Option<&Path>) -> Vec<Place> {
        Vec::new()
    }

    pub(crate) fn answers(&self) -> bool {
        match self.never {}
    }

    pub(crate) fn paths(&self) -> std::iter::Empty<PathBuf> {
        match self.never {}
    }

    pub(crate) fn clear(&self, _bus: &BusName) -> io::Result<()> {
        match self.never {}
    }
}

/// The buses that there is a file of.
pub(crate) fn traces() -> Vec<BusName> {
    let all: BTreeSet<BusName> = [own_dir(), shared_dir()]
        .iter()
        .flat_map(|directory| names(directory, ".bus"))
        .collect();
    all.into_iter().collect()
}

/// The buses that have a file with this ending in a directory.
pub(super) fn names(directory: &Path, ending: &str) -> Vec<BusName> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let buses = names.filter_map(|name| name.strip_suffix(ending)?.parse().ok());
    buses.collect()
}
