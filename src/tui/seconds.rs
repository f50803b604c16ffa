//! One value a second: histories of rates, and of what a slot was used for.

use std::collections::VecDeque;

/// One value a second, the newest last; seconds without a value are gaps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seconds<T> {
    last_s: u64,
    keep: usize,
    values: VecDeque<Option<T>>,
}

impl<T: Copy> Seconds<T> {
    pub(crate) fn new(keep: usize) -> Self {
        Seconds {
            last_s: 0,
            keep,
            values: VecDeque::with_capacity(keep),
        }
    }

    /// Notes a value; within one second `merge` makes one of two. A second before the first that was noted is left out.
    pub(crate) fn push(&mut self, second: u64, value: Option<T>, merge: impl FnOnce(T, T) -> T) {
        if self.values.is_empty() {
            self.last_s = second;
            self.values.push_back(None);
        }
        for _ in 0..second.saturating_sub(self.last_s).min(self.keep as u64) {
            self.values.push_back(None);
        }
        self.last_s = self.last_s.max(second);
        while self.values.len() > self.keep {
            self.values.pop_front();
        }
        let ago = usize::try_from(self.last_s - second).unwrap_or(usize::MAX);
        let at = self.values.len().checked_sub(ago.saturating_add(1));
        if let Some(there) = at.and_then(|at| self.values.get_mut(at)) {
            *there = match (*there, value) {
                (Some(old), Some(new)) => Some(merge(old, new)),
                (old, new) => new.or(old),
            };
        }
    }

    /// Returns the newest `count` seconds, oldest first, with gaps before the first value.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = Option<T>> + '_ {
        let missing = count.saturating_sub(self.values.len());
        let skip = self.values.len().saturating_sub(count);
        std::iter::repeat_n(None, missing).chain(self.values.iter().skip(skip).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_a_value_is_a_gap_and_old_ones_fall_out() {
        let mut seconds = Seconds::new(4);
        seconds.push(10, Some(1), |a, _| a);
        seconds.push(10, Some(9), i32::max);
        seconds.push(12, Some(2), |a, _| a);
        assert_eq!(
            seconds.newest(5).collect::<Vec<_>>(),
            [None, None, Some(9), None, Some(2)]
        );
        seconds.push(1_000_000, Some(3), |a, _| a);
        assert_eq!(
            seconds.newest(4).collect::<Vec<_>>(),
            [None, None, None, Some(3)]
        );
    }

    #[test]
    fn what_is_learnt_later_goes_where_it_belongs() {
        let mut seconds = Seconds::new(4);
        seconds.push(10, Some(1), i32::max);
        seconds.push(13, Some(1), i32::max);
        seconds.push(11, Some(7), i32::max);
        seconds.push(13, Some(0), i32::max);
        seconds.push(2, Some(9), i32::max);
        assert_eq!(
            seconds.newest(4).collect::<Vec<_>>(),
            [Some(1), Some(7), None, Some(1)]
        );
    }
}
