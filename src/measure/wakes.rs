//! Whatever can wake consumers.

/// The end that wakes consumers.
pub trait Wakes {
    /// Wakes every consumer, which is told the time of sending.
    fn send(&mut self);

    /// Tells every consumer that it is over.
    fn end(self: Box<Self>);
}
