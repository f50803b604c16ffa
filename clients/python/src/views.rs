//! NumPy arrays over shared memory.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// Where an image is, and its shape.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    pub(crate) address: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bgr: bool,
}

/// What a view keeps alive: a lease or a claim.
pub(crate) trait Keep: Send + Sync {}

/// The base of an array: as long as the array, or one made from it, lives, so do the lease and the mapping.
#[pyclass(frozen, module = "framebus")]
pub(crate) struct View {
    image: Image,
    read_only: bool,
    #[allow(dead_code, reason = "kept alive, not used")]
    keep: Arc<dyn Keep>,
}

#[pymethods]
impl View {
    /// NumPy's array interface, version 3.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        let Image {
            address,
            width,
            height,
            bgr,
        } = self.image;
        interface.set_item("version", 3)?;
        interface.set_item("typestr", "|u1")?;
        interface.set_item("data", (address, self.read_only))?;
        if bgr {
            interface.set_item("shape", (height, width, 3))?;
        } else {
            interface.set_item("shape", (height, width))?;
        }
        Ok(interface)
    }
}

/// Makes an array over an image.
pub(crate) fn array(
    py: Python<'_>,
    image: Image,
    read_only: bool,
    keep: Arc<dyn Keep>,
) -> PyResult<Py<PyAny>> {
    static ASARRAY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let view = View {
        image,
        read_only,
        keep,
    };
    let asarray = ASARRAY.import(py, "numpy", "asarray")?;
    Ok(asarray.call1((view,))?.unbind())
}
