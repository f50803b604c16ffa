//! Sequence numbers of a driver, as numbers of the source's frames, and what is missing between them.

/// Counts the frames of a camera, also over a reconnect.
#[derive(Debug, Clone, Default)]
pub(super) struct Numbers {
    /// The frame before: its number here, and the driver's.
    last: Option<(u64, u32)>,
    /// What the first frame of the next stream is to be, where there was one before.
    base: Option<u64>,
    /// Frames that the driver numbered and never handed out.
    pub(super) lost: u64,
}

impl Numbers {
    /// Takes the driver's number of a frame; returns its number in the source. Those that are missing are counted as lost.
    pub(super) fn next(&mut self, sequence: u32) -> u64 {
        let number = match (self.last, self.base) {
            (Some((number, last)), _) => {
                let step = sequence.wrapping_sub(last);
                // A driver that does not count, or goes backwards, has lost nothing that anybody knows of.
                let step = if step == 0 || step > u32::MAX / 2 {
                    1
                } else {
                    step
                };
                self.lost += u64::from(step - 1);
                number + u64::from(step)
            }
            (None, Some(base)) => base,
            (None, None) => sequence.into(),
        };
        self.last = Some((number, sequence));
        number
    }

    /// The camera was opened anew: its numbers start again.
    pub(super) fn restart(&mut self) {
        if let Some((number, _)) = self.last.take() {
            self.base = Some(number + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_counted_and_a_wrap_is_none() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.next(3), 3);
        assert_eq!(numbers.next(4), 4);
        assert_eq!(numbers.next(9), 9);
        assert_eq!(numbers.lost, 4);
        let mut numbers = Numbers::default();
        assert_eq!(numbers.next(u32::MAX), u64::from(u32::MAX));
        assert_eq!(numbers.next(1), u64::from(u32::MAX) + 2);
        assert_eq!(numbers.lost, 1);
    }

    #[test]
    fn a_driver_that_does_not_count_loses_nothing() {
        let mut numbers = Numbers::default();
        let seen: Vec<u64> = [0, 0, 0, 5, 4].iter().map(|n| numbers.next(*n)).collect();
        assert_eq!(seen, [0, 1, 2, 7, 8]);
        assert_eq!(numbers.lost, 4);
    }

    #[test]
    fn numbers_go_on_over_a_reconnect() {
        let mut numbers = Numbers::default();
        numbers.restart();
        numbers.next(6);
        numbers.restart();
        numbers.restart();
        assert_eq!(numbers.next(0), 7);
        assert_eq!(numbers.next(1), 8);
        assert_eq!(numbers.lost, 0);
    }
}
