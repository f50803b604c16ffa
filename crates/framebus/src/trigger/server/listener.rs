//! One named pipe: the door to a consumer index.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use interprocess::local_socket::traits::Listener as _;
use interprocess::local_socket::{
    GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, Stream, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustix::event::epoll::{self, EventFlags};

use super::Token;
use crate::trigger::ServerError;
use crate::trigger::pipe_path;

/// A named pipe that is listened to. Its name goes with it, unless it is a successor's by then.
#[derive(Debug)]
pub(super) struct NamedListener {
    listener: Listener,
    path: PathBuf,
    id: (u64, u64),
}

impl NamedListener {
    fn new(path: &Path, mode: u32, gid: Option<u32>) -> io::Result<NamedListener> {
        let listener = ListenerOptions::new()
            .name(path.to_fs_name::<GenericFilePath>()?)
            .nonblocking(ListenerNonblockingMode::Both)
            .mode(u16::try_from(mode).unwrap_or(0o600).into())
            .try_overwrite(true)
            // The crate would remove whatever has the name when it is dropped.
            .reclaim_name(false)
            .create_sync()?;
        let named = NamedListener {
            listener,
            path: path.to_owned(),
            id: file_id(path)?,
        };
        if let Some(gid) = gid {
            std::os::unix::fs::chown(path, None, Some(gid))?;
        }
        // What binding makes of the mode is without the bits of the umask.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(named)
    }

    /// Lets in who has come first of those who wait; never waits for one.
    pub(super) fn accept(&self) -> io::Result<Stream> {
        self.listener.accept()
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::UdSocket(listener) => listener.as_fd(),
        }
    }

    pub(super) fn is_in(&self, directory: &Path) -> bool {
        self.path.parent() == Some(directory)
    }

    pub(super) fn has_its_name(&self) -> bool {
        file_id(&self.path).is_ok_and(|id| id == self.id)
    }
}

impl Drop for NamedListener {
    fn drop(&mut self) {
        if self.has_its_name() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Listens on the pipe of a consumer index.
pub(super) fn listen(
    epoll: &OwnedFd,
    pipes: &Path,
    index: u8,
    (mode, gid): (u32, Option<u32>),
) -> Result<NamedListener, ServerError> {
    let path = pipe_path(pipes, index);
    let listener =
        NamedListener::new(&path, mode, gid).map_err(|source| ServerError::new(&path, source))?;
    let token = Token::Listener(index).pack();
    epoll::add(epoll, listener.fd(), token, EventFlags::IN)
        .map_err(|error| ServerError::new(&path, error))?;
    Ok(listener)
}

fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}
