//! The structures of `linux/videodev2.h` that are used here, as the kernel reads and writes them. Only plain numbers and
//! the padding that C has; `kernel.rs` alone hands them to the kernel.
//!
//! Unions are written out for the member that is used. Where a union holds a pointer it is aligned as one, which an empty
//! array of `usize` does.

use std::ffi::c_ulong;
use std::mem::size_of;

pub use crate::source::fourcc::FourCc;

pub(super) const CAPTURE: u32 = 1;
pub(super) const CAPTURE_MPLANE: u32 = 9;
pub(super) const MEMORY_MMAP: u32 = 1;
pub(super) const FIELD_ANY: u32 = 0;

pub(super) const CAP_VIDEO_CAPTURE: u32 = 0x1;
pub(super) const CAP_VIDEO_CAPTURE_MPLANE: u32 = 0x1000;
pub(super) const CAP_STREAMING: u32 = 0x0400_0000;
pub(super) const CAP_META_CAPTURE: u32 = 0x0080_0000;
pub(super) const CAP_DEVICE_CAPS: u32 = 0x8000_0000;
pub(super) const CAP_TIMEPERFRAME: u32 = 0x1000;

pub(super) const BUF_FLAG_ERROR: u32 = 0x40;
pub(super) const BUF_FLAG_TIMESTAMP_MASK: u32 = 0xe000;
pub(super) const BUF_FLAG_TIMESTAMP_MONOTONIC: u32 = 0x2000;
pub(super) const FMT_FLAG_EMULATED: u32 = 2;

pub(super) const INPUT_NO_POWER: u32 = 0x1;
pub(super) const INPUT_NO_SIGNAL: u32 = 0x2;
pub(super) const INPUT_NO_SYNC: u32 = 0x100 | 0x200;

pub(super) const INPUT_HAS_TIMINGS: u32 = 0x2;
pub(super) const INPUT_HAS_STANDARDS: u32 = 0x4;

pub(super) const EVENT_SOURCE_CHANGE: u32 = 5;

pub(super) const COLORSPACE_JPEG: u32 = 7;
pub(super) const QUANTIZATION_FULL: u32 = 1;
pub(super) const QUANTIZATION_LIMITED: u32 = 2;

pub(super) const CTRL_FLAG_DISABLED: u32 = 0x1;
pub(super) const CTRL_FLAG_READ_ONLY: u32 = 0x4;
pub(super) const CTRL_FLAG_INACTIVE: u32 = 0x10;
pub(super) const CTRL_FLAG_WRITE_ONLY: u32 = 0x40;
pub(super) const CTRL_FLAG_HAS_PAYLOAD: u32 = 0x100;
pub(super) const CTRL_FLAG_NEXT: u32 = 0x8000_0000;

pub(super) const CTRL_TYPE_BOOLEAN: u32 = 2;
pub(super) const CTRL_TYPE_MENU: u32 = 3;
pub(super) const CTRL_TYPE_BUTTON: u32 = 4;
pub(super) const CTRL_TYPE_CLASS: u32 = 6;
pub(super) const CTRL_TYPE_INTEGER64: u32 = 5;
pub(super) const CTRL_TYPE_BITMASK: u32 = 8;
pub(super) const CTRL_TYPE_INTEGER_MENU: u32 = 9;

/// Most planes that a frame can have.
pub(super) const PLANES: usize = 8;

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident[$size:expr] { $($field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        #[repr(C)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }
        const _: () = assert!(size_of::<$name>() == $size);
        impl Zero for $name {
            const ZERO: $name = $name { $($field: <$type as Zero>::ZERO,)* };
        }
    )*};
}

/// Nothing but zeros, which is what the kernel wants in every field that is not used.
pub(super) trait Zero: Copy {
    const ZERO: Self;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Zero for $type {
            const ZERO: $type = 0;
        }
    )*};
}

numbers! { u8 u16 u32 u64 i32 i64 usize }

impl<T: Zero, const N: usize> Zero for [T; N] {
    const ZERO: [T; N] = [T::ZERO; N];
}

impl Zero for FourCc {
    const ZERO: FourCc = FourCc(0);
}

impl Zero for libc::timeval {
    const ZERO: libc::timeval = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
}

const WORD: usize = size_of::<usize>();

structures! {
    /// `v4l2_capability`.
    Capability[104] {
        driver: [u8; 16],
        card: [u8; 32],
        bus_info: [u8; 32],
        version: u32,
        capabilities: u32,
        device_caps: u32,
        reserved: [u32; 3],
    }
    /// `v4l2_fmtdesc`.
    FormatDescription[64] {
        index: u32,
        kind: u32,
        flags: u32,
        description: [u8; 32],
        fourcc: FourCc,
        mbus_code: u32,
        reserved: [u32; 3],
    }
    /// `v4l2_frmsizeenum`; a discrete size is in `min_width` and `max_width`.
    FrameSize[44] {
        index: u32,
        fourcc: FourCc,
        kind: u32,
        min_width: u32,
        max_width: u32,
        step_width: u32,
        min_height: u32,
        max_height: u32,
        step_height: u32,
        reserved: [u32; 2],
    }
    /// `v4l2_frmivalenum`; a discrete interval is in `min`.
    FrameInterval[52] {
        index: u32,
        fourcc: FourCc,
        width: u32,
        height: u32,
        kind: u32,
        min: Fraction,
        max: Fraction,
        step: Fraction,
        reserved: [u32; 2],
    }
    /// `v4l2_fract`.
    Fraction[8] {
        numerator: u32,
        denominator: u32,
    }
    /// `v4l2_format` with a `v4l2_pix_format` in it.
    Format[200 + WORD] {
        kind: u32,
        aligned: [usize; 0],
        width: u32,
        height: u32,
        fourcc: FourCc,
        field: u32,
        bytes_per_line: u32,
        size_image: u32,
        colorspace: u32,
        private: u32,
        flags: u32,
        ycbcr: u32,
        quantization: u32,
        transfer: u32,
        rest: [u8; 152],
    }
    /// `v4l2_plane_pix_format`.
    PlaneFormat[20] {
        size_image: u32,
        bytes_per_line: u32,
        reserved: [u16; 6],
    }
    /// `v4l2_format` with a `v4l2_pix_format_mplane` in it.
    FormatMplane[200 + WORD] {
        kind: u32,
        aligned: [usize; 0],
        width: u32,
        height: u32,
        fourcc: FourCc,
        field: u32,
        colorspace: u32,
        planes: [PlaneFormat; PLANES],
        plane_count: u8,
        flags: u8,
        ycbcr: u8,
        quantization: u8,
        transfer: u8,
        reserved: [u8; 7],
        rest: [u8; 8],
    }
    /// `v4l2_streamparm` for capture.
    StreamParameters[204] {
        kind: u32,
        capability: u32,
        capture_mode: u32,
        interval: Fraction,
        extended_mode: u32,
        read_buffers: u32,
        reserved: [u32; 4],
        rest: [u8; 160],
    }
    /// `v4l2_requestbuffers`.
    RequestBuffers[20] {
        count: u32,
        kind: u32,
        memory: u32,
        capabilities: u32,
        flags: u32,
    }
    /// `v4l2_plane`.
    Plane[56 + WORD] {
        used: u32,
        length: u32,
        offset: c_ulong,
        data_offset: u32,
        reserved: [u32; 11],
    }
    /// `v4l2_timecode`.
    Timecode[16] {
        kind: u32,
        flags: u32,
        fields: [u8; 8],
    }
    /// `v4l2_buffer`. `m` is an offset, or the address of planes.
    Buffer[52 + 2 * WORD + size_of::<libc::timeval>() + (WORD - 4)] {
        index: u32,
        kind: u32,
        used: u32,
        flags: u32,
        field: u32,
        timestamp: libc::timeval,
        timecode: Timecode,
        sequence: u32,
        memory: u32,
        m: usize,
        length: u32,
        reserved: u32,
        request: u32,
    }
    /// `v4l2_input`.
    Input[80] {
        index: u32,
        name: [u8; 32],
        kind: u32,
        audioset: u32,
        tuner: u32,
        standards: [u32; 2],
        status: u32,
        capabilities: u32,
        reserved: [u32; 3],
        padding: u32,
    }
    /// `v4l2_dv_timings`, which is packed in C: the first numbers of `v4l2_bt_timings`, and the rest as it is.
    Timings[132] {
        kind: u32,
        width: u32,
        height: u32,
        interlaced: u32,
        rest: [u32; 29],
    }
    /// `v4l2_event_subscription`.
    Subscription[32] {
        kind: u32,
        id: u32,
        flags: u32,
        reserved: [u32; 5],
    }
    /// `v4l2_event`.
    Event[128 + WORD] {
        kind: u32,
        aligned: [u64; 0],
        data: [u8; 64],
        pending: u32,
        sequence: u32,
        timestamp: [libc::c_long; 2],
        id: u32,
        reserved: [u32; 8],
    }
    /// `v4l2_query_ext_ctrl`.
    ControlDescription[232] {
        id: u32,
        kind: u32,
        name: [u8; 32],
        minimum: i64,
        maximum: i64,
        step: u64,
        default: i64,
        flags: u32,
        element_size: u32,
        elements: u32,
        dimension_count: u32,
        dimensions: [u32; 4],
        reserved: [u32; 32],
    }
    /// `v4l2_ext_control` with a number in it; it is packed in C.
    Control[20] {
        id: u32,
        size: u32,
        reserved: u32,
        value: [u32; 2],
    }
    /// `v4l2_ext_controls`.
    Controls[16 + 2 * WORD] {
        which: u32,
        count: u32,
        error_index: u32,
        request: i32,
        reserved: u32,
        controls: usize,
    }
    /// `v4l2_querymenu`, which is packed in C; an item of numbers has an i64 at the beginning of `name`.
    MenuItem[44] {
        id: u32,
        index: u32,
        name: [u8; 32],
        reserved: u32,
    }
}

/// A text of the kernel, up to its first zero byte, without what is not printable.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    text.chars()
        .filter(|letter| !letter.is_control())
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_has_its_letters_as_its_name() {
        assert_eq!(FourCc::new(b"YUYV").to_string(), "YUYV");
        assert_eq!(FourCc::new(b"Y16 ").to_string(), "Y16");
        assert_eq!(FourCc::big_endian(b"Y16 ").to_string(), "Y16-BE");
        assert_eq!(FourCc(0x0a41_4243).to_string(), "CBA?");
    }

    #[test]
    fn a_text_of_a_device_has_no_escape_sequences() {
        assert_eq!(text(b"Cam\x1b[2J \0rest"), "Cam[2J");
    }
}
