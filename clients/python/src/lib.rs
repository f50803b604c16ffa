//! framebus for Python: the safe library behind Python objects. Pixels are NumPy arrays over shared memory, whose owner
//! keeps the lease or the claim.

mod consumer;
mod errors;
mod frame;
mod observer;
mod producer;
mod slot;
mod views;

use framebus::layout::Format;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The native part of the package `framebus`.
#[pymodule]
fn _framebus(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<consumer::Consumer>()?;
    module.add_class::<frame::Frame>()?;
    module.add_class::<producer::Producer>()?;
    module.add_class::<slot::Slot>()?;
    module.add_class::<observer::Observer>()?;
    module.add_class::<observer::Pattern>()?;
    module.add_function(wrap_pyfunction!(observer::verify_pattern, module)?)?;
    module.add_function(wrap_pyfunction!(observer::monotonic_ns, module)?)?;
    module.add_function(wrap_pyfunction!(observer::wall_ns, module)?)?;
    let formats = PyDict::new(module.py());
    for format in Format::all() {
        formats.set_item(format.name(), format.fourcc())?;
    }
    module.add("FORMATS", formats)?;
    errors::register(module)
}
