//! One named pipe: the door to a consumer index.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{
    GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;

use super::line::Line;
use crate::system::kinds::Permissions;

/// A named pipe that is listened to. Its name goes with it, unless it is a successor's by then.
#[derive(Debug)]
pub(crate) struct Door {
    listener: Listener,
    path: PathBuf,
    id: (u64, u64),
}

impl Door {
    /// Listens at `path`. A name that is there already is a dead process's: the caller sees to that.
    pub(crate) fn open(path: &Path, permissions: Permissions) -> io::Result<Door> {
        let mode = permissions.mode;
        let listener = ListenerOptions::new()
            .name(path.to_fs_name::<GenericFilePath>()?)
            .nonblocking(ListenerNonblockingMode::Both)
            .mode(u16::try_from(mode).unwrap_or(0o600).into())
            .try_overwrite(true)
            // The crate would remove whatever has the name when it is dropped.
            .reclaim_name(false)
            .create_sync()?;
        let door = Door {
            listener,
            path: path.to_owned(),
            id: file_id(path)?,
        };
        if let Some(gid) = permissions.gid {
            std::os::unix::fs::chown(path, None, Some(gid))?;
        }
        // What binding makes of the mode is without the bits of the umask.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(door)
    }

    /// Lets in who has come first of those who wait; never waits for one.
    pub(crate) fn accept(&self) -> io::Result<Line> {
        self.listener.accept().map(Line::new)
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::UdSocket(listener) => listener.as_fd(),
        }
    }

    /// Whether its name is in a directory.
    pub(crate) fn is_in(&self, directory: &Path) -> bool {
        self.path.parent() == Some(directory)
    }

    /// Whether its name still means it.
    pub(crate) fn has_its_name(&self) -> bool {
        file_id(&self.path).is_ok_and(|id| id == self.id)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if self.has_its_name() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
