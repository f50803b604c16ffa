//! A producer.

use std::ffi::c_char;
use std::ptr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use framebus::bus::{Claim, FrameMeta, Numbered, Producer, ProducerOptions, SequenceError};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::layout::Geometry;

use crate::consumer::bus_name;
use crate::guard::{borrow, guard, hand_out, planes, take_back, text};
use crate::plain::{self, Plain};
use crate::result::{fail, framebus_result, usable};

/// What a bus is to be.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_producer_options {
    /// sizeof(framebus_producer_options).
    pub size: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// How many consumers can be attached at a time; 0: 4.
    pub consumers: u32,
    /// Slots beyond consumers + 2: how far a reader of every frame may fall behind.
    pub history: u32,
    /// Not 0: a BGR plane in every slot.
    pub color: u32,
    /// Not 0: gray is limited-range luma (16 to 235).
    pub limited_range: u32,
    /// Mode bits of the segment and the named pipes: who else may use the bus; 0: 0600.
    pub mode: u32,
    /// Frames a second that the source announces; 0: not known.
    pub nominal_fps: f64,
    /// Name of the bus; NULL: $FRAMEBUS_BUS, else "cam0".
    pub bus: *const c_char,
    /// What is captured, as a person calls it; NULL: nothing.
    pub source: *const c_char,
    /// The images of each frame, such as "gray,bgr", "nv12", "gray,gray/4" (a quarter of the width and of the height) or
    /// "gray,meta/512" (512 bytes of metadata at most; 4096 without a number). NULL: gray, and BGR with color.
    pub planes: *const c_char,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_producer_options {}

/// A slot to write. Rows are packed: `stride` is `width`, `bgr_stride` is 3 * `width`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_target {
    /// sizeof(framebus_target).
    pub size: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row of the gray image; 0 without one.
    pub stride: u32,
    /// The gray image; its old contents are an older frame's. NULL on a bus without gray.
    pub gray: *mut u8,
    /// The BGR image; NULL on a bus without colour.
    pub bgr: *mut u8,
    /// Bytes from row to row of the BGR image; 0 without one.
    pub bgr_stride: u32,
    /// The slot's number.
    pub slot: u32,
    /// How many planes the bus has: framebus_producer_plane tells of each. Who publishes has written all of them.
    pub plane_count: u32,
    /// Zero.
    pub reserved: u32,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_target {}

/// What is known of a frame.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_meta {
    /// sizeof(framebus_meta).
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// When it was captured (framebus_monotonic_ns); 0: now.
    pub capture_ns: u64,
    /// The same moment by the wall clock (framebus_wall_ns); 0: now.
    pub wall_ns: u64,
    /// Its number in the source.
    pub source_frame: u64,
    /// The sequence that it has elsewhere, above that of the frame before; 0: one more than that. What is left out is
    /// `missing` for consumers.
    pub sequence: u64,
    /// Whose number that is, as you like: such as a hash of the far bus's name and start. 0: this bus's own.
    pub origin: u64,
    /// What is known of the frame beside that, as bytes that mean something to whoever reads them, such as JSON or CBOR: on a
    /// bus with the plane "meta". NULL: nothing.
    pub metadata: *const u8,
    /// Bytes of it.
    pub metadata_len: u64,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_meta {}

/// What a producer has done.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_producer_stats {
    /// sizeof(framebus_producer_stats).
    pub size: u32,
    /// How many consumers are connected.
    pub connected: u32,
    /// Sequence of the newest frame.
    pub sequence: u64,
    /// Frames published.
    pub published: u64,
    /// Frames that came and were not published.
    pub dropped: u64,
    /// How many of those because every slot was leased.
    pub starved: u64,
}

// SAFETY: numbers, the size first.
unsafe impl Plain for framebus_producer_stats {}

/// A bus with its producer, which is this process.
#[derive(Debug)]
pub struct framebus_producer(Mutex<Producer>);

impl framebus_producer {
    fn lock(&self) -> MutexGuard<'_, Producer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the slot that is claimed, which stays claimed.
    pub(crate) fn with_claim<R>(
        &self,
        use_it: impl FnOnce(&mut Claim<'_>) -> Result<R, framebus_result>,
    ) -> Result<R, framebus_result> {
        let mut producer = self.lock();
        usable(producer.check())?;
        let Some(mut claim) = producer.kept_claim() else {
            return Err(fail(framebus_result::NotClaimed, "no slot is claimed"));
        };
        let used = use_it(&mut claim);
        claim.keep();
        used
    }
}

impl framebus_producer_options {
    fn to_options(self) -> Result<ProducerOptions, framebus_result> {
        let invalid = |why: &str| fail(framebus_result::InvalidArgument, why);
        // SAFETY: the header asks for it.
        let bus = unsafe { text(self.bus, "the name of the bus") }?;
        // SAFETY: the header asks for it.
        let source = unsafe { text(self.source, "the source") }?;
        let geometry = Geometry::new(self.width, self.height)
            .ok_or_else(|| invalid("width and height must be 1 to 32768"))?;
        let mut options = ProducerOptions::new(bus_name(bus)?, geometry);
        if self.consumers != 0 {
            options.consumers = u8::try_from(self.consumers)
                .map_err(|_| invalid("a bus has at most 250 consumers"))?;
        }
        options.history =
            u8::try_from(self.history).map_err(|_| invalid("a bus has at most 254 slots"))?;
        // SAFETY: the header asks for it.
        let planes = unsafe { planes(self.planes, "the list of planes") }?;
        if !planes.is_empty() {
            options = options.planes(planes);
        }
        if self.color != 0 {
            options = options.color(true);
        }
        if self.limited_range != 0 {
            options = options.limited_range(true);
        }
        let fps = self.nominal_fps;
        if !(0.0..=4e6).contains(&fps) {
            return Err(invalid("nominal_fps makes no sense"));
        }
        options.nominal_fps = (fps > 0.0).then_some(fps);
        if self.mode != 0 {
            options.mode = self.mode & 0o666;
        }
        options.source = source.unwrap_or_default().to_owned();
        Ok(options)
    }
}

/// Makes a bus, replacing what a dead producer left under its name. Close it with framebus_producer_close, which ends the
/// stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_create(
    options: *const framebus_producer_options,
    producer: *mut *mut framebus_producer,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let options = unsafe { plain::read(options) }?.to_options()?;
        let made = Producer::create(options).map_err(|error| fail((&error).into(), error))?;
        // SAFETY: the header asks for it.
        unsafe { hand_out(producer, framebus_producer(Mutex::new(made))) }
    })
}

/// Claims a slot for the next frame; never waits. Its images may be written until it is published or given back, and
/// claiming again gives it back. Returns OK, or STARVED: the frame is lost, and counted; or CUT_SHORT, OTHER_PROCESS.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_claim(
    producer: *const framebus_producer,
    target: *mut framebus_target,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let producer = unsafe { borrow(producer, "the producer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(target, "the target") }?;
        let mut producer = producer.lock();
        if let Some(pid) = producer.taken_by() {
            let text = format!("the bus was taken over by pid {pid} while its names were gone");
            return Err(fail(framebus_result::HasProducer, &text));
        }
        let claim = producer
            .claim()
            .map_err(|error| fail((&error).into(), error))?;
        let Some(mut claim) = claim else {
            return Ok(framebus_result::Starved);
        };
        let slot = claim.slot().into();
        let plane_count = claim.bus_planes().len() as u32;
        let images = claim.target();
        let width = images.geometry.width;
        let bgr_stride = if images.bgr.is_some() { 3 * width } else { 0 };
        let value = framebus_target {
            size: 0,
            width,
            height: images.geometry.height,
            stride: if images.gray.is_some() { width } else { 0 },
            gray: images.gray.map_or(ptr::null_mut(), <[u8]>::as_mut_ptr),
            bgr: images.bgr.map_or(ptr::null_mut(), <[u8]>::as_mut_ptr),
            bgr_stride,
            slot,
            plane_count,
            reserved: 0,
        };
        claim.keep();
        // SAFETY: the header asks for it.
        unsafe { plain::write(target, len, &value) };
        Ok(framebus_result::Ok)
    })
}

/// Publishes the claimed slot and triggers the consumers; never waits. meta may be NULL (captured now), sequence too. The
/// images must not be written any more. Returns OK, NOT_CLAIMED, INVALID_ARGUMENT when meta's sequence is not above the
/// last or its metadata are too long, or NO_IMAGE for metadata on a bus without them: the slot is still claimed then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_publish(
    producer: *const framebus_producer,
    meta: *const framebus_meta,
    sequence: *mut u64,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let producer = unsafe { borrow(producer, "the producer") }?;
        // SAFETY: the header asks for it.
        let meta = unsafe { plain::read(meta) }?;
        let or_now = |ns: u64, now: fn() -> u64| if ns == 0 { now() } else { ns };
        let mut producer = producer.lock();
        usable(producer.check())?;
        let number = Numbered {
            sequence: match meta.sequence {
                0 => producer.stats().sequence + 1,
                given => given,
            },
            origin: meta.origin,
        };
        let invalid = |error: SequenceError| fail(framebus_result::InvalidArgument, error);
        producer.check_sequence(number.sequence).map_err(invalid)?;
        let Some(mut claim) = producer.kept_claim() else {
            return Err(fail(framebus_result::NotClaimed, "no slot is claimed"));
        };
        if !meta.metadata.is_null() {
            let len = usize::try_from(meta.metadata_len).unwrap_or(usize::MAX);
            // SAFETY: not null, and the header asks for so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(meta.metadata, len) };
            if let Err(error) = claim.set_metadata(bytes) {
                claim.keep();
                return Err(fail((&error).into(), error));
            }
        }
        let known = FrameMeta {
            capture_ns: or_now(meta.capture_ns, monotonic_ns),
            wall_ns: or_now(meta.wall_ns, wall_ns),
            source_frame: meta.source_frame,
        };
        let published = claim.publish_as(known, number).map_err(invalid)?;
        if !sequence.is_null() {
            // SAFETY: not null, and the header asks for the rest.
            unsafe { sequence.write(published) };
        }
        Ok(framebus_result::Ok)
    })
}

/// Gives a claimed slot back without publishing it, and counts the frame as dropped. Without one it does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_abandon(
    producer: *const framebus_producer,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let producer = unsafe { borrow(producer, "the producer") }?;
        let mut producer = producer.lock();
        if producer.kept_claim().is_some() {
            producer.count_dropped();
        }
        Ok(framebus_result::Ok)
    })
}

/// Tells what the producer has done so far.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_get_stats(
    producer: *const framebus_producer,
    stats: *mut framebus_producer_stats,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let producer = unsafe { borrow(producer, "the producer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(stats, "the statistics") }?;
        let producer = producer.lock();
        let done = producer.stats();
        let value = framebus_producer_stats {
            size: 0,
            connected: u32::try_from(producer.connected()).unwrap_or(u32::MAX),
            sequence: done.sequence,
            published: done.published,
            dropped: done.dropped,
            starved: done.starved,
        };
        // SAFETY: the header asks for it.
        unsafe { plain::write(stats, len, &value) };
        Ok(framebus_result::Ok)
    })
}

/// Ends the stream and removes the bus: consumers take the last frame and then see ENDED. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_close(producer: *mut framebus_producer) {
    guard(|| {
        // SAFETY: the header asks for it.
        drop(unsafe { take_back(producer) });
        Ok(framebus_result::Ok)
    });
}
