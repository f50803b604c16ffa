//! NumPy arrays over shared memory.

use std::sync::Arc;

use framebus::bus::NoPlane;
use framebus::layout::{Format, Geometry, Plane, PlaneSpec, Planes};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

/// Where an image is, and what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    address: usize,
    len: usize,
    plane: Plane,
}

impl Image {
    pub(crate) fn new(plane: Plane, pixels: &[u8]) -> Image {
        Image {
            address: pixels.as_ptr().expose_provenance(),
            len: pixels.len(),
            plane,
        }
    }

    pub(crate) fn of_writable(plane: Plane, pixels: &mut [u8]) -> Image {
        Image {
            address: pixels.as_mut_ptr().expose_provenance(),
            len: pixels.len(),
            plane,
        }
    }

    pub(crate) fn is_meta(&self) -> bool {
        self.plane.format == Format::META
    }
}

/// What a view keeps alive: a lease or a claim.
pub(crate) trait Keep: Send + Sync {}

/// The views of a frame or of a slot that have been made, by the numbers of their planes.
pub(crate) type Views = [Option<Py<PyAny>>; Planes::MAX];

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
    /// NumPy's array interface, version 3, in the shapes of OpenCV.
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        let Image {
            address,
            len,
            plane,
        } = self.image;
        let channels = usize::from(plane.format.channels());
        let sample = usize::from(plane.format.sample_bytes());
        let (width, stride) = (plane.width as usize, plane.stride as usize);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", if sample == 2 { "<u2" } else { "|u1" })?;
        interface.set_item("data", (address, self.read_only))?;
        if self.image.is_meta() {
            interface.set_item("shape", (len,))?;
            return Ok(interface);
        }
        // For 4:2:0 the rows of chroma are below those of luma.
        let rows = len / stride.max(1);
        let mut shape = vec![rows, width];
        let mut strides = vec![stride, channels * sample];
        if channels > 1 {
            shape.push(channels);
            strides.push(sample);
        }
        if stride != width * channels * sample {
            interface.set_item("strides", PyTuple::new(py, strides)?)?;
        }
        interface.set_item("shape", PyTuple::new(py, shape)?)?;
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

/// A list of planes as Python has it: "gray,nv12", or ["gray", "nv12"].
#[derive(FromPyObject)]
pub(crate) enum PlaneList {
    Text(String),
    Names(Vec<String>),
}

impl PlaneList {
    pub(crate) fn specs(&self) -> PyResult<Vec<PlaneSpec>> {
        let text = match self {
            PlaneList::Text(text) => text.clone(),
            PlaneList::Names(names) => names.join(","),
        };
        PlaneSpec::list(&text).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

/// The plane that a name means.
pub(crate) fn spec(name: &str) -> PyResult<PlaneSpec> {
    name.parse()
        .map_err(|error| PyValueError::new_err(format!("{error}")))
}

/// What a plane is called.
fn name(plane: &Plane, geometry: Geometry) -> String {
    PlaneSpec::of(plane, geometry).map_or_else(|| plane.format.to_string(), |spec| spec.to_string())
}

/// What the planes are called that are in every slot.
pub(crate) fn names(planes: &Planes, geometry: Geometry) -> Vec<String> {
    let in_slots = planes.iter().filter(|plane| !plane.one_for_all);
    in_slots.map(|plane| name(plane, geometry)).collect()
}

/// The same with what is known of them.
pub(crate) fn described<'py>(
    py: Python<'py>,
    planes: &Planes,
    geometry: Geometry,
) -> PyResult<Bound<'py, PyTuple>> {
    let mut described = Vec::new();
    for plane in planes.iter().filter(|plane| !plane.one_for_all) {
        let dict = PyDict::new(py);
        dict.set_item("name", name(plane, geometry))?;
        dict.set_item("width", plane.width)?;
        dict.set_item("height", plane.height)?;
        dict.set_item("range", plane.range.name())?;
        dict.set_item("matrix", plane.matrix.name())?;
        described.push(dict);
    }
    PyTuple::new(py, described)
}

pub(crate) fn missing(error: &NoPlane) -> PyErr {
    crate::errors::NoPlaneError::new_err(error.to_string())
}
