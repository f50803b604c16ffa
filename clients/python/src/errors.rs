//! Exceptions.

use framebus::bus::{AttachError, CreateError, HandleError};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;

pyo3::create_exception!(
    framebus,
    Error,
    PyException,
    "What framebus says no to; the others are kinds of it."
);
pyo3::create_exception!(
    framebus,
    NoBusError,
    Error,
    "There is no such bus, or its producer is gone or does not answer."
);
pyo3::create_exception!(
    framebus,
    InUseError,
    Error,
    "The consumer index is taken, or the bus has a producer already."
);
pyo3::create_exception!(
    framebus,
    NoPlaneError,
    Error,
    "The bus has no such plane; the text says which it has."
);
pyo3::create_exception!(
    framebus,
    FrameHeldError,
    Error,
    "A view of the frame taken before is still alive: copy what is kept, and delete the view."
);
pyo3::create_exception!(framebus, ProducerLostError, Error, "The producer died.");
pyo3::create_exception!(
    framebus,
    CutShortError,
    Error,
    "The file of the segment was made shorter by somebody: close what uses it."
);
pyo3::create_exception!(
    framebus,
    OtherProcessError,
    Error,
    "The object belongs to the process that this one was forked from: make another here."
);

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("Error", py.get_type::<Error>())?;
    module.add("NoBusError", py.get_type::<NoBusError>())?;
    module.add("InUseError", py.get_type::<InUseError>())?;
    module.add("NoPlaneError", py.get_type::<NoPlaneError>())?;
    module.add("FrameHeldError", py.get_type::<FrameHeldError>())?;
    module.add("ProducerLostError", py.get_type::<ProducerLostError>())?;
    module.add("CutShortError", py.get_type::<CutShortError>())?;
    module.add("OtherProcessError", py.get_type::<OtherProcessError>())
}

pub(crate) fn handle(error: &HandleError) -> PyErr {
    let text = error.to_string();
    match error {
        HandleError::CutShort { .. } => CutShortError::new_err(text),
        HandleError::OtherProcess { .. } => OtherProcessError::new_err(text),
        HandleError::NoPlane(_) => NoPlaneError::new_err(text),
        _ => Error::new_err(text),
    }
}

pub(crate) fn attach(error: &AttachError) -> PyErr {
    let text = error.to_string();
    match error {
        error if error.is_passing() => NoBusError::new_err(text),
        AttachError::InUse { .. } | AttachError::AllInUse { .. } => InUseError::new_err(text),
        AttachError::NoPlane(_) => NoPlaneError::new_err(text),
        _ => Error::new_err(text),
    }
}

pub(crate) fn taken(pid: u32) -> PyErr {
    InUseError::new_err(format!(
        "the bus was taken over by pid {pid} while its names were gone"
    ))
}

pub(crate) fn create(error: &CreateError) -> PyErr {
    let text = error.to_string();
    match error {
        CreateError::InUse { .. } | CreateError::LockTaken { .. } => InUseError::new_err(text),
        CreateError::Plan(_) => PyValueError::new_err(text),
        _ => Error::new_err(text),
    }
}

pub(crate) fn closed(what: &str) -> PyErr {
    PyValueError::new_err(format!("the {what} is closed"))
}
