//! Which buffer is free, and which counts nobody gives back any more.
//!
//! A count does not say whose it is. A program that dies with a buffer leaves it one too high for ever. Each program has at most
//! one buffer: counts that are more than the programs that are there belong to dead ones, and those most likely that have not
//! been the newest for longest.

/// How long ago each buffer was the newest.
#[derive(Debug)]
pub(super) struct Users {
    /// Its place in the order in which they ceased to be; 0 = never since the start.
    retired: Vec<u64>,
    next: u64,
}

impl Users {
    pub(super) fn new(buffers: usize) -> Users {
        Users {
            retired: vec![0; buffers],
            next: 1,
        }
    }

    /// The buffer that nobody uses, that is not the newest and has not been for longest.
    pub(super) fn free(&self, counts: &[u8], newest: usize) -> Option<usize> {
        self.oldest_first(newest)
            .into_iter()
            .find(|buffer| counts.get(*buffer) == Some(&0))
    }

    /// A buffer that is not the newest any more.
    pub(super) fn retire(&mut self, buffer: usize) {
        if let Some(retired) = self.retired.get_mut(buffer) {
            *retired = self.next;
            self.next += 1;
        }
    }

    /// Lowers counts, of the oldest buffers first, until they are no more than the programs that are there; returns by how much.
    pub(super) fn give_back(&self, counts: &mut [u8], newest: usize, programs: usize) -> u64 {
        let all: usize = counts.iter().map(|count| usize::from(*count)).sum();
        let mut excess = all.saturating_sub(programs);
        let given_back = excess as u64;
        for buffer in self.oldest_first(newest).into_iter().chain([newest]) {
            if let Some(count) = counts.get_mut(buffer) {
                let share = usize::from(*count).min(excess);
                *count -= u8::try_from(share).unwrap_or(*count);
                excess -= share;
            }
        }
        given_back
    }

    fn oldest_first(&self, newest: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.retired.len()).filter(|at| *at != newest).collect();
        order.sort_by_key(|buffer| self.retired[*buffer]);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_that_is_taken_is_the_oldest_that_nobody_uses() {
        let mut users = Users::new(4);
        assert_eq!(users.free(&[0; 4], 0), Some(1));
        for buffer in [0, 2, 1, 3] {
            users.retire(buffer);
        }
        assert_eq!(users.free(&[0, 0, 0, 0], 0), Some(2));
        assert_eq!(users.free(&[0, 0, 1, 0], 0), Some(1));
        assert_eq!(users.free(&[0, 1, 1, 1], 0), None);
        // What a program has broken is nobody's buffer, and no panic.
        assert_eq!(users.free(&[1, 1, 1, 1], 200), None);
    }

    #[test]
    fn counts_of_the_dead_are_given_back_and_those_of_the_living_stay() {
        let mut users = Users::new(4);
        for buffer in [3, 1, 2, 0] {
            users.retire(buffer);
        }
        // One program is there, and may have the buffer that was the newest last.
        let mut counts = [0, 1, 1, 1];
        assert_eq!(users.give_back(&mut counts, 0, 1), 2);
        assert_eq!(counts, [0, 0, 1, 0]);
        // A program that gave back one more than it had.
        let mut counts = [0, 255, 1, 1];
        assert_eq!(users.give_back(&mut counts, 0, 2), 255);
        assert_eq!(counts, [0, 1, 1, 0]);
        let mut counts = [9, 0, 0, 0];
        assert_eq!(users.give_back(&mut counts, 0, 2), 7);
        assert_eq!(counts, [2, 0, 0, 0]);
    }
}
