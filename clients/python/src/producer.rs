//! A producer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use framebus::bus::{self, ProducerOptions};
use framebus::layout::Geometry;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::consumer::bus_name;
use crate::errors::{closed, create};
use crate::slot::{Bus, Claim, Slot};
use crate::views::PlaneList;

/// Makes a bus: this process is its producer.
#[pyclass(frozen, subclass, module = "framebus")]
pub(crate) struct Producer {
    bus: Arc<Bus>,
    current: Mutex<Option<Arc<Claim>>>,
}

impl Producer {
    fn lock(&self) -> MutexGuard<'_, Option<bus::Producer>> {
        self.bus.lock()
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<Claim>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_claim(&self) -> PyResult<bool> {
        let current = self.current().clone();
        let Some(claim) = current else {
            return Ok(false);
        };
        let ended = claim.end()?;
        let mut current = self.current();
        if current
            .as_ref()
            .is_some_and(|other| Arc::ptr_eq(other, &claim))
        {
            *current = None;
        }
        Ok(ended)
    }
}

#[pymethods]
impl Producer {
    #[new]
    #[pyo3(signature = (width, height, *, bus=None, consumers=4, history=0, color=false, limited_range=false, fps=None, source="", mode=0o600, planes=None))]
    #[allow(clippy::too_many_arguments, reason = "Python's keywords")]
    fn new(
        py: Python<'_>,
        width: u32,
        height: u32,
        bus: Option<String>,
        consumers: u8,
        history: u8,
        color: bool,
        limited_range: bool,
        fps: Option<f64>,
        source: &str,
        mode: u32,
        planes: Option<PlaneList>,
    ) -> PyResult<Producer> {
        let geometry = Geometry::new(width, height)
            .ok_or_else(|| PyValueError::new_err("width and height must be 1 to 32768"))?;
        let mut options = ProducerOptions::new(bus_name(bus)?, geometry);
        if let Some(planes) = planes {
            options = options.planes(planes.specs()?);
        }
        if color {
            options = options.color(true);
        }
        if limited_range {
            options = options.limited_range(true);
        }
        let options = options
            .consumers(consumers)
            .history(history)
            .nominal_fps(fps.filter(|fps| (0.0..=4e6).contains(fps) && *fps > 0.0))
            .mode(mode & 0o666)
            .source(source.to_owned());
        let made = py
            .detach(|| bus::Producer::create(options))
            .map_err(|error| create(&error))?;
        Ok(Producer {
            bus: Arc::new(Bus::new(made)),
            current: Mutex::new(None),
        })
    }

    /// Claims a slot for the next frame; never waits. None when every slot is leased: the frame is lost, and counted.
    fn claim(this: Bound<'_, Self>) -> PyResult<Option<Slot>> {
        let producer = this.get();
        producer.end_claim()?;
        let Some(claim) = Claim::take(&producer.bus)? else {
            return Ok(None);
        };
        let claim = Arc::new(claim);
        *producer.current() = Some(Arc::clone(&claim));
        Ok(Some(Slot::new(Arc::clone(&producer.bus), claim)))
    }

    /// What it has done: sequence, published, dropped, starved, and how many consumers are connected.
    #[getter]
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let guard = self.lock();
        let bus = guard.as_ref().ok_or_else(|| closed("producer"))?;
        let (stats, connected) = (bus.stats(), bus.connected());
        drop(guard);
        let dict = PyDict::new(py);
        dict.set_item("sequence", stats.sequence)?;
        dict.set_item("published", stats.published)?;
        dict.set_item("dropped", stats.dropped)?;
        dict.set_item("starved", stats.starved)?;
        dict.set_item("connected", connected)?;
        Ok(dict)
    }

    /// Ends the stream and removes the bus.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.end_claim()?;
        let bus = self.lock().take();
        py.detach(|| drop(bus));
        Ok(())
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) -> PyResult<()> {
        self.close(py)
    }
}
