//! A frame under a lease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framebus::bus::{FrameInfo, OwnedFrame};
use framebus::layout::Geometry;
use pyo3::prelude::*;

use crate::errors::{closed, handle};
use crate::views::{Image, Keep, array};

/// The lease. A forked child has a copy of it, and the library sees to it that the child gives nothing back.
pub(crate) struct Lease(OwnedFrame);

impl Keep for Lease {}

impl Lease {
    /// Refuses pixels that are gone, and a lease that is another process's.
    fn check(&self) -> PyResult<()> {
        self.0.check().map_err(|error| handle(&error))
    }
}

/// What a frame has until it is released.
struct Held {
    lease: Arc<Lease>,
    gray: Option<Py<PyAny>>,
    bgr: Option<Py<PyAny>>,
}

impl Held {
    fn view(&mut self, bgr: bool) -> &mut Option<Py<PyAny>> {
        if bgr { &mut self.bgr } else { &mut self.gray }
    }
}

/// Shared by a frame and its consumer, who releases it when the next one is taken.
///
/// Its lock is held for a few instructions and never while Python runs, which may let another thread go on or run a
/// finalizer that asks for the same frame: arrays are made, and let go, outside it.
#[derive(Default)]
pub(crate) struct Cell(Mutex<Option<Held>>);

impl Cell {
    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the frame go; its views keep the lease as long as they live.
    pub(crate) fn release(&self) {
        let held = self.lock().take();
        drop(held);
    }

    /// The view that has been made, or the lease to make it from.
    fn find(&self, py: Python<'_>, bgr: bool) -> PyResult<Result<Py<PyAny>, Arc<Lease>>> {
        let mut held = self.lock();
        let held = held.as_mut().ok_or_else(|| closed("frame"))?;
        held.lease.check()?;
        Ok(match held.view(bgr) {
            Some(array) => Ok(array.clone_ref(py)),
            None => Err(Arc::clone(&held.lease)),
        })
    }

    /// Keeps a view that has been made, unless another thread was quicker: everybody gets the same array.
    fn keep(&self, py: Python<'_>, bgr: bool, array: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let mut held = self.lock();
        let kept = held.as_mut().ok_or_else(|| closed("frame"))?.view(bgr);
        let other = kept.as_ref().map(|other| other.clone_ref(py));
        if other.is_none() {
            *kept = Some(array.clone_ref(py));
        }
        drop(held);
        Ok(other.unwrap_or(array))
    }
}

/// A frame: its pixels do not change until it is released and the last view of it is gone.
#[pyclass(frozen, module = "framebus")]
pub(crate) struct Frame {
    cell: Arc<Cell>,
    info: FrameInfo,
    geometry: Geometry,
}

impl Frame {
    pub(crate) fn new(frame: OwnedFrame) -> Frame {
        let (info, geometry) = (*frame.info(), frame.geometry());
        let held = Held {
            lease: Arc::new(Lease(frame)),
            gray: None,
            bgr: None,
        };
        Frame {
            cell: Arc::new(Cell(Mutex::new(Some(held)))),
            info,
            geometry,
        }
    }

    pub(crate) fn cell(&self) -> &Arc<Cell> {
        &self.cell
    }

    /// A view, which is made when it is first asked for; `None` when there is no such image.
    fn view(&self, py: Python<'_>, bgr: bool) -> PyResult<Option<Py<PyAny>>> {
        let lease = match self.cell.find(py, bgr)? {
            Ok(array) => return Ok(Some(array)),
            Err(lease) => lease,
        };
        let pixels = if bgr { lease.0.bgr() } else { lease.0.gray() };
        let Some(pixels) = pixels else {
            return Ok(None);
        };
        let image = Image {
            address: pixels.as_ptr().expose_provenance(),
            width: self.geometry.width,
            height: self.geometry.height,
            bgr,
        };
        let made = array(py, image, true, lease)?;
        self.cell.keep(py, bgr, made).map(Some)
    }
}

#[pymethods]
impl Frame {
    /// The gray image: a read-only NumPy array of shape (height, width) over shared memory.
    #[getter]
    fn gray(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.view(py, false)
    }

    /// The BGR image: a read-only array of shape (height, width, 3), or None on a bus without colour.
    #[getter]
    fn bgr(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.view(py, true)
    }

    /// Gives the frame back, once the last view of it is gone too. Taking the next one does it as well.
    fn release(&self) {
        self.cell.release();
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.cell.release();
    }

    /// Pixels in a row.
    #[getter]
    fn width(&self) -> u32 {
        self.geometry.width
    }

    /// Rows.
    #[getter]
    fn height(&self) -> u32 {
        self.geometry.height
    }

    /// Its sequence: from 1, strictly increasing.
    #[getter]
    fn sequence(&self) -> u64 {
        self.info.sequence
    }

    /// How many frames went by between the one taken before and this one.
    #[getter]
    fn skipped(&self) -> u64 {
        self.info.skipped
    }

    /// How many numbers between the two no frame has: only where a publisher gives the numbers.
    #[getter]
    fn missing(&self) -> u64 {
        self.info.missing
    }

    /// Whose number the sequence is: 0 for this bus's own.
    #[getter]
    fn origin(&self) -> u64 {
        self.info.origin
    }

    /// The slot it is in.
    #[getter]
    fn slot(&self) -> u8 {
        self.info.slot
    }

    /// Its number in the source.
    #[getter]
    fn source_frame(&self) -> u64 {
        self.info.source_frame
    }

    /// When it was captured (time.monotonic_ns()).
    #[getter]
    fn capture_ns(&self) -> u64 {
        self.info.capture_ns
    }

    /// When it was published (time.monotonic_ns()).
    #[getter]
    fn publish_ns(&self) -> u64 {
        self.info.publish_ns
    }

    /// When this consumer had it (time.monotonic_ns()).
    #[getter]
    fn wake_ns(&self) -> u64 {
        self.info.wake_ns
    }

    /// When it was captured (time.time_ns()).
    #[getter]
    fn wall_ns(&self) -> u64 {
        self.info.wall_ns
    }

    fn __repr__(&self) -> String {
        format!("<framebus.Frame {} {}>", self.info.sequence, self.geometry)
    }
}
