//! Files.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use winapi_util::{AsHandleRef, Handle};

/// FILE_FLAG_DELETE_ON_CLOSE: the file is gone with its last handle, also when that is another program's.
const DELETE_ON_CLOSE: u32 = 0x0400_0000;
/// FILE_SHARE_READ, _WRITE and _DELETE.
const SHARED: u32 = 7;

/// A file that nobody else finds, for what another program says.
pub(crate) fn nameless_file() -> io::Result<File> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("framebus-{}-{number}.txt", std::process::id());
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .share_mode(SHARED)
        .custom_flags(DELETE_ON_CLOSE)
        .open(std::env::temp_dir().join(name))
}

/// Whether a name is that of an open file.
pub(crate) fn is_same_file(file: &File, path: &Path) -> bool {
    let information = |handle: &dyn Fn() -> io::Result<(u64, u64)>| handle().ok();
    let of =
        |found: winapi_util::file::Information| (found.volume_serial_number(), found.file_index());
    let ours = information(&|| winapi_util::file::information(file).map(of));
    let there = information(&|| {
        let there = Handle::from_path_any(path)?;
        winapi_util::file::information(&there).map(of)
    });
    ours.is_some() && ours == there
}

/// Whether something is a file on a disk.
pub(crate) fn is_file(handle: impl AsHandleRef) -> bool {
    winapi_util::file::typ(handle).is_ok_and(|kind| kind.is_disk())
}
