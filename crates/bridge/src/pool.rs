//! The bytes of a frame on their way to the network: the bus's own, under the lease, or a copy in memory that is used again,
//! since a frame is large and the kernel clears what it gives anew.

use std::sync::{Arc, Mutex, PoisonError};

use framebus::OwnedFrame;
use zenoh::bytes::ZBytes;

use crate::pack::Bytes;

/// How many are kept.
const KEPT: usize = 4;

/// Memory that copies come back to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pool {
    /// The bytes of a frame's images, then its metadata. One receiver gets them from the bus itself, under the lease, without a
    /// copy. Several share a copy: one that is slow must not keep the lease from the others.
    pub(crate) fn payload(
        &self,
        frame: OwnedFrame,
        images: Vec<Bytes>,
        metadata: Vec<u8>,
        alone: bool,
    ) -> ZBytes {
        let frame = Arc::new(frame);
        let mut writer = ZBytes::writer();
        for bytes in images {
            writer.append(match bytes {
                Bytes::Made(made) => made.into(),
                Bytes::OfPlane(index) if alone => {
                    let frame = Arc::clone(&frame);
                    bytes::Bytes::from_owner(Leased { frame, index }).into()
                }
                Bytes::OfPlane(index) => {
                    let view = frame.plane_at(index);
                    self.copy(view.map_or(&[], |view| view.data)).into()
                }
            });
        }
        if !metadata.is_empty() {
            writer.append(metadata.into());
        }
        writer.finish()
    }

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

/// An image that stays on the bus until the network has it.
struct Leased {
    frame: Arc<OwnedFrame>,
    index: usize,
}

impl AsRef<[u8]> for Leased {
    fn as_ref(&self) -> &[u8] {
        self.frame
            .plane_at(self.index)
            .map_or(&[], |view| view.data)
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
