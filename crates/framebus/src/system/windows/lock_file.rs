//! A lock with a name: a file of which one byte, far behind its end, is locked. The file stays when the lock is freed.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::os::windows::io::AsRawHandle;
use std::path::PathBuf;

use windows_sys::Win32::Foundation::{ERROR_IO_PENDING, ERROR_LOCK_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_SHARE_READ, FILE_SHARE_WRITE, LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY,
    LockFileEx,
};
use windows_sys::Win32::System::IO::OVERLAPPED;

use super::names::{make, own_dir};
use crate::layout::BusName;
use crate::system::kinds::{LockError, Permissions};

/// A lock that is held; freed when dropped, or when this process ends.
#[derive(Debug)]
pub(crate) struct LockFile {
    /// Whether there was nothing in it.
    was_empty: bool,
    file: Option<File>,
}

/// The byte that is locked: what is before it can be read by others.
const LOCKED_BYTE: u32 = 1 << 30;
/// Where the holder's pid is, behind the note.
const PID_AT: u64 = 1024;

impl LockFile {
    fn path_of(bus: &BusName) -> PathBuf {
        own_dir().join(format!("{bus}.lock"))
    }

    /// Whether somebody has left a note.
    pub(crate) fn has_file(bus: &BusName) -> bool {
        let metadata = std::fs::metadata(Self::path_of(bus));
        metadata.is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Whether somebody holds the lock of a bus. Leaves its file as it is.
    pub(crate) fn is_held(bus: &BusName) -> Result<bool, LockError> {
        let file = match options().open(Self::path_of(bus)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(LockError::System(error)),
        };
        match lock(&file, 0) {
            Ok(()) => Ok(false),
            Err(LockError::Held) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The process that holds the lock of a bus.
    pub(crate) fn holder(bus: &BusName) -> Option<u32> {
        if !Self::is_held(bus).unwrap_or(false) {
            return None;
        }
        let file = options().open(Self::path_of(bus)).ok()?;
        let mut pid = [0; 4];
        let count = file.seek_read(&mut pid, PID_AT).ok()?;
        (count == pid.len()).then(|| u32::from_le_bytes(pid))
    }

    /// Takes the lock of a bus if it is free.
    pub(crate) fn try_acquire(bus: &BusName) -> Result<LockFile, LockError> {
        make(&own_dir()).map_err(LockError::System)?;
        let file = options().create(true).open(Self::path_of(bus));
        let file = file.map_err(LockError::System)?;
        lock(&file, LOCKFILE_EXCLUSIVE_LOCK)?;
        let was_empty = file.metadata().map_err(LockError::System)?.len() == 0;
        let _ = file.seek_write(&std::process::id().to_le_bytes(), PID_AT);
        Ok(LockFile {
            was_empty,
            file: Some(file),
        })
    }

    /// Whether it still has its name: while it is held nobody can remove it.
    pub(crate) fn has_its_name(&self) -> bool {
        true
    }

    /// Lets those see who holds the lock who may use the bus: its directory does.
    pub(crate) fn let_in(&self, _permissions: Permissions) {}

    /// Writes a note for the next holder. Zeros are behind it.
    pub(crate) fn write_note(&self, note: &[u8]) {
        if let Some(file) = &self.file {
            let mut whole = [0; 80];
            let len = note.len().min(whole.len());
            whole[..len].copy_from_slice(&note[..len]);
            let _ = file.seek_write(&whole, 0);
        }
    }

    /// Reads the note that is there, as far as it fits; returns its bytes.
    pub(crate) fn read_note(&self, note: &mut [u8]) -> io::Result<usize> {
        let Some(file) = &self.file else {
            return Ok(0);
        };
        let count = file.seek_read(note, 0)?;
        Ok(note[..count].iter().take_while(|byte| **byte != 0).count())
    }

    /// Frees the lock and leaves its file as it was found, with the note in it.
    pub(crate) fn give_back(mut self) {
        if !self.was_empty {
            self.file = None;
        }
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // While it is held: the next holder begins anew.
        if let Some(file) = &self.file {
            let _ = file.set_len(0);
        }
    }
}

/// Nobody can remove the file while it is open.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE);
    options
}

fn lock(file: &File, how: u32) -> Result<(), LockError> {
    let mut place = OVERLAPPED::default();
    place.Anonymous.Anonymous.Offset = LOCKED_BYTE;
    let how = how | LOCKFILE_FAIL_IMMEDIATELY;
    let handle = file.as_raw_handle();
    // SAFETY: the file is open, and the structure is there for the time of the call, which does not wait.
    if unsafe { LockFileEx(handle, how, 0, 1, 0, &raw mut place) } != 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error().map(i32::cast_unsigned) {
        Some(ERROR_LOCK_VIOLATION | ERROR_IO_PENDING) => Err(LockError::Held),
        _ => Err(LockError::System(error)),
    }
}
