//! An observer: sees everything, changes nothing.

use std::ffi::{CString, c_char};
use std::sync::{Mutex, PoisonError};

use framebus::bus::{BusName, Observer};
use framebus::convert::gray_into;
use framebus::observe::{Baseline, Sampler, Thresholds};

use crate::consumer::bus_name;
use crate::guard::{borrow, guard, hand_out, take_back, text};
use crate::plain::{self, Plain};
use crate::result::{fail, framebus_result, usable};

/// A view of a bus from outside: no lock, no consumer index, no lease.
#[derive(Debug)]
pub struct framebus_observer(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    bus: BusName,
    sampler: Sampler,
    json: CString,
    view: Option<Observer>,
    image: Vec<u8>,
}

/// A copy of the newest gray frame.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_picture {
    /// sizeof(framebus_picture).
    pub size: u32,
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The slot it was in.
    pub slot: u32,
    /// Its sequence.
    pub sequence: u64,
    /// When it was captured (framebus_monotonic_ns).
    pub capture_ns: u64,
}

// SAFETY: numbers, the size first.
unsafe impl Plain for framebus_picture {}

/// Makes an observer of a bus, which need not be there yet; bus may be NULL: $FRAMEBUS_BUS, else "cam0".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_observer_open(
    bus: *const c_char,
    observer: *mut *mut framebus_observer,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let bus = bus_name(unsafe { text(bus, "the name of the bus") }?)?;
        let inner = Inner {
            sampler: Sampler::new(bus.clone(), Baseline::Start, Thresholds::default()),
            bus,
            json: CString::default(),
            view: None,
            image: Vec::new(),
        };
        // SAFETY: the header asks for it.
        unsafe { hand_out(observer, framebus_observer(Mutex::new(inner))) }
    })
}

/// Takes a snapshot of the bus as JSON, as `framebus top --once --json` prints it. Rates are over the time since the
/// snapshot before; the first has none. A bus that is not there is a snapshot too (`"state": "absent"`). The text is
/// valid until the next snapshot.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_observer_snapshot(
    observer: *const framebus_observer,
    json: *mut *const c_char,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let observer = unsafe { borrow(observer, "the observer") }?;
        if json.is_null() {
            return Err(fail(
                framebus_result::InvalidArgument,
                "the place for the text is NULL",
            ));
        }
        let mut inner = observer.0.lock().unwrap_or_else(PoisonError::into_inner);
        usable(inner.sampler.check())?;
        let snapshot = inner.sampler.sample(false);
        let text = serde_json::to_string(&snapshot)
            .map_err(|error| fail(framebus_result::Internal, error))?;
        inner.json = CString::new(text).map_err(|error| fail(framebus_result::Internal, error))?;
        // SAFETY: not null, and the header asks for the rest.
        unsafe { json.write(inner.json.as_ptr()) };
        Ok(framebus_result::Ok)
    })
}

fn no_gray() -> framebus_result {
    fail(
        framebus_result::NoImage,
        "the bus has no plane that can be shown in gray",
    )
}

/// Copies the newest gray frame, checked to be whole, as packed rows; takes no lease. With too small a buffer (NULL and 0
/// will do) it returns BUFFER_TOO_SMALL and tells the size. Returns OK, NO_FRAME, NO_BUS, TORN, or another error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_observer_peek(
    observer: *const framebus_observer,
    gray: *mut u8,
    gray_len: usize,
    picture: *mut framebus_picture,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let observer = unsafe { borrow(observer, "the observer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(picture, "the picture") }?;
        let mut inner = observer.0.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        usable(inner.sampler.check())?;
        if !inner.view.as_ref().is_some_and(Observer::is_linked) {
            let view = Observer::open(&inner.bus).map_err(|error| fail((&error).into(), error))?;
            inner.view = Some(view);
        }
        let Some(view) = &inner.view else {
            return Ok(framebus_result::NoFrame);
        };
        let Some(plane) = view.layout().best_for_gray() else {
            return Err(no_gray());
        };
        let geometry = plane.size().unwrap_or(view.layout().geometry);
        let mut value = framebus_picture {
            size: 0,
            width: geometry.width,
            height: geometry.height,
            slot: 0,
            sequence: 0,
            capture_ns: 0,
        };
        if gray.is_null() || gray_len < geometry.gray_len() {
            // SAFETY: the header asks for it.
            unsafe { plain::write(picture, len, &value) };
            let needed = geometry.gray_len();
            return Err(fail(
                framebus_result::BufferTooSmall,
                format_args!("an image of {geometry} has {needed} bytes, the buffer {gray_len}"),
            ));
        }
        let copy = view
            .copy_latest(plane, &mut inner.image)
            .map_err(|error| fail((&error).into(), error))?;
        value.slot = copy.slot.into();
        value.sequence = copy.sequence;
        value.capture_ns = copy.capture_ns;
        // SAFETY: the buffer has `gray_len` bytes, as the header asks, and is the caller's own.
        let buffer = unsafe { std::slice::from_raw_parts_mut(gray, geometry.gray_len()) };
        if !gray_into(plane, &inner.image, buffer) {
            return Err(no_gray());
        }
        // SAFETY: the header asks for it.
        unsafe { plain::write(picture, len, &value) };
        Ok(framebus_result::Ok)
    })
}

/// Forgets the bus. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_observer_close(observer: *mut framebus_observer) {
    guard(|| {
        // SAFETY: the header asks for it.
        drop(unsafe { take_back(observer) });
        Ok(framebus_result::Ok)
    });
}
