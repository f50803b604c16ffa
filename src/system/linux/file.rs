//! Files.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FileType, MemfdFlags, fstat, memfd_create};

/// A file in memory, for what another program says.
pub(crate) fn nameless_file() -> io::Result<File> {
    Ok(memfd_create("ffmpeg", MemfdFlags::CLOEXEC)?.into())
}

/// Whether a name is that of an open file.
pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(there)) = (file.metadata(), path.symlink_metadata()) else {
        return false;
    };
    (ours.dev(), ours.ino()) == (there.dev(), there.ino())
}

/// Whether standard output is a regular file.
pub(crate) fn is_file(fd: impl AsFd) -> bool {
    let kind = fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    kind == Ok(FileType::RegularFile)
}
