//! `produce --show`: there are no windows here.

use std::convert::Infallible;
use std::path::Path;

use framebus::bus::BusName;
use framebus::stop::Stop;

/// The process that has the windows.
pub(crate) struct Viewer(Infallible);

impl Viewer {
    /// # Errors
    /// Says what shows frames.
    pub(crate) fn start(
        _worker: &Path,
        _bus: &BusName,
        _stop: &Stop,
    ) -> anyhow::Result<Option<Viewer>> {
        anyhow::bail!("the windows cannot be opened: they are Linux's")
    }

    pub(crate) fn failure(&mut self) -> Option<String> {
        match self.0 {}
    }
}
