//! Which mapping a bus has: names, and opening them without the right to write.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use std::path::{Path, PathBuf};

use windows_sys::Win32::Storage::FileSystem::READ_CONTROL;
use windows_sys::Win32::System::Memory::{
    FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_BASIC_INFORMATION, MapViewOfFile, OpenFileMappingW,
    UnmapViewOfFile, VirtualQuery,
};

use super::access::owner_of;
use super::bell::owned;
use super::names::{names, own_dir, shared_dir};
use super::process::own_uid;
use super::wide;
use crate::layout::BusName;

/// Which mapping a name meant when it was opened: each has a number that is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectId(pub(super) u64);

/// An open mapping.
#[derive(Debug)]
pub(crate) struct ShmObject {
    handle: OwnedHandle,
    pub(crate) id: ObjectId,
    pub(crate) len: u64,
    pub(crate) owner_uid: u32,
}

/// Users of the system itself: LocalSystem, and the group of administrators.
pub(super) const SYSTEM: [u32; 2] = [18, 544];

/// No file is longer.
const MOST: u64 = 128;

/// The name of a mapping in a namespace: `Local` is the session's, `Global` the machine's.
pub(super) fn mapping_name(space: &str, bus: &BusName, id: ObjectId) -> String {
    format!("{space}\\framebus.{bus}.{:016x}", id.0)
}

pub(super) fn file_of(directory: &Path, bus: &BusName) -> PathBuf {
    directory.join(format!("{bus}.bus"))
}

/// What the file of a bus says, and where it is.
fn look(bus: &BusName) -> Option<(PathBuf, String, ObjectId)> {
    [own_dir(), shared_dir()].iter().find_map(|directory| {
        let path = file_of(directory, bus);
        let mut text = String::new();
        let file = fs::File::open(&path).ok()?;
        file.take(MOST).read_to_string(&mut text).ok()?;
        let name = text.trim_end();
        let (_, id) = name.rsplit_once('.')?;
        let id = ObjectId(u64::from_str_radix(id, 16).ok()?);
        // Anybody may have written it: only a name of this bus is believed.
        let is_name = |space| mapping_name(space, bus, id) == name;
        (is_name("Local") || is_name("Global")).then(|| (path, name.to_owned(), id))
    })
}

impl ShmObject {
    /// Opens the mapping of a bus; `write` only where a record of it will be mapped for writing.
    pub(crate) fn open(bus: &BusName, write: bool) -> io::Result<ShmObject> {
        let (_, name, id) = look(bus).ok_or(io::ErrorKind::NotFound)?;
        let handle = open(&name, write)?;
        let len = len_of(&handle)?;
        let owner_uid = owner_of(handle.as_raw_handle());
        Ok(ShmObject {
            handle,
            id,
            len,
            owner_uid,
        })
    }

    /// Which mapping the name means now.
    pub(crate) fn current(bus: &BusName) -> Option<ObjectId> {
        Some(look(bus)?.2)
    }

    pub(super) fn handle(&self) -> BorrowedHandle<'_> {
        self.handle.as_handle()
    }
}

fn open(name: &str, write: bool) -> io::Result<OwnedHandle> {
    // And for reading who owns it.
    let access = if write {
        FILE_MAP_READ | FILE_MAP_WRITE | READ_CONTROL
    } else {
        FILE_MAP_READ | READ_CONTROL
    };
    let name = wide(name);
    // SAFETY: the name ends with a zero.
    owned(unsafe { OpenFileMappingW(access, 0, name.as_ptr()) })
}

/// Bytes of a mapping: those of a view of all of it.
fn len_of(handle: &OwnedHandle) -> io::Result<u64> {
    // SAFETY: the handle is open; the system chooses the place.
    let view = unsafe { MapViewOfFile(handle.as_raw_handle(), FILE_MAP_READ, 0, 0, 0) };
    if view.Value.is_null() {
        return Err(io::Error::last_os_error());
    }
    let mut about = MEMORY_BASIC_INFORMATION::default();
    let size = size_of::<MEMORY_BASIC_INFORMATION>();
    // SAFETY: the place is writable and has as many bytes as is said.
    let told = unsafe { VirtualQuery(view.Value, &raw mut about, size) };
    // SAFETY: the view was made above, and nothing refers to it.
    unsafe { UnmapViewOfFile(view) };
    if told == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(about.RegionSize as u64)
}

/// The user who owns the mapping of a bus; this one, where only its file is left here.
pub(crate) fn object_owner(bus: &BusName) -> Option<u32> {
    let (path, name, _) = look(bus)?;
    match open(&name, false) {
        Ok(handle) => Some(owner_of(handle.as_raw_handle())),
        Err(_) => path.starts_with(own_dir()).then(own_uid),
    }
}

/// Bytes of the mapping of a bus; 0 where only its file is left.
pub(crate) fn object_bytes(bus: &BusName) -> Option<u64> {
    let (_, name, _) = look(bus)?;
    let handle = open(&name, false).ok();
    Some(handle.and_then(|handle| len_of(&handle).ok()).unwrap_or(0))
}

/// Whether a bus had a mapping that has died with its last handle: nobody knows what it counted to.
pub(crate) fn is_lost(bus: &BusName) -> bool {
    look(bus).is_some_and(|(_, name, _)| open(&name, false).is_err())
}

/// Removes the file that says which mapping a bus has; who has that mapped keeps it.
pub(crate) fn unlink_object(bus: &BusName) -> io::Result<()> {
    let (path, _, _) = look(bus).ok_or(io::ErrorKind::NotFound)?;
    fs::remove_file(path)
}

/// The buses that have a mapping, sorted.
pub(crate) fn list_objects() -> Vec<BusName> {
    let all: BTreeSet<BusName> = [own_dir(), shared_dir()]
        .iter()
        .flat_map(|directory| names(directory, ".bus"))
        .filter(|bus| !is_lost(bus))
        .collect();
    all.into_iter().collect()
}

/// Whether the mapping of a bus was made by somebody this user has nothing to do with.
pub(crate) fn is_foreign(bus: &BusName) -> bool {
    object_owner(bus).is_some_and(|uid| uid != own_uid() && !SYSTEM.contains(&uid))
}

/// Says in a file which mapping a bus has from now on.
pub(super) fn announce(directory: &Path, bus: &BusName, name: &str) -> io::Result<()> {
    super::names::make(directory)?;
    let path = file_of(directory, bus);
    let new = path.with_extension("new");
    fs::write(&new, format!("{name}\n"))?;
    // Whole or not at all.
    fs::rename(&new, &path)?;
    // One that was left in the other place would be found first.
    let other = if directory == own_dir() {
        shared_dir()
    } else {
        own_dir()
    };
    if other != directory {
        let _ = fs::remove_file(file_of(&other, bus));
    }
    Ok(())
}
