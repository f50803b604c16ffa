//! A claimed slot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framebus::bus::{self, FrameMeta, MetadataError, Numbered, SequenceError};
use framebus::clock;
use framebus::convert::Images;
use framebus::layout::{Format, Geometry, PlaneSpec, Planes};
use pyo3::exceptions::{PyBufferError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyTuple;

use crate::errors::{NoPlaneError, closed, handle, taken};
use crate::views::{Image, Keep, Views, array, missing, names, spec};

/// The bus, kept alive by the producer and by every view of a slot.
pub(crate) struct Bus(Mutex<Option<bus::Producer>>);

impl Bus {
    pub(crate) fn new(producer: bus::Producer) -> Bus {
        Bus(Mutex::new(Some(producer)))
    }

    /// The producer; `None` once it is closed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<bus::Producer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One claim: while more than its slot and its producer hold it, somebody has a view.
struct Claimed {
    #[allow(dead_code, reason = "kept alive, not used")]
    bus: Arc<Bus>,
}

impl Keep for Claimed {}

/// What a slot has until it is published or given back.
pub(crate) struct Claim {
    geometry: Geometry,
    planes: Planes,
    images: [Option<Image>; Planes::MAX],
    parts: Mutex<Option<Parts>>,
}

struct Parts {
    claimed: Arc<Claimed>,
    views: Views,
}

impl Claim {
    /// Claims a slot; `None` when every slot is leased.
    pub(crate) fn take(bus: &Arc<Bus>) -> PyResult<Option<Claim>> {
        let mut guard = bus.lock();
        let producer = guard.as_mut().ok_or_else(|| closed("producer"))?;
        if let Some(pid) = producer.taken_by() {
            return Err(taken(pid));
        }
        let Some(mut claim) = producer.claim().map_err(|error| handle(&error))? else {
            return Ok(None);
        };
        let (geometry, planes) = (claim.geometry(), claim.bus_planes());
        let mut images = [None; Planes::MAX];
        for (place, (plane, pixels)) in images.iter_mut().zip(claim.images()) {
            *place = Some(Image::of_writable(plane, pixels));
        }
        claim.keep();
        let claimed = Arc::new(Claimed {
            bus: Arc::clone(bus),
        });
        Ok(Some(Claim {
            geometry,
            planes,
            images,
            parts: Mutex::new(Some(Parts {
                claimed,
                views: Views::default(),
            })),
        }))
    }

    /// Locked for a few instructions and never while Python runs: arrays are made, and let go, outside it.
    fn parts(&self) -> MutexGuard<'_, Option<Parts>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, unless somebody still has a view into it.
    pub(crate) fn end(&self) -> PyResult<bool> {
        let own_views = match self.parts().as_mut() {
            None => return Ok(false),
            Some(parts) => std::mem::take(&mut parts.views),
        };
        drop(own_views);
        let mut guard = self.parts();
        let Some(parts) = guard.as_ref() else {
            return Ok(false);
        };
        if Arc::strong_count(&parts.claimed) > 1 {
            return Err(PyBufferError::new_err(
                "a view of the claimed slot is still alive: del it (or let it go with its function) first",
            ));
        }
        let ended = guard.take();
        drop(guard);
        drop(ended);
        Ok(true)
    }
}

fn invalid(error: SequenceError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A slot to write. As a context manager it publishes at the end, or gives the slot back after an exception.
#[pyclass(frozen, module = "framebus")]
pub(crate) struct Slot {
    bus: Arc<Bus>,
    claim: Arc<Claim>,
}

impl Slot {
    pub(crate) fn new(bus: Arc<Bus>, claim: Arc<Claim>) -> Slot {
        Slot { bus, claim }
    }

    /// Refuses a bus that was cut short, and a slot that belongs to the process that this one was forked from.
    fn check(&self) -> PyResult<()> {
        match self.bus.lock().as_ref() {
            Some(bus) => bus.check().map_err(|error| handle(&error)),
            None => Ok(()),
        }
    }

    /// The number of a plane, of which there is an image to write.
    fn find(&self, spec: PlaneSpec) -> PyResult<usize> {
        if let Some((index, _)) = self.claim.planes.find(&spec, self.claim.geometry) {
            return Ok(index);
        }
        let found = self.with_claim(|claim| claim.find(spec).map(|_| ()))?;
        Err(found.map_or_else(|error| missing(&error), |()| closed("slot")))
    }

    /// Uses the claim, which stays as it is.
    fn with_claim<R>(&self, use_it: impl FnOnce(&mut bus::Claim<'_>) -> R) -> PyResult<R> {
        if self.claim.parts().is_none() {
            return Err(closed("slot"));
        }
        let mut bus = self.bus.lock();
        let claim = bus.as_mut().and_then(bus::Producer::kept_claim);
        let mut claim = claim.ok_or_else(|| closed("slot"))?;
        let used = use_it(&mut claim);
        claim.keep();
        Ok(used)
    }

    fn view(&self, py: Python<'_>, spec: PlaneSpec) -> PyResult<Py<PyAny>> {
        self.check()?;
        let index = self.find(spec)?;
        let image = self.claim.images[index].ok_or_else(|| closed("slot"))?;
        if image.is_meta() {
            return Err(PyValueError::new_err(
                "metadata are written by publish(metadata=...)",
            ));
        }
        let claimed = {
            let guard = self.claim.parts();
            let parts = guard.as_ref().ok_or_else(|| closed("slot"))?;
            if let Some(array) = &parts.views[index] {
                return Ok(array.clone_ref(py));
            }
            Arc::clone(&parts.claimed)
        };
        let made = array(py, image, false, claimed)?;
        let mut guard = self.claim.parts();
        let kept = &mut guard.as_mut().ok_or_else(|| closed("slot"))?.views[index];
        // Another thread may have been quicker: everybody gets the same array.
        let other = kept.as_ref().map(|other| other.clone_ref(py));
        if other.is_none() {
            *kept = Some(made.clone_ref(py));
        }
        drop(guard);
        Ok(other.unwrap_or(made))
    }

    /// Refuses metadata that the bus has no room for.
    fn check_metadata(&self, bytes: &[u8]) -> PyResult<()> {
        let planes = &self.claim.planes;
        let room = planes.iter().find(|plane| plane.format == Format::META);
        let Some(room) = room else {
            return Err(NoPlaneError::new_err(MetadataError::NoPlane.to_string()));
        };
        let (len, most) = (bytes.len(), room.bytes());
        if len > most {
            let error = MetadataError::TooLong { len, most };
            return Err(PyValueError::new_err(error.to_string()));
        }
        Ok(())
    }
}

#[pymethods]
impl Slot {
    /// The gray image to write: an array of shape (height, width) over shared memory. NoPlaneError on a bus without gray.
    #[getter]
    fn gray(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.view(py, Format::GRAY8.into())
    }

    /// The BGR image to write: an array of shape (height, width, 3), or None on a bus without colour.
    #[getter]
    fn bgr(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let bgr = PlaneSpec::from(Format::BGR8);
        if self.claim.planes.find(&bgr, self.claim.geometry).is_none() {
            return Ok(None);
        }
        self.view(py, bgr).map(Some)
    }

    /// The image of a plane to write, in OpenCV's shape: see Frame.plane(). NoPlaneError on a bus without it.
    fn plane(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        self.view(py, spec(name)?)
    }

    /// Pixels in a row.
    #[getter]
    fn width(&self) -> u32 {
        self.claim.geometry.width
    }

    /// Rows.
    #[getter]
    fn height(&self) -> u32 {
        self.claim.geometry.height
    }

    /// What the planes are called: ("gray", "nv12", "gray/2"). Who publishes has written every image, or calls fill_rest().
    #[getter]
    fn planes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, names(&self.claim.planes, self.claim.geometry))
    }

    /// Makes all other images from those that are written, whose names are given: gray from gray, else from BGR, or from
    /// another image in the frame's own size. NoPlaneError where that cannot be.
    #[pyo3(signature = (*written))]
    fn fill_rest(&self, py: Python<'_>, written: Vec<String>) -> PyResult<()> {
        self._fill_rest(py, written, None, None)
    }

    /// The same, also from images that the bus has no plane for: their packed bytes.
    fn _fill_rest(
        &self,
        py: Python<'_>,
        written: Vec<String>,
        gray: Option<PyBackedBytes>,
        bgr: Option<PyBackedBytes>,
    ) -> PyResult<()> {
        self.check()?;
        let numbers = written.iter().map(|name| self.find(spec(name)?));
        let numbers = numbers.collect::<PyResult<Vec<_>>>()?;
        let images = Images {
            geometry: self.claim.geometry,
            gray: gray.as_deref(),
            bgr: bgr.as_deref(),
        };
        py.detach(|| self.with_claim(|claim| claim.fill_rest(&numbers, &images)))?
            .map_err(|error| NoPlaneError::new_err(error.to_string()))
    }

    /// Publishes the frame; no view of the slot may be left. Returns its sequence. A frame that has a number elsewhere keeps
    /// it with `sequence` (above the last one) and `origin` (whose number that is). `metadata`, on a bus with the plane meta:
    /// bytes that mean something to whoever reads them, such as JSON.
    #[pyo3(signature = (source_frame=0, *, capture_ns=None, wall_ns=None, sequence=None, origin=0, metadata=None))]
    fn publish(
        &self,
        source_frame: u64,
        capture_ns: Option<u64>,
        wall_ns: Option<u64>,
        sequence: Option<u64>,
        origin: u64,
        metadata: Option<PyBackedBytes>,
    ) -> PyResult<u64> {
        self.check()?;
        if let Some(metadata) = &metadata {
            self.check_metadata(metadata)?;
        }
        let number = {
            let bus = self.bus.lock();
            let bus = bus.as_ref().ok_or_else(|| closed("producer"))?;
            let sequence = sequence.unwrap_or_else(|| bus.stats().sequence + 1);
            bus.check_sequence(sequence).map_err(invalid)?;
            Numbered { sequence, origin }
        };
        if !self.claim.end()? {
            return Err(closed("slot"));
        }
        let mut bus = self.bus.lock();
        let mut claim = bus
            .as_mut()
            .and_then(bus::Producer::kept_claim)
            .ok_or_else(|| closed("slot"))?;
        if let Some(metadata) = metadata {
            let kept = claim.set_metadata(&metadata);
            kept.map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        let meta = FrameMeta {
            capture_ns: capture_ns.unwrap_or_else(clock::monotonic_ns),
            wall_ns: wall_ns.unwrap_or_else(clock::wall_ns),
            source_frame,
        };
        claim.publish_as(meta, number).map_err(invalid)
    }

    /// Gives the slot back without publishing it, and counts the frame as dropped.
    fn abandon(&self) -> PyResult<()> {
        if self.claim.end()?
            && let Some(bus) = self.bus.lock().as_mut()
            && bus.kept_claim().is_some()
        {
            bus.count_dropped();
        }
        Ok(())
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (error, *_rest))]
    fn __exit__(
        &self,
        error: &Bound<'_, PyAny>,
        _rest: &Bound<'_, pyo3::types::PyTuple>,
    ) -> PyResult<()> {
        if self.claim.parts().is_none() {
            return Ok(());
        }
        if !error.is_none() {
            // A view may be in the exception's traceback; the next claim gives the slot back then.
            let _ = self.abandon();
            return Ok(());
        }
        self.publish(0, None, None, None, 0, None).map(|_| ())
    }
}
