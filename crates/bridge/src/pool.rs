//! Memory that is used again: a frame's copy is large, and the kernel clears what it gives anew.

use std::sync::{Arc, Mutex, PoisonError};

/// How many are kept.
const KEPT: usize = 4;

/// Memory that copies come back to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// A copy that goes back when nobody needs it.
    pub(crate) fn copy(&self, bytes: &[u8]) -> bytes::Bytes {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = free.pop().unwrap_or_default();
        drop(free);
        memory.clear();
        memory.extend_from_slice(bytes);
        bytes::Bytes::from_owner(Pooled {
            memory,
            pool: self.clone(),
        })
    }
}

struct Pooled {
    memory: Vec<u8>,
    pool: Pool,
}

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let mut free = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_back_when_the_last_one_lets_go() {
        let pool = Pool::default();
        let copy = pool.copy(b"frame");
        let other = copy.clone();
        drop(copy);
        assert_eq!(&other[..], b"frame");
        assert!(pool.0.lock().expect("a lock").is_empty());
        drop(other);
        assert_eq!(pool.0.lock().expect("a lock").len(), 1);
    }
}
