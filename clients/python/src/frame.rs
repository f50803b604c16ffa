//! A frame under a lease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framebus::bus::{FrameInfo, OwnedFrame};
use framebus::layout::{Format, Geometry, PlaneSpec};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::{closed, handle};
use crate::views::{Image, Keep, Views, array, missing, names, spec};

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
    views: Views,
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

    /// The lease of a frame that is still held.
    fn lease(&self) -> PyResult<Arc<Lease>> {
        let held = self.lock();
        let held = held.as_ref().ok_or_else(|| closed("frame"))?;
        held.lease.check()?;
        Ok(Arc::clone(&held.lease))
    }

    /// The view of a plane that has been made.
    fn made(&self, py: Python<'_>, index: usize) -> PyResult<Option<Py<PyAny>>> {
        let held = self.lock();
        let held = held.as_ref().ok_or_else(|| closed("frame"))?;
        Ok(held.views[index].as_ref().map(|view| view.clone_ref(py)))
    }

    /// Keeps a view that has been made, unless another thread was quicker: everybody gets the same array.
    fn keep(&self, py: Python<'_>, index: usize, array: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let mut held = self.lock();
        let kept = &mut held.as_mut().ok_or_else(|| closed("frame"))?.views[index];
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
            views: Views::default(),
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

    /// The view of a plane, which is made when it is first asked for.
    fn view(&self, py: Python<'_>, spec: PlaneSpec) -> PyResult<Py<PyAny>> {
        let lease = self.cell.lease()?;
        let planes = lease.0.bus_planes();
        let Some((index, _)) = planes.find(&spec, self.geometry) else {
            return Err(match lease.0.find(spec) {
                Err(error) => missing(&error),
                Ok(_) => closed("frame"),
            });
        };
        if let Some(array) = self.cell.made(py, index)? {
            return Ok(array);
        }
        let view = lease.0.plane_at(index).ok_or_else(|| closed("frame"))?;
        let image = Image::new(view.plane, view.data);
        let made = array(py, image, true, lease)?;
        self.cell.keep(py, index, made)
    }
}

#[pymethods]
impl Frame {
    /// The gray image: a read-only NumPy array of shape (height, width) over shared memory. NoPlaneError on a bus without gray.
    #[getter]
    fn gray(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.view(py, Format::GRAY8.into())
    }

    /// The BGR image: a read-only array of shape (height, width, 3), or None on a bus without colour.
    #[getter]
    fn bgr(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let bgr = PlaneSpec::from(Format::BGR8);
        let lease = self.cell.lease()?;
        if lease.0.bus_planes().find(&bgr, self.geometry).is_none() {
            return Ok(None);
        }
        self.view(py, bgr).map(Some)
    }

    /// The image of a plane, as a read-only array in OpenCV's shape: gray (height, width), gray16 the same in uint16, bgr and
    /// rgb (height, width, 3), yuyv (height, width, 2), nv12 and i420 (height * 3 // 2, width). "gray/2" is the plane of half
    /// the width and height, "meta" the metadata. NoPlaneError on a bus without it.
    fn plane(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        self.view(py, spec(name)?)
    }

    /// What the planes are called: ("gray", "nv12", "gray/2").
    #[getter]
    fn planes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let lease = self.cell.lease()?;
        PyTuple::new(py, names(lease.0.bus_planes(), self.geometry))
    }

    /// What its producer says of it; empty on a bus without metadata.
    #[getter]
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.cell.lease()?.0.metadata()))
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
