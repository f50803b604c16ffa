//! What is asked of a V4L2 device: one function a request, and the buffers that a driver writes frames into. The only
//! unsafe code of the command. Everything that is handed to the kernel is one of the structures of `abi.rs`, whose size is
//! part of the request's number, so that kernel and caller cannot disagree about it.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::abi::{
    Buffer, CAPTURE_MPLANE, Capability, Control, ControlDescription, Controls, Event, Format,
    FormatDescription, FormatMplane, FrameInterval, FrameSize, Input, MEMORY_MMAP, MenuItem,
    PLANES, Plane, RequestBuffers, StreamParameters, Subscription, Timings, Zero,
};

/// Sends one request, again when a signal came in between.
///
/// # Safety
/// `OPCODE` is a request of V4L2 whose argument is a `T`, and what `value` points to, if anything, is what the request
/// wants there.
unsafe fn call<const OPCODE: Opcode, T>(device: BorrowedFd<'_>, value: &mut T) -> io::Result<()> {
    loop {
        // SAFETY: the caller says that this request takes a `T`.
        let request = unsafe { Updater::<OPCODE, T>::new(value) };
        // SAFETY: the request reads and writes `value`, of which this is the only reference.
        match unsafe { ioctl(device, request) } {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

macro_rules! requests {
    ($($name:ident($type:ty) = $direction:ident $number:literal,)*) => {$(
        pub(super) fn $name(device: BorrowedFd<'_>, value: &mut $type) -> io::Result<()> {
            const OPCODE: Opcode = opcode::$direction::<$type>(b'V', $number);
            // SAFETY: direction, number and structure are those of this request in linux/videodev2.h, and the structure
            // holds no address.
            unsafe { call::<OPCODE, $type>(device, value) }
        }
    )*};
}

requests! {
    query_capability(Capability) = read 0,
    enumerate_formats(FormatDescription) = read_write 2,
    current_format(Format) = read_write 4,
    current_format_mplane(FormatMplane) = read_write 4,
    set_format(Format) = read_write 5,
    set_format_mplane(FormatMplane) = read_write 5,
    request_buffers(RequestBuffers) = read_write 8,
    stream_on(u32) = write 18,
    stream_off(u32) = write 19,
    stream_parameters(StreamParameters) = read_write 21,
    set_stream_parameters(StreamParameters) = read_write 22,
    current_standard(u64) = read 23,
    set_standard(u64) = write 24,
    enumerate_inputs(Input) = read_write 26,
    query_menu(MenuItem) = read_write 37,
    current_input(u32) = read 38,
    query_standard(u64) = read 63,
    enumerate_sizes(FrameSize) = read_write 74,
    enumerate_intervals(FrameInterval) = read_write 75,
    set_timings(Timings) = read_write 87,
    current_timings(Timings) = read_write 88,
    take_event(Event) = read 89,
    subscribe(Subscription) = write 90,
    query_timings(Timings) = read 99,
    query_control(ControlDescription) = read_write 103,
}

const GET_CONTROLS: Opcode = opcode::read_write::<Controls>(b'V', 71);
const SET_CONTROLS: Opcode = opcode::read_write::<Controls>(b'V', 72);
const QUERY_BUFFER: Opcode = opcode::read_write::<Buffer>(b'V', 9);
const QUEUE: Opcode = opcode::read_write::<Buffer>(b'V', 15);
const DEQUEUE: Opcode = opcode::read_write::<Buffer>(b'V', 17);

/// Reads a control that is a number.
pub(super) fn get_control(device: BorrowedFd<'_>, control: &mut Control) -> io::Result<()> {
    one_control::<GET_CONTROLS>(device, control)
}

/// Sets a control that is a number; it may become another one.
pub(super) fn set_control(device: BorrowedFd<'_>, control: &mut Control) -> io::Result<()> {
    one_control::<SET_CONTROLS>(device, control)
}

fn one_control<const OPCODE: Opcode>(
    device: BorrowedFd<'_>,
    control: &mut Control,
) -> io::Result<()> {
    let mut controls = Controls {
        count: 1,
        controls: std::ptr::from_mut(control).expose_provenance(),
        ..Controls::ZERO
    };
    // SAFETY: the count says that the address is that of one control, which this function alone uses meanwhile. Its size is
    // 0, so that the kernel takes its value for a number and follows no address in it.
    unsafe { call::<OPCODE, Controls>(device, &mut controls) }
}

/// A buffer of the driver in this process's memory.
#[derive(Debug)]
struct Mapping {
    address: NonNull<c_void>,
    len: usize,
}

impl Mapping {
    fn new(device: BorrowedFd<'_>, offset: u64, len: usize) -> io::Result<Mapping> {
        let (reading, shared) = (ProtFlags::READ, MapFlags::SHARED);
        // SAFETY: the kernel chooses the address, so that no memory is replaced that somebody uses.
        let address = unsafe { mmap(std::ptr::null_mut(), len, reading, shared, device, offset) }?;
        let address = NonNull::new(address).ok_or(Errno::NOMEM)?;
        Ok(Mapping { address, len })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and slices of it borrow the `Buffers` that owns this.
        let _ = unsafe { munmap(self.address.as_ptr(), self.len) };
    }
}

/// A frame that the driver has handed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    index: usize,
    /// Where in each plane its data begin and end.
    data: [(usize, usize); PLANES],
    pub(super) flags: u32,
    pub(super) sequence: u32,
    pub(super) timestamp: libc::timeval,
}

/// The buffers of a stream. A frame that was taken is not written by the driver until it is given back.
#[derive(Debug)]
pub(super) struct Buffers {
    device: Arc<OwnedFd>,
    kind: u32,
    maps: Vec<Vec<Mapping>>,
    taken: Option<Taken>,
}

impl Buffers {
    /// Asks the driver for about `count` buffers and maps them. All are the driver's, once they are queued.
    pub(super) fn new(device: Arc<OwnedFd>, kind: u32, count: u32) -> io::Result<Buffers> {
        let mut request = RequestBuffers {
            count,
            kind,
            memory: MEMORY_MMAP,
            ..RequestBuffers::ZERO
        };
        request_buffers(device.as_fd(), &mut request)?;
        let mut buffers = Buffers {
            device,
            kind,
            maps: Vec::new(),
            taken: None,
        };
        for index in 0..request.count {
            let maps = buffers.map(index)?;
            buffers.maps.push(maps);
        }
        for index in 0..request.count {
            buffers.queue(index)?;
        }
        Ok(buffers)
    }

    pub(super) fn len(&self) -> usize {
        self.maps.len()
    }

    /// Has the driver capture.
    pub(super) fn start(&mut self) -> io::Result<()> {
        let mut kind = self.kind;
        stream_on(self.device.as_fd(), &mut kind)
    }

    /// Takes the next frame; `WouldBlock` when there is none. The one before must have been given back.
    pub(super) fn take(&mut self) -> io::Result<Taken> {
        self.give_back()?;
        let (buffer, planes) = self.request::<DEQUEUE>(0)?;
        let index = buffer.index as usize;
        let maps = self.maps.get(index).ok_or(Errno::RANGE)?;
        let mut data = [(0, 0); PLANES];
        for ((data, map), plane) in data.iter_mut().zip(maps).zip(&planes) {
            let (begin, end) = if self.is_mplane() {
                (plane.data_offset as usize, plane.used as usize)
            } else {
                (0, buffer.used as usize)
            };
            // What a driver says is not believed beyond what is mapped.
            let end = end.min(map.len);
            *data = (begin.min(end), end);
        }
        let taken = Taken {
            index,
            data,
            flags: buffer.flags,
            sequence: buffer.sequence,
            timestamp: buffer.timestamp,
        };
        self.taken = Some(taken);
        Ok(taken)
    }

    /// The data of the frame that was taken, plane by plane; nothing when there is none.
    pub(super) fn planes(&self) -> Vec<&[u8]> {
        let Some(taken) = &self.taken else {
            return Vec::new();
        };
        let maps = &self.maps[taken.index];
        let slices = maps.iter().zip(&taken.data).map(|(map, (begin, end))| {
            let start = map.address.as_ptr().cast::<u8>().cast_const();
            // SAFETY: `map.len` bytes are mapped for reading as long as `self` lives, and the driver writes none of them:
            // this buffer was dequeued, and queueing it again takes `&mut self`.
            let whole = unsafe { std::slice::from_raw_parts(start, map.len) };
            &whole[*begin..*end]
        });
        slices.collect()
    }

    /// Gives the frame that was taken back to the driver, which fills it again.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        match self.taken.take() {
            // An index is one of the driver's, which are as many as the maps.
            Some(taken) => self.queue(u32::try_from(taken.index).unwrap_or(u32::MAX)),
            None => Ok(()),
        }
    }

    fn is_mplane(&self) -> bool {
        self.kind == CAPTURE_MPLANE
    }

    fn queue(&self, index: u32) -> io::Result<()> {
        self.request::<QUEUE>(index).map(|_| ())
    }

    fn map(&self, index: u32) -> io::Result<Vec<Mapping>> {
        let (buffer, planes) = self.request::<QUERY_BUFFER>(index)?;
        let device = self.device.as_fd();
        if !self.is_mplane() {
            let (offset, len) = (u64::from(buffer.m as u32), buffer.length as usize);
            return Ok(vec![Mapping::new(device, offset, len)?]);
        }
        let count = (buffer.length as usize).min(PLANES);
        let maps = planes[..count].iter();
        maps.map(|plane| {
            Mapping::new(
                device,
                u64::from(plane.offset as u32),
                plane.length as usize,
            )
        })
        .collect()
    }

    /// Sends a request about a buffer.
    fn request<const OPCODE: Opcode>(&self, index: u32) -> io::Result<(Buffer, [Plane; PLANES])> {
        let mut planes = [Plane::ZERO; PLANES];
        let mut buffer = Buffer {
            index,
            kind: self.kind,
            memory: MEMORY_MMAP,
            ..Buffer::ZERO
        };
        if self.is_mplane() {
            buffer.m = planes.as_mut_ptr().expose_provenance();
            buffer.length = PLANES as u32;
        }
        // SAFETY: all three requests take a `Buffer`; for a multi-planar kind its address is that of as many planes as its
        // length says, which this function alone uses meanwhile, and for others there is none. Its memory is MMAP: the
        // driver writes into its own buffers and not to an address of ours.
        unsafe { call::<OPCODE, Buffer>(self.device.as_fd(), &mut buffer) }?;
        Ok((buffer, planes))
    }
}

impl Drop for Buffers {
    fn drop(&mut self) {
        let mut kind = self.kind;
        let _ = stream_off(self.device.as_fd(), &mut kind);
        self.maps.clear();
        // Frees them, so that another format can be set.
        let mut none = RequestBuffers {
            kind,
            memory: MEMORY_MMAP,
            ..RequestBuffers::ZERO
        };
        let _ = request_buffers(self.device.as_fd(), &mut none);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that a C program printed, on a 64-bit system.
    #[test]
    fn requests_have_the_kernels_numbers() {
        assert_eq!(opcode::read::<Capability>(b'V', 0), 0x8068_5600);
        assert_eq!(opcode::read_write::<Format>(b'V', 5), 0xc0d0_5605);
        assert_eq!(opcode::read_write::<FormatMplane>(b'V', 5), 0xc0d0_5605);
        assert_eq!(
            opcode::read_write::<StreamParameters>(b'V', 22),
            0xc0cc_5616
        );
        assert_eq!(opcode::read::<Event>(b'V', 89), 0x8088_5659);
        assert_eq!(opcode::read::<Timings>(b'V', 99), 0x8084_5663);
        assert_eq!(opcode::read_write::<Timings>(b'V', 87), 0xc084_5657);
        assert_eq!(opcode::read::<u64>(b'V', 63), 0x8008_563f);
        assert_eq!(opcode::write::<u64>(b'V', 24), 0x4008_5618);
        assert_eq!((GET_CONTROLS, SET_CONTROLS), (0xc020_5647, 0xc020_5648));
        assert_eq!(QUERY_BUFFER, 0xc058_5609);
        assert_eq!((QUEUE, DEQUEUE), (0xc058_560f, 0xc058_5611));
        assert_eq!(opcode::write::<u32>(b'V', 18), 0x4004_5612);
        assert_eq!(
            opcode::read_write::<ControlDescription>(b'V', 103),
            0xc0e8_5667
        );
    }

    #[test]
    fn what_is_no_camera_answers_no_request() {
        let file = tempfile::tempfile().expect("a file");
        let mut capability = Capability::ZERO;
        let error = query_capability(file.as_fd(), &mut capability).expect_err("no camera");
        assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
        let file = Arc::new(OwnedFd::from(file));
        assert!(Buffers::new(file, CAPTURE_MPLANE, 4).is_err());
    }
}
