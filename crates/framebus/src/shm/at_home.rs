//! What belongs to the process that made it.

use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use crate::system::Home;

/// What a process holds of the machine: files, names, threads. Dropped where it was made, and left alone in a forked child,
/// where nothing of it is the child's to end.
#[derive(Debug)]
pub(crate) struct AtHome<T> {
    value: ManuallyDrop<T>,
    home: Home,
}

impl<T> AtHome<T> {
    pub(crate) fn new(value: T) -> AtHome<T> {
        AtHome {
            value: ManuallyDrop::new(value),
            home: Home::here(),
        }
    }

    pub(crate) fn home(&self) -> Home {
        self.home
    }
}

impl<T> Deref for AtHome<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for AtHome<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Drop for AtHome<T> {
    fn drop(&mut self) {
        if self.home.is_here() {
            // SAFETY: here and nowhere else, and the value is not used after this.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}
