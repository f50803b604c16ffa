//! Where the named pipes of a bus are, whoever says so, and what there is of buses.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory::{Directory, id_of};
use super::object::{SHM_DIR, list_objects};
use super::process::own_uid;
use super::runtime::runtime_dir;
use crate::layout::BusName;

/// The directory of a bus's named pipes, open, with what it is in.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    runtime: Directory,
    framebus: Directory,
    pipes: Directory,
}

impl Place {
    /// Where this process's environment has the pipes of a bus.
    pub(crate) fn own(bus: &BusName) -> Option<Place> {
        let runtime = runtime_dir();
        Self::below(&runtime, Directory::open(&runtime).ok()?, bus)
    }

    /// Where a segment says that they are. That is anybody's word: only a directory that is this bus's by its name, and that
    /// no link leads to, is looked into.
    fn named(path: &Path, bus: &BusName) -> Option<Place> {
        let runtime = path
            .ends_with(Path::new("framebus").join(bus.as_str()))
            .then(|| path.ancestors().nth(2))??;
        Self::below(runtime, Directory::walk(runtime).ok()?, bus)
    }

    fn below(path: &Path, runtime: Directory, bus: &BusName) -> Option<Place> {
        let framebus = runtime.child("framebus").ok()?;
        let pipes = framebus.child(bus.as_str()).ok()?;
        Some(Place {
            path: path.join("framebus").join(bus.as_str()),
            runtime,
            framebus,
            pipes,
        })
    }

    /// Both places, or the one, that are this user's.
    pub(crate) fn all(bus: &BusName, named: Option<&Path>) -> Vec<Place> {
        let uid = own_uid();
        let named = named.and_then(|path| Place::named(path, bus));
        let mut seen = Vec::new();
        let places = Place::own(bus).into_iter().chain(named);
        places
            .filter(|place| {
                let Ok(metadata) = place.pipes.metadata() else {
                    return false;
                };
                let new = !seen.contains(&id_of(&metadata));
                seen.push(id_of(&metadata));
                new && metadata.uid() == uid
            })
            .collect()
    }

    /// Whether somebody has one of the sockets open.
    pub(crate) fn answers(&self) -> bool {
        let uid = own_uid();
        let pipes = self.pipes.pipes(uid);
        pipes.iter().any(|pipe| self.pipes.answers(pipe))
    }

    /// The named pipes that are there and this user's.
    pub(crate) fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let names = self.pipes.pipes(own_uid()).into_iter();
        names.map(|name| self.path.join(name))
    }

    /// Removes the named pipes that nobody answers behind, the directory, and the one that it is in, where nobody else uses
    /// them.
    pub(crate) fn clear(&self, bus: &BusName) -> io::Result<()> {
        for pipe in self.pipes.pipes(own_uid()) {
            // Looked at once more: the lock does not keep anybody from binding it who has none.
            if !self.pipes.answers(&pipe) {
                self.pipes.remove(&pipe)?;
            }
        }
        if self.framebus.remove_directory(bus.as_str()) {
            self.runtime.remove_directory("framebus");
        }
        Ok(())
    }
}

/// Returns the buses that there is anything of: a segment, a lock's file, or a directory of named pipes.
pub(crate) fn traces() -> Vec<BusName> {
    let names = |directory: &Path| {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
    };
    let locks = names(Path::new(SHM_DIR)).filter_map(|name| {
        let bus = name.strip_prefix("framebus.")?.strip_suffix(".lock")?;
        bus.parse().ok()
    });
    let pipes = names(&runtime_dir().join("framebus")).filter_map(|name| name.parse().ok());
    let all: BTreeSet<BusName> = list_objects()
        .into_iter()
        .chain(locks)
        .chain(pipes)
        .collect();
    all.into_iter().collect()
}
