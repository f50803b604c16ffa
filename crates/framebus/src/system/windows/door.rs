//! One named pipe: the door to a consumer index.

use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_BYTE,
    PIPE_UNLIMITED_INSTANCES, PIPE_WAIT,
};

use super::access::{Access, owner_of};
use super::bell::owned;
use super::line::Line;
use super::overlapped::{LEN, Operation};
use super::port::Port;
use super::process::own_uid;
use crate::system::kinds::Permissions;

/// Bytes that queue in each direction: triggers that nobody reads are coalesced sooner or later.
const QUEUE: u32 = 4 * LEN as u32;

/// A named pipe that is listened to: always one instance that nobody is connected to, beside those of the connections.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    permissions: Permissions,
    listening: Mutex<Listening>,
}

#[derive(Debug)]
struct Listening {
    /// The instance for the next one, and its wait; `None` when it could not be made.
    instance: Option<(Operation, OwnedHandle, usize)>,
    watched: Option<(Arc<Port>, u64)>,
    /// Whether somebody was there before the wait began.
    is_there: bool,
}

impl Door {
    /// Listens at `path`. What a dead process left of it is taken over; another user's pipe is not.
    pub(crate) fn open(path: &Path, permissions: Permissions) -> io::Result<Door> {
        let first = make(path, permissions, true).or_else(|_| {
            // A consumer that stands still keeps a dead producer's.
            let instance = make(path, permissions, false)?;
            if owner_of(instance.as_raw_handle()) == own_uid() {
                Ok(instance)
            } else {
                Err(io::Error::from(io::ErrorKind::PermissionDenied))
            }
        })?;
        let operation = Operation::new(first.as_raw_handle(), false)?;
        Ok(Door {
            path: path.to_owned(),
            permissions,
            listening: Mutex::new(Listening {
                instance: Some((operation, first, 0)),
                watched: None,
                is_there: false,
            }),
        })
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        let listening = self.listening.lock();
        listening.unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to let in: the port is told when somebody is there.
    pub(super) fn open_to(&self, port: &Arc<Port>, token: u64) -> io::Result<()> {
        let mut listening = self.listening();
        listening.watched = Some((Arc::clone(port), token));
        listening.begin()
    }

    /// Lets in who has come; never waits for one.
    pub(crate) fn accept(&self) -> io::Result<Line> {
        let mut listening = self.listening();
        let nobody = || io::Error::from(io::ErrorKind::WouldBlock);
        let is_there = std::mem::take(&mut listening.is_there);
        let Some((operation, _, _)) = &mut listening.instance else {
            // The system had no room for it: perhaps it has now.
            self.listen_again(&mut listening)?;
            return Err(nobody());
        };
        let came = is_there || operation.finish().ok_or_else(nobody)?.is_ok();
        let instance = listening.instance.take();
        let again = self.listen_again(&mut listening);
        match instance {
            // Who has come is let in. If there is no room for the next one, the door has lost its name until it is opened anew.
            Some((operation, pipe, key)) if came => {
                drop(operation);
                if let Some((port, _)) = &listening.watched {
                    port.tokens().remove(&key);
                }
                Line::new(pipe, key)
            }
            // It came and went.
            _ => again.and_then(|()| Err(nobody())),
        }
    }

    fn listen_again(&self, listening: &mut Listening) -> io::Result<()> {
        let instance = make(&self.path, self.permissions, false)?;
        let operation = Operation::new(instance.as_raw_handle(), false)?;
        listening.instance = Some((operation, instance, 0));
        let begun = listening.begin();
        if begun.is_err() {
            listening.instance = None;
        }
        begun
    }

    /// Whether its name is below the one of a bus.
    pub(crate) fn is_in(&self, pipes: &Path) -> bool {
        self.path.with_extension("") == pipes
    }

    /// Whether its name still means it. Nobody can take it, but the system may have had no room for another instance: one without
    /// is shut, and nothing would tell it of anybody.
    pub(crate) fn has_its_name(&self) -> bool {
        self.listening().instance.is_some()
    }

    /// As when the system had no room for another instance.
    #[cfg(test)]
    pub(super) fn shut(&self) {
        self.listening().instance = None;
    }
}

impl Listening {
    fn begin(&mut self) -> io::Result<()> {
        let (Some((operation, pipe, key)), Some((port, token))) =
            (&mut self.instance, &self.watched)
        else {
            return Ok(());
        };
        *key = port.key();
        port.add(pipe.as_raw_handle(), *key, *token)?;
        match operation.connect() {
            Ok(is_there) => self.is_there = is_there,
            // Somebody came and went at once: looking makes another instance.
            Err(_) => self.is_there = true,
        }
        if self.is_there {
            port.post(*key);
        }
        Ok(())
    }
}

fn make(path: &Path, permissions: Permissions, first: bool) -> io::Result<OwnedHandle> {
    let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
    let access = Access::of(permissions)?;
    let mut open = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
    if first {
        open |= FILE_FLAG_FIRST_PIPE_INSTANCE;
    }
    let mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
    // SAFETY: the name ends with a zero, and the access list is there for the time of the call.
    let pipe = unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            open,
            mode,
            PIPE_UNLIMITED_INSTANCES,
            QUEUE,
            QUEUE,
            0,
            access.attributes(),
        )
    };
    owned(pipe)
}
