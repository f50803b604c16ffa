//! The memory file that pictures are handed over in: written here through a mapping, read by the worker with pread(2).

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::{self, NonNull};
use std::slice;

use rustix::fs::{fstat, ftruncate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use crate::wire::{BUFFERS, buffer_offset};

/// The buffers of the memory file, each mapped as far as its pictures have needed.
#[derive(Debug)]
pub(crate) struct Memory {
    file: OwnedFd,
    buffers: [Option<Mapping>; BUFFERS as usize],
}

impl Memory {
    pub(crate) fn new(file: OwnedFd) -> Memory {
        Memory {
            file,
            buffers: [const { None }; BUFFERS as usize],
        }
    }

    /// The first `len` bytes of a buffer, for writing.
    ///
    /// # Errors
    /// Fails when there is no memory, and for a buffer that does not exist.
    pub(crate) fn buffer(&mut self, number: u8, len: usize) -> io::Result<&mut [u8]> {
        let place = self.buffers.get_mut(usize::from(number));
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        // A larger one takes the place of one that is too small, which goes first.
        let mut mapping = place.take();
        if mapping.as_ref().is_none_or(|mapping| mapping.len < len) {
            drop(mapping);
            mapping = Some(Mapping::new(&self.file, buffer_offset(number), len)?);
        }
        let mapping = place.insert(mapping.ok_or(io::ErrorKind::OutOfMemory)?);
        Ok(&mut mapping.bytes()[..len])
    }
}

#[derive(Debug)]
struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

#[expect(unsafe_code, reason = "memory is mapped, used and unmapped here")]
impl Mapping {
    fn new(file: &OwnedFd, offset: u64, len: usize) -> io::Result<Mapping> {
        let len = len.max(1);
        let end = offset + len as u64;
        if fstat(file)?.st_size.cast_unsigned() < end {
            ftruncate(file, end)?;
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, wherever the kernel finds room.
        let base = unsafe {
            mmap(
                ptr::null_mut(),
                len,
                protection,
                MapFlags::SHARED,
                file,
                offset,
            )
        }?;
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { base, len })
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: mapped for writing as long as `self` is there, and borrowed with it. The worker, which alone has the file
        // besides, makes it, then only reads it, and not through a mapping.
        unsafe { slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }
}

#[expect(unsafe_code, reason = "memory is mapped, used and unmapped here")]
impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made in `new`, and nobody borrows it any more.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.len) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_what_the_file_has_at_its_place_also_when_it_grows() {
        let file = tempfile::tempfile().expect("a file");
        let mut memory = Memory::new(file.try_clone().expect("a descriptor").into());
        let read = |number: u8, len: usize| {
            let mut bytes = vec![0; len];
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, buffer_offset(number))
                .expect("bytes");
            bytes
        };
        for (number, len, byte) in [(1, 10, 1), (0, 5000, 2), (1, 3, 3), (1, 9000, 4)] {
            memory.buffer(number, len).expect("a buffer").fill(byte);
            assert_eq!(read(number, len), vec![byte; len]);
        }
        assert_eq!(read(0, 5000), [2; 5000]);
        assert!(memory.buffer(BUFFERS, 1).is_err());
    }
}
