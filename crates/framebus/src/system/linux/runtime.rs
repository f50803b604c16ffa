//! Where the named pipes of a bus are.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::directory::{Directory, id_of};
use super::process::own_uid;
use crate::layout::BusName;
use crate::system::kinds::Permissions;
use crate::system::runtime_error::{MAX_SOCKET_PATH, RuntimeDirError};

/// How often directories are made again that somebody else has removed meanwhile.
const TRIES: u32 = 100;

/// The directory under which framebus keeps its named pipes: `$FRAMEBUS_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR`, else
/// `/tmp/framebus-<uid>`.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    named_runtime_dir().unwrap_or_else(|| PathBuf::from(format!("/tmp/framebus-{}", own_uid())))
}

/// The runtime directory that the environment names. A login's that is not there (any more) does not count.
fn named_runtime_dir() -> Option<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("FRAMEBUS_RUNTIME_DIR").or_else(|| set("XDG_RUNTIME_DIR").filter(|path| path.is_dir()))
}

/// The directory of a bus's named pipes under a runtime directory.
#[must_use]
pub fn pipes_dir(runtime_dir: &Path, bus: &BusName) -> PathBuf {
    runtime_dir.join("framebus").join(bus.as_str())
}

/// The named pipe of a consumer index.
#[must_use]
pub fn pipe_path(pipes_dir: &Path, index: u8) -> PathBuf {
    pipes_dir.join(format!("pipe{index}"))
}

/// The directories of a bus's named pipes, made by its producer; removed, where empty, when dropped.
#[derive(Debug)]
pub(crate) struct PipesDir {
    path: PathBuf,
    id: (u64, u64),
    /// The directories that are removed with it when nobody else uses them.
    parents: Vec<PathBuf>,
}

impl PipesDir {
    /// Makes the directories, with mode bits that let in whoever `mode` lets read.
    ///
    /// # Errors
    /// Fails when they cannot be made, or when what is there is a link or somebody else's.
    pub(crate) fn create(
        bus: &BusName,
        permissions: Permissions,
    ) -> Result<PipesDir, RuntimeDirError> {
        let Permissions { mode, gid } = permissions;
        let runtime = runtime_dir();
        let runtime = if runtime.is_absolute() {
            runtime
        } else {
            env::current_dir().unwrap_or_default().join(runtime)
        };
        let longest = longest_pipe(&runtime, bus);
        if longest > MAX_SOCKET_PATH {
            return Err(RuntimeDirError::TooLong {
                path: runtime.display().to_string(),
                len: longest,
            });
        }
        let named_by_user = named_runtime_dir().is_some();
        let open_mode = 0o700 | (mode & 0o044) >> 2;
        let mut made_runtime = false;
        let mut tries = 0;
        // A producer of another bus may remove the directories, when they are empty, while they are made.
        let (runtime, id) = loop {
            made_runtime |= make_runtime(&runtime)?;
            if !named_by_user {
                check_owner(&runtime)?;
            }
            // Whoever reads the segment goes there without following links: it is called by its real name, if that fits.
            let real = fs::canonicalize(&runtime)
                .ok()
                .filter(|real| longest_pipe(real, bus) <= MAX_SOCKET_PATH)
                .unwrap_or_else(|| runtime.clone());
            match make_both(&real, bus, open_mode, gid) {
                Err(RuntimeDirError::System { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && tries < TRIES =>
                {
                    tries += 1;
                }
                made => break (real, made?),
            }
        };
        let path = pipes_dir(&runtime, bus);
        let mut parents = vec![runtime.join("framebus")];
        if made_runtime || !named_by_user {
            parents.push(runtime);
        }
        Ok(PipesDir { path, id, parents })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the directory that was made still has its name.
    pub(crate) fn has_its_name(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|metadata| id_of(&metadata) == self.id)
    }

    /// Leaves what has the name now to whoever made that.
    pub(crate) fn disown(mut self) {
        self.path = PathBuf::new();
        self.parents.clear();
    }
}

impl Drop for PipesDir {
    fn drop(&mut self) {
        // What somebody else still uses is not empty, and stays.
        for directory in std::iter::once(&self.path).chain(&self.parents) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}

/// Bytes of the longest path of a socket.
fn longest_pipe(runtime: &Path, bus: &BusName) -> usize {
    let longest = pipe_path(&pipes_dir(runtime, bus), u8::MAX);
    longest.as_os_str().len()
}

/// Makes framebus's own directory, and in it the one of a bus, neither of which may be a link or a stranger's. Returns
/// which one the second is.
fn make_both(
    runtime: &Path,
    bus: &BusName,
    mode: u32,
    gid: Option<u32>,
) -> Result<(u64, u64), RuntimeDirError> {
    let own = own_uid();
    let at = Directory::open(runtime).map_err(|source| system(runtime, source))?;
    let around = at.metadata().map_err(|source| system(runtime, source))?;
    let path = runtime.join("framebus");
    let (framebus, made) = enter(&at, &path, "framebus", mode)?;
    let metadata = framebus
        .metadata()
        .map_err(|source| system(&path, source))?;
    // Where only the owner of the runtime directory can have put it, it is that owner's choice, as /run/framebus is.
    if ![own, 0].contains(&metadata.uid()) && others_write(&around) {
        return Err(foreign(&path, &metadata));
    }
    if others_write(&metadata) && metadata.mode() & STICKY == 0 {
        let path = path.display().to_string();
        return Err(RuntimeDirError::Open { path });
    }
    if made {
        let opened = framebus.open_up(mode, gid);
        opened.map_err(|source| system(&path, source))?;
    }
    let path = path.join(bus.as_str());
    let (directory, _) = enter(&framebus, &path, bus.as_str(), mode)?;
    let metadata = directory
        .metadata()
        .map_err(|source| system(&path, source))?;
    if metadata.uid() != own {
        return Err(foreign(&path, &metadata));
    }
    let opened = directory.open_up(mode, gid);
    opened.map_err(|source| system(&path, source))?;
    Ok(id_of(&metadata))
}

const STICKY: u32 = 0o1000;

/// Whether others than its owner may put something into a directory.
fn others_write(metadata: &fs::Metadata) -> bool {
    metadata.mode() & 0o022 != 0
}

/// Opens a directory in another one, and makes it if it is missing; says whether it was.
fn enter(
    at: &Directory,
    path: &Path,
    name: &str,
    mode: u32,
) -> Result<(Directory, bool), RuntimeDirError> {
    let made = at.make(name, mode).map_err(|source| system(path, source))?;
    match at.child(name) {
        Ok(directory) => Ok((directory, made)),
        Err(_) if at.is_link(name) => Err(RuntimeDirError::Link {
            path: path.display().to_string(),
        }),
        Err(source) => Err(system(path, source)),
    }
}

/// Makes the runtime directory, and where it does not exist what it is in; says whether it was missing.
fn make_runtime(path: &Path) -> Result<bool, RuntimeDirError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| system(path, source))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(source) => Err(system(path, source)),
    }
}

fn check_owner(path: &Path) -> Result<(), RuntimeDirError> {
    // A symbolic link in /tmp is as foreign as somebody else's directory.
    let metadata = fs::symlink_metadata(path).map_err(|source| system(path, source))?;
    if metadata.uid() == own_uid() && metadata.is_dir() {
        return Ok(());
    }
    Err(foreign(path, &metadata))
}

fn foreign(path: &Path, metadata: &fs::Metadata) -> RuntimeDirError {
    RuntimeDirError::Foreign {
        path: path.display().to_string(),
        uid: metadata.uid(),
    }
}

fn system(path: &Path, source: io::Error) -> RuntimeDirError {
    RuntimeDirError::System {
        path: path.display().to_string(),
        source,
    }
}
