//! A frame under a lease.

use std::sync::{Arc, Mutex, PoisonError};

use framebus::bus::{FrameInfo, OwnedFrame};
use framebus::layout::Geometry;
use pyo3::prelude::*;

use crate::errors::closed;
use crate::views::{Image, Keep, array};

/// The lease. A forked child has a copy of it, and the library sees to it that the child gives nothing back.
pub(crate) struct Lease(OwnedFrame);

impl Keep for Lease {}

/// What a frame has until it is released.
struct Held {
    lease: Arc<Lease>,
    gray: Option<Py<PyAny>>,
    bgr: Option<Py<PyAny>>,
}

/// Shared by a frame and its consumer, who releases it when the next one is taken.
#[derive(Default)]
pub(crate) struct Cell(Mutex<Option<Held>>);

impl Cell {
    /// Lets the frame go; its views keep the lease as long as they live.
    pub(crate) fn release(&self) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Outside the lock: arrays go, and what they kept.
        drop(held);
    }

    fn with<R>(&self, use_it: impl FnOnce(&mut Held) -> PyResult<R>) -> PyResult<R> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        use_it(held.as_mut().ok_or_else(|| closed("frame"))?)
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

    fn view(&self, py: Python<'_>, lease: &Arc<Lease>, bgr: bool) -> PyResult<Option<Py<PyAny>>> {
        let pixels = if bgr {
            lease.0.bgr()
        } else {
            Some(lease.0.gray())
        };
        let Some(pixels) = pixels else {
            return Ok(None);
        };
        let image = Image {
            address: pixels.as_ptr().expose_provenance(),
            width: self.geometry.width,
            height: self.geometry.height,
            bgr,
        };
        array(py, image, true, Arc::clone(lease) as Arc<dyn Keep>).map(Some)
    }
}

#[pymethods]
impl Frame {
    /// The gray image: a read-only NumPy array of shape (height, width) over shared memory.
    #[getter]
    fn gray(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.cell.with(|held| {
            if held.gray.is_none() {
                held.gray = self.view(py, &held.lease, false)?;
            }
            held.gray
                .as_ref()
                .map(|array| array.clone_ref(py))
                .ok_or_else(|| closed("frame"))
        })
    }

    /// The BGR image: a read-only array of shape (height, width, 3), or None on a bus without colour.
    #[getter]
    fn bgr(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.cell.with(|held| {
            if held.bgr.is_none() {
                held.bgr = self.view(py, &held.lease, true)?;
            }
            Ok(held.bgr.as_ref().map(|array| array.clone_ref(py)))
        })
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
