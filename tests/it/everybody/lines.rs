//! Lines of sequences: what a frame may come after.

use framebus::clock::monotonic_ns;

/// When the bus could begin anew, with its sequences: after each end of a producer that was asked to end. One that is
/// killed leaves what the next goes on from.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Times on the monotonic clock.
    begun_ns: Vec<u64>,
}

impl Lines {
    /// Notes that a producer has ended, and the next is not there yet.
    pub(super) fn begin(&mut self) {
        self.begun_ns.push(monotonic_ns());
    }

    /// How often that was.
    pub(super) fn count(&self) -> usize {
        self.begun_ns.len()
    }

    /// Of two frames that somebody got one after the other, each a sequence and the time when it was published, the second
    /// is the newer one, or the bus has begun anew between them.
    pub(super) fn assert_forward(&self, what: &str, before: [u64; 2], after: [u64; 2]) {
        let ([sequence_before, then], [sequence_after, now]) = (before, after);
        let anew = self
            .begun_ns
            .iter()
            .any(|begun_ns| (then..now).contains(begun_ns));
        assert!(
            sequence_after > sequence_before || anew,
            "{what}: {after:?} after {before:?}, and the bus had no reason to begin anew"
        );
    }
}
