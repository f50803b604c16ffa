//! Where the named pipes of a bus are.

use std::env;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use thiserror::Error;

use super::BusName;

/// The longest path of a socket, without its closing zero byte (`sun_path`).
pub const MAX_SOCKET_PATH: usize = 107;

/// How often directories are made again that somebody else has removed meanwhile.
const TRIES: u32 = 100;

/// Why there is no directory for the named pipes.
#[derive(Debug, Error)]
pub enum RuntimeDirError {
    /// A socket's path would be too long.
    #[error(
        "the runtime directory {path} is too long for a socket ({len} bytes, at most {MAX_SOCKET_PATH}): set FRAMEBUS_RUNTIME_DIR to a shorter one"
    )]
    TooLong {
        /// The directory.
        path: String,
        /// Bytes of the longest socket path.
        len: usize,
    },
    /// It belongs to somebody else.
    #[error(
        "the runtime directory {path} belongs to user {uid}: remove it, or set FRAMEBUS_RUNTIME_DIR"
    )]
    Foreign {
        /// The directory.
        path: String,
        /// Its owner.
        uid: u32,
    },
    /// It cannot be made or used.
    #[error("the runtime directory {path} cannot be used: {source}")]
    System {
        /// The directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl RuntimeDirError {
    /// Whether the directory is there and this user may not use it.
    pub(crate) fn is_permission(&self) -> bool {
        match self {
            Self::Foreign { .. } => true,
            Self::System { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::TooLong { .. } => false,
        }
    }
}

/// The directory under which framebus keeps its named pipes: `$FRAMEBUS_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR`, else
/// `/tmp/framebus-<uid>`.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    named_runtime_dir()
        .unwrap_or_else(|| PathBuf::from(format!("/tmp/framebus-{}", geteuid().as_raw())))
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
    /// The directories that are removed with it when nobody else uses them.
    parents: Vec<PathBuf>,
}

impl PipesDir {
    /// Makes the directories, with mode bits that let in whoever `mode` lets read.
    pub(crate) fn create(
        bus: &BusName,
        mode: u32,
        gid: Option<u32>,
    ) -> Result<PipesDir, RuntimeDirError> {
        let runtime = runtime_dir();
        let runtime = if runtime.is_absolute() {
            runtime
        } else {
            env::current_dir().unwrap_or_default().join(runtime)
        };
        let path = pipes_dir(&runtime, bus);
        let longest = pipe_path(&path, u8::MAX).as_os_str().len();
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
        loop {
            made_runtime |= make_runtime(&runtime)?;
            if !named_by_user {
                check_owner(&runtime)?;
            }
            match make_both(&runtime.join("framebus"), &path, open_mode, gid) {
                Err(RuntimeDirError::System { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && tries < TRIES =>
                {
                    tries += 1;
                }
                made => break made?,
            }
        }
        let mut parents = vec![runtime.join("framebus")];
        if made_runtime || !named_by_user {
            parents.push(runtime);
        }
        Ok(PipesDir { path, parents })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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

/// Makes framebus's own directory, and in it the one of a bus.
fn make_both(
    framebus: &Path,
    bus: &Path,
    mode: u32,
    gid: Option<u32>,
) -> Result<(), RuntimeDirError> {
    if make(framebus, mode)? {
        open_up(framebus, mode, gid)?;
    }
    make(bus, mode)?;
    open_up(bus, mode, gid)
}

/// Makes a directory; says whether it was missing.
fn make(path: &Path, mode: u32) -> Result<bool, RuntimeDirError> {
    match DirBuilder::new().recursive(false).mode(mode).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(source) => Err(system(path, source)),
    }
}

/// Makes the runtime directory, and where it does not exist what it is in.
fn make_runtime(path: &Path) -> Result<bool, RuntimeDirError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|source| system(path, source))?;
    }
    make(path, 0o700)
}

fn check_owner(path: &Path) -> Result<(), RuntimeDirError> {
    // A symbolic link in /tmp is as foreign as somebody else's directory.
    let metadata = fs::symlink_metadata(path).map_err(|source| system(path, source))?;
    if metadata.uid() == geteuid().as_raw() && metadata.is_dir() {
        return Ok(());
    }
    Err(RuntimeDirError::Foreign {
        path: path.display().to_string(),
        uid: metadata.uid(),
    })
}

fn open_up(path: &Path, mode: u32, gid: Option<u32>) -> Result<(), RuntimeDirError> {
    if let Some(gid) = gid {
        chown(path, None, Some(gid)).map_err(|source| system(path, source))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|source| system(path, source))
}

fn system(path: &Path, source: io::Error) -> RuntimeDirError {
    RuntimeDirError::System {
        path: path.display().to_string(),
        source,
    }
}
