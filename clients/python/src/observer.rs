//! Looking at a bus from outside, and the test picture.

use std::sync::{Mutex, PoisonError};

use framebus::bus::{self, BusName, CopyError};
use framebus::clock;
use framebus::convert::gray_of;
use framebus::layout::Geometry;
use framebus::observe::{Baseline, Sampler, Thresholds};
use framebus::source::{FrameTarget, PatternSource, pattern};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::consumer::bus_name;
use crate::errors::{Error, attach, handle};

/// Sees a bus without an index or a lease, and changes nothing.
#[pyclass(frozen, subclass, module = "framebus")]
pub(crate) struct Observer {
    bus: BusName,
    sampler: Mutex<Sampler>,
}

/// A copied image: its size, its sequence, its bytes.
type Copied<'py> = (u32, u32, u64, Bound<'py, PyBytes>);

#[pymethods]
impl Observer {
    #[new]
    #[pyo3(signature = (bus=None))]
    fn new(bus: Option<String>) -> PyResult<Observer> {
        let bus = bus_name(bus)?;
        let sampler = Sampler::new(bus.clone(), Baseline::Start, Thresholds::default());
        Ok(Observer {
            bus,
            sampler: Mutex::new(sampler),
        })
    }

    /// One moment of the bus as JSON.
    fn snapshot_json(&self) -> PyResult<String> {
        let mut sampler = self.sampler.lock().unwrap_or_else(PoisonError::into_inner);
        sampler.check().map_err(|error| handle(&error))?;
        serde_json::to_string(&sampler.sample(false))
            .map_err(|error| Error::new_err(error.to_string()))
    }

    /// The newest gray frame: (width, height, sequence, bytes), or None before the first.
    fn peek_bytes<'py>(&self, py: Python<'py>) -> PyResult<Option<Copied<'py>>> {
        self.sampler
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .check()
            .map_err(|error| handle(&error))?;
        let observer = bus::Observer::open(&self.bus).map_err(|error| attach(&error))?;
        let mut image = Vec::new();
        let Some(plane) = observer.layout().best_for_gray() else {
            return Ok(None);
        };
        match observer.copy_latest(plane, &mut image) {
            Ok(copy) => Ok(gray_of(plane, &image).map(|gray| {
                let gray = PyBytes::new(py, &gray);
                (plane.width, plane.height, copy.sequence, gray)
            })),
            Err(CopyError::Empty) => Ok(None),
            Err(CopyError::Handle(error)) => Err(handle(&error)),
            Err(error) => Err(Error::new_err(error.to_string())),
        }
    }
}

fn size(width: u32, height: u32) -> PyResult<Geometry> {
    Geometry::new(width, height)
        .ok_or_else(|| PyValueError::new_err("width and height must be 1 to 32768"))
}

/// The moving test picture of `framebus produce pattern`.
#[pyclass(frozen, subclass, module = "framebus")]
pub(crate) struct Pattern {
    geometry: Geometry,
    source: Mutex<PatternSource>,
}

#[pymethods]
impl Pattern {
    #[new]
    fn new(width: u32, height: u32) -> PyResult<Pattern> {
        let geometry = size(width, height)?;
        Ok(Pattern {
            geometry,
            source: Mutex::new(PatternSource::new(geometry, None)),
        })
    }

    /// Draws a frame: its gray and its BGR bytes.
    fn draw_bytes<'py>(
        &self,
        py: Python<'py>,
        number: u64,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let mut gray = vec![0; self.geometry.gray_len()];
        let mut bgr = vec![0; self.geometry.bgr_len()];
        let mut target = FrameTarget::new(self.geometry, &mut gray, Some(&mut bgr));
        self.source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .draw_frame(number, &mut target)
            .map_err(|error| Error::new_err(error.to_string()))?;
        Ok((PyBytes::new(py, &gray), PyBytes::new(py, &bgr)))
    }

    #[getter]
    fn width(&self) -> u32 {
        self.geometry.width
    }

    #[getter]
    fn height(&self) -> u32 {
        self.geometry.height
    }
}

/// Checks that bytes are one whole gray frame of the test picture; returns its number.
#[pyfunction]
pub(crate) fn verify_pattern(width: u32, height: u32, gray: &[u8]) -> PyResult<u64> {
    pattern::verify(size(width, height)?, gray)
        .map_err(|torn| PyValueError::new_err(torn.to_string()))
}

/// The clock of capture_ns, publish_ns and wake_ns, which is time.monotonic_ns().
#[pyfunction]
pub(crate) fn monotonic_ns() -> u64 {
    clock::monotonic_ns()
}

/// The clock of wall_ns, which is time.time_ns().
#[pyfunction]
pub(crate) fn wall_ns() -> u64 {
    clock::wall_ns()
}
