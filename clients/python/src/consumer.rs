//! A consumer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use framebus::bus::{
    self, BusName, ConsumerOptions, ConsumerStats, HandleError, IndexChoice, Stream, Waited,
};
use framebus::clock::monotonic_ns;
use framebus::layout::{MAX_CONSUMERS, TriggerKind};
use framebus::stop::Stop;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::PyDict;

use crate::errors::{FrameHeldError, ProducerLostError, attach, closed, handle};
use crate::frame::{Cell, Frame};
use crate::views::{PlaneList, described};

/// How long Python's own signal handlers (KeyboardInterrupt) may have to wait.
const SLICE: Duration = Duration::from_millis(100);

struct State {
    consumer: bus::Consumer,
    previous: Weak<Cell>,
}

/// Takes frames from a bus: `for frame in Consumer("cam0"): …`.
#[pyclass(frozen, subclass, module = "framebus")]
pub(crate) struct Consumer {
    state: Mutex<Option<State>>,
    /// What is asked while another thread waits, which locks `state`; `None` once it is closed.
    known: Mutex<Option<(ConsumerStats, Stream)>>,
    stop: Stop,
    /// `None` on Windows, which has none.
    fd: Option<i32>,
    index: u8,
}

/// Seconds as Python has them; None is for ever.
pub(crate) fn duration(seconds: Option<f64>) -> PyResult<Option<Duration>> {
    seconds
        .map(|seconds| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| PyValueError::new_err("a time-out is a number of seconds from 0 on"))
        })
        .transpose()
}

/// The bus of that name, else that of the environment, else the default.
pub(crate) fn bus_name(name: Option<String>) -> PyResult<BusName> {
    let set = || {
        std::env::var("FRAMEBUS_BUS")
            .ok()
            .filter(|set| !set.is_empty())
    };
    match name.or_else(set) {
        None => Ok(BusName::default()),
        Some(name) => name
            .parse()
            .map_err(|error| PyValueError::new_err(format!("{error}"))),
    }
}

#[cfg(unix)]
fn descriptor_of(consumer: &bus::Consumer) -> Option<i32> {
    Some(std::os::fd::AsRawFd::as_raw_fd(&consumer.as_fd()))
}

#[cfg(windows)]
fn descriptor_of(_consumer: &bus::Consumer) -> Option<i32> {
    None
}

/// A wait in slices, between which Python's signals are looked at.
struct Slices {
    deadline_ns: Option<u64>,
}

impl Slices {
    fn new(timeout: Option<Duration>) -> Slices {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Slices {
            deadline_ns: timeout.map(|timeout| monotonic_ns().saturating_add(nanos(timeout))),
        }
    }

    /// The next slice; none is left when it is the last.
    fn next(&self) -> (Duration, bool) {
        let left = self
            .deadline_ns
            .map(|deadline| Duration::from_nanos(deadline.saturating_sub(monotonic_ns())));
        match left {
            Some(left) if left <= SLICE => (left, true),
            _ => (SLICE, false),
        }
    }
}

impl Consumer {
    fn lock(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(
        &self,
        py: Python<'_>,
        use_it: impl FnOnce(&mut State) -> PyResult<R>,
    ) -> PyResult<R> {
        let mut state = self
            .state
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner);
        use_it(state.as_mut().ok_or_else(|| closed("consumer"))?)
    }

    /// What it has done, and what the frames are.
    fn known(&self) -> PyResult<(ConsumerStats, Stream)> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.ok_or_else(|| closed("consumer"))
    }

    fn note(&self, consumer: &bus::Consumer) {
        let known = Some((consumer.stats(), consumer.stream()));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// Takes back a request to stop; whether there was one.
    fn was_interrupted(&self) -> bool {
        self.stop.is_set() && self.stop.clear()
    }

    fn take(&self, py: Python<'_>) -> PyResult<Option<Frame>> {
        let previous = self.with(py, |state| {
            state.consumer.check().map_err(|error| handle(&error))?;
            Ok(state.previous.upgrade())
        })?;
        if let Some(previous) = previous {
            previous.release();
        }
        self.with(py, |state| {
            let taken = state.consumer.acquire_owned().map_err(|held| {
                FrameHeldError::new_err(format!(
                    "a view of frame {} is still alive: copy() what you keep, and del the view (or let it go with its function) before the next frame",
                    held.sequence
                ))
            })?;
            self.note(&state.consumer);
            Ok(taken.map(|taken| {
                let frame = Frame::new(taken);
                state.previous = Arc::downgrade(frame.cell());
                frame
            }))
        })
    }

    /// Waits without the interpreter's lock, until the deadline of `slices`.
    fn wait_for(&self, py: Python<'_>, slices: &Slices) -> PyResult<Waited> {
        loop {
            let (slice, last) = slices.next();
            let waited = py.detach(|| {
                self.lock().as_mut().map(|state| {
                    let waited = state.consumer.wait(Some(slice));
                    if let Ok(Waited::Renewed) = waited {
                        self.note(&state.consumer);
                    }
                    waited
                })
            });
            let waited =
                waited.ok_or_else(|| closed("consumer"))?.map_err(
                    |error| match HandleError::of(&error) {
                        Some(error) => handle(error),
                        None => PyOSError::new_err(error.to_string()),
                    },
                )?;
            py.check_signals()?;
            match waited {
                Waited::TimedOut if !last => {}
                Waited::Stopped => {
                    self.stop.clear();
                    return Ok(Waited::Stopped);
                }
                waited => return Ok(waited),
            }
        }
    }

    fn next_within(&self, py: Python<'_>, timeout: Option<Duration>) -> PyResult<Option<Frame>> {
        let slices = Slices::new(timeout);
        loop {
            // Before a frame, so that it also reaches a consumer that is behind and always finds one.
            if self.was_interrupted() {
                return Ok(None);
            }
            if let Some(frame) = self.take(py)? {
                return Ok(Some(frame));
            }
            match self.wait_for(py, &slices)? {
                Waited::Frame | Waited::Renewed => {}
                Waited::TimedOut | Waited::Ended | Waited::Stopped => return Ok(None),
                Waited::Lost => return Err(lost()),
            }
        }
    }
}

fn lost() -> PyErr {
    ProducerLostError::new_err("the producer died: open the consumer again to wait for the next")
}

#[pymethods]
impl Consumer {
    #[new]
    #[pyo3(signature = (bus=None, index=None, *, name="", every_frame=false, trigger="eventfd", timeout=Some(0.0), resume_from=None, needs=None))]
    #[allow(clippy::too_many_arguments, reason = "Python's keywords")]
    fn new(
        py: Python<'_>,
        bus: Option<String>,
        index: Option<i64>,
        name: &str,
        every_frame: bool,
        trigger: &str,
        timeout: Option<f64>,
        resume_from: Option<u64>,
        needs: Option<PlaneList>,
    ) -> PyResult<Consumer> {
        let needs = needs.map_or(Ok(Vec::new()), |needs| needs.specs())?;
        let options = ConsumerOptions::new(bus_name(bus)?)
            .index(match index.map(u8::try_from) {
                None => IndexChoice::Any,
                Some(Ok(index)) if index < MAX_CONSUMERS => IndexChoice::Index(index),
                Some(_) => return Err(PyValueError::new_err("an index is 0 to 249")),
            })
            .trigger(match trigger {
                "eventfd" => TriggerKind::Eventfd,
                "pipe" => TriggerKind::Pipe,
                "spin" => TriggerKind::Spin,
                _ => return Err(PyValueError::new_err("a trigger is eventfd, pipe or spin")),
            })
            .every_frame(every_frame)
            .needs(needs)
            .name(name.to_owned())
            .language("py")
            .resume_from(resume_from, None);
        let stop = Stop::new().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let slices = Slices::new(duration(timeout)?);
        loop {
            let (slice, last) = slices.next();
            let attached =
                py.detach(|| bus::Consumer::attach(options.clone(), Some(slice), &stop, |_| {}));
            py.check_signals()?;
            match attached {
                Ok(consumer) => {
                    return Ok(Consumer {
                        fd: descriptor_of(&consumer),
                        index: consumer.index(),
                        stop,
                        known: Mutex::new(Some((consumer.stats(), consumer.stream()))),
                        state: Mutex::new(Some(State {
                            consumer,
                            previous: Weak::new(),
                        })),
                    });
                }
                Err(error) if error.is_passing() && !last => {}
                Err(error) => return Err(attach(&error)),
            }
        }
    }

    fn __iter__(this: Py<Self>) -> Py<Self> {
        this
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Frame>> {
        self.next_within(py, None)
    }

    /// Releases the frame before, waits for the next for at most `timeout` seconds, and takes it. None when the time is
    /// over, the stream has ended, or somebody called interrupt().
    #[pyo3(signature = (timeout=None))]
    fn next(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Frame>> {
        self.next_within(py, duration(timeout)?)
    }

    /// Releases the frame before and takes the next without waiting; None when there is none.
    fn acquire(&self, py: Python<'_>) -> PyResult<Option<Frame>> {
        self.take(py)
    }

    /// Waits for at most `timeout` seconds. Returns "frame", "timeout", "ended" or "interrupted".
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<&'static str> {
        let slices = Slices::new(duration(timeout)?);
        loop {
            return Ok(match self.wait_for(py, &slices)? {
                Waited::Renewed => continue,
                Waited::Frame => "frame",
                Waited::TimedOut => "timeout",
                Waited::Ended => "ended",
                Waited::Stopped => "interrupted",
                Waited::Lost => return Err(lost()),
            });
        }
    }

    /// Ends the wait that is under way, or the next one; from any thread. It comes before a frame, so that it also reaches
    /// a consumer that is behind.
    fn interrupt(&self) {
        self.stop.set();
    }

    /// For asyncio, which takes frames without a wait.
    fn _was_interrupted(&self) -> bool {
        self.was_interrupted()
    }

    /// A descriptor for an event loop: readable when a wait would return at once. Take frames until there is none
    /// before waiting for it again. Windows has none.
    fn fileno(&self) -> PyResult<i32> {
        let nothing = || PyOSError::new_err("Windows has no descriptor to wait for: use a thread");
        self.fd.ok_or_else(nothing)
    }

    /// The index it has.
    #[getter]
    fn index(&self) -> u8 {
        self.index
    }

    /// What the frames are: width, height, fps, generation, epoch_ms, color, limited_range, and planes, each with its name,
    /// width, height, range and matrix.
    #[getter]
    fn stream<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (_, stream) = self.known()?;
        let dict = PyDict::new(py);
        dict.set_item("width", stream.geometry.width)?;
        dict.set_item("height", stream.geometry.height)?;
        dict.set_item("fps", stream.nominal_fps)?;
        dict.set_item("generation", stream.generation)?;
        dict.set_item("epoch_ms", stream.epoch_ms)?;
        dict.set_item("color", stream.has_color())?;
        dict.set_item("limited_range", stream.has_limited_gray())?;
        dict.set_item("planes", described(py, &stream.planes, stream.geometry)?)?;
        Ok(dict)
    }

    /// What it has done: attach_sequence + taken + skipped + missing == last_sequence.
    #[getter]
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (stats, _) = self.known()?;
        let dict = PyDict::new(py);
        dict.set_item("attach_sequence", stats.attach_sequence)?;
        dict.set_item("taken", stats.taken)?;
        dict.set_item("skipped", stats.skipped)?;
        dict.set_item("missing", stats.missing)?;
        dict.set_item("last_sequence", stats.last_sequence)?;
        Ok(dict)
    }

    /// Releases the frame and leaves the bus, once the last view is gone. A wait of another thread ends.
    fn close(&self, py: Python<'_>) {
        self.stop.set();
        let state = self
            .state
            .lock_py_attached(py)
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // Whoever waited has been told; what comes after is told that it is closed.
        self.stop.clear();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Some(previous) = state.as_ref().and_then(|state| state.previous.upgrade()) {
            previous.release();
        }
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (*_error))]
    fn __exit__(&self, py: Python<'_>, _error: &Bound<'_, pyo3::types::PyTuple>) {
        self.close(py);
    }
}
