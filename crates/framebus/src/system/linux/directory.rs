//! Directories that are reached without following anybody's links, and what is in them.
//!
//! In a directory that others may write to, a name can mean another thing a moment later. So a directory is opened once,
//! looked at, and used through its descriptor.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// A directory that is open.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
}

/// Only to go on from: a directory need not be readable for that.
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Directory {
    /// Opens a directory that the user has named, links and all.
    pub(super) fn open(path: &Path) -> io::Result<Directory> {
        let fd = openat(CWD, path, PASS, Mode::empty())?;
        Ok(Directory { fd })
    }

    /// Opens a directory that a stranger may have named: from the root, part by part, without following a link.
    pub(super) fn walk(path: &Path) -> io::Result<Directory> {
        let mut parts = path.components();
        if parts.next() != Some(Component::RootDir) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut at = Directory::open(Path::new("/"))?;
        for part in parts {
            let Component::Normal(name) = part else {
                return Err(io::ErrorKind::InvalidInput.into());
            };
            at = at.child(name)?;
        }
        Ok(at)
    }

    /// Opens a directory in this one, if it is one and no link to one.
    pub(super) fn child(&self, name: impl AsRef<Path>) -> io::Result<Directory> {
        let fd = openat(
            &self.fd,
            name.as_ref(),
            PASS | OFlags::NOFOLLOW,
            Mode::empty(),
        )?;
        Ok(Directory { fd })
    }

    /// Makes a directory in this one; says whether it was missing.
    pub(super) fn make(&self, name: impl AsRef<Path>, mode: u32) -> io::Result<bool> {
        match mkdirat(&self.fd, name.as_ref(), Mode::from_raw_mode(mode)) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a name in this directory is a link.
    pub(super) fn is_link(&self, name: impl AsRef<Path>) -> bool {
        self.kind_and_owner(name.as_ref())
            .is_some_and(|(kind, _)| kind == FileType::Symlink)
    }

    /// What it is: owner, mode bits, device and inode.
    pub(super) fn metadata(&self) -> io::Result<fs::Metadata> {
        File::from(self.fd.try_clone()?).metadata()
    }

    /// Gives it to a group and sets its mode bits.
    pub(super) fn open_up(&self, mode: u32, gid: Option<u32>) -> io::Result<()> {
        let directory = self.readable()?;
        if let Some(gid) = gid {
            fchown(&directory, None, Some(gid))?;
        }
        directory.set_permissions(Permissions::from_mode(mode))
    }

    /// The names of the sockets in it that are this user's and could be pipes of a bus, in order of their numbers.
    pub(super) fn pipes(&self, uid: u32) -> Vec<String> {
        let number = |name: &str| name.strip_prefix("pipe")?.parse::<u8>().ok();
        let mut found: Vec<(u8, String)> = fs::read_dir(self.path_of("."))
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                let number = number(&name)?;
                let own = self.kind_and_owner(Path::new(&name)) == Some((FileType::Socket, uid));
                own.then_some((number, name))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, name)| name).collect()
    }

    /// Whether somebody has the socket of this name open: not who, and without a trace at whoever it is.
    ///
    /// A socket without a process refuses; one with a process has another type than this one (unix(7): EPROTOTYPE).
    pub(super) fn answers(&self, name: &str) -> bool {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(probe) = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None) else {
            return false;
        };
        let Ok(address) = SocketAddrUnix::new(self.path_of(name)) else {
            return false;
        };
        matches!(connect(&probe, &address), Ok(()) | Err(Errno::PROTOTYPE))
    }

    /// Removes a file from it.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes a directory from it, if that is empty: what somebody else still uses is not.
    pub(super) fn remove_directory(&self, name: &str) -> bool {
        unlinkat(&self.fd, name, AtFlags::REMOVEDIR).is_ok()
    }

    /// A name in this directory, however the directory is called by now.
    fn path_of(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.fd.as_raw_fd()))
    }

    fn readable(&self) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat(self.fd.as_fd(), ".", flags, Mode::empty())?.into())
    }

    fn kind_and_owner(&self, name: &Path) -> Option<(FileType, u32)> {
        let stat = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some((FileType::from_raw_mode(stat.st_mode), stat.st_uid))
    }
}

/// Which directory or file this is, whatever it is called.
pub(super) fn id_of(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    fn own() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    #[test]
    fn a_strangers_path_is_walked_without_its_links() {
        let place = tempfile::tempdir().expect("a directory");
        let root = fs::canonicalize(place.path()).expect("a path");
        fs::create_dir_all(root.join("real/inner")).expect("directories");
        symlink(root.join("real"), root.join("link")).expect("a link");
        assert!(Directory::walk(&root.join("real/inner")).is_ok());
        assert!(Directory::walk(&root.join("link/inner")).is_err());
        assert!(Directory::walk(&root.join("real/../real")).is_err());
        assert!(Directory::walk(Path::new("relative")).is_err());
        // What the user has named may be a link; what is below it may not.
        assert!(Directory::open(&root.join("link")).is_ok());
        let at = Directory::open(&root).expect("a directory");
        assert!(at.child("link").is_err() && at.is_link("link") && !at.is_link("real"));
    }

    #[test]
    fn a_socket_answers_as_long_as_its_process_has_it_and_is_not_connected() {
        let place = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(place.path().join("pipe0")).expect("a socket");
        listener.set_nonblocking(true).expect("nonblocking");
        fs::write(place.path().join("pipe1"), "no socket").expect("a file");
        let at = Directory::open(place.path()).expect("a directory");
        assert_eq!(at.pipes(own()), ["pipe0"]);
        assert_eq!(at.pipes(own() + 1), Vec::<String>::new());
        assert!(at.answers("pipe0") && !at.answers("pipe1") && !at.answers("pipe2"));
        assert!(listener.accept().is_err(), "nobody has connected");
        drop(listener);
        assert!(!at.answers("pipe0"));
        at.remove("pipe0").expect("removed");
        assert!(at.pipes(own()).is_empty());
    }
}
