//! Telling a service manager that a program is ready: nobody asks for that here.

/// Tells nobody.
#[derive(Debug)]
pub struct Notify;

impl Notify {
    /// Reads nothing.
    #[must_use]
    pub fn from_environment() -> Notify {
        Notify
    }

    /// Consumers can attach; `status` is for people.
    pub fn ready(&self, _status: &str) {}

    /// The loop goes round.
    pub fn alive(&mut self) {}

    /// The end has begun.
    pub fn stopping(&self) {}
}
