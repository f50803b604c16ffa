//! What ended a wait of the view.

/// What ended a wait.
#[derive(Debug, Default)]
pub(crate) struct Woken {
    /// The terminal is gone; in a console that is a request to stop.
    pub(crate) hung_up: bool,
    /// The terminal has another size.
    pub(crate) resized: bool,
    /// The process is to be suspended: never in a console.
    pub(crate) suspend: bool,
    /// The process was continued: never in a console.
    pub(crate) resumed: bool,
}
