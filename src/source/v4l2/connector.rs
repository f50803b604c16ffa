//! What comes in at a device that others can be plugged into: HDMI, television.

use std::io;

use super::abi::{self, Input, Timings, Zero};
use super::device::Device;
use super::kernel;

impl Device {
    /// Why nothing worth looking at comes in, where the device knows: a cable that is not plugged in.
    pub(super) fn no_signal(&self) -> Option<&'static str> {
        match self.input()?.status {
            status if status & abi::INPUT_NO_POWER != 0 => Some("has no power"),
            status if status & abi::INPUT_NO_SIGNAL != 0 => Some("has no signal"),
            status if status & abi::INPUT_NO_SYNC != 0 => Some("has a signal without sync"),
            _ => None,
        }
    }

    /// Sets the device to what comes in: size and timing of HDMI, the standard of television. Drivers do not follow their
    /// source by themselves; a camera has none. Where nothing comes in, it stays as it is.
    pub(super) fn follow_source(&self) {
        let capabilities = self.input().map_or(0, |input| input.capabilities);
        // What does not succeed shows in the picture, or is said by the requests that follow.
        if capabilities & abi::INPUT_HAS_TIMINGS != 0 {
            let _ = self.follow_timings();
        } else if capabilities & abi::INPUT_HAS_STANDARDS != 0 {
            let _ = self.follow_standard();
        }
    }

    fn follow_timings(&self) -> io::Result<()> {
        let (mut seen, mut set) = (Timings::ZERO, Timings::ZERO);
        kernel::query_timings(self.fd(), &mut seen)?;
        kernel::current_timings(self.fd(), &mut set)?;
        let shape = |timings: &Timings| (timings.width, timings.height, timings.interlaced);
        let clock = |timings: &Timings| (timings.rest[1], timings.rest[2]);
        if (shape(&seen), clock(&seen)) != (shape(&set), clock(&set)) {
            kernel::set_timings(self.fd(), &mut seen)?;
        }
        Ok(())
    }

    fn follow_standard(&self) -> io::Result<()> {
        let (mut seen, mut set) = (0, 0);
        kernel::query_standard(self.fd(), &mut seen)?;
        kernel::current_standard(self.fd(), &mut set)?;
        // It may be one of several, and none where nothing comes in.
        if seen != 0 && seen & set == 0 {
            kernel::set_standard(self.fd(), &mut seen)?;
        }
        Ok(())
    }

    fn input(&self) -> Option<Input> {
        let mut index = 0;
        kernel::current_input(self.fd(), &mut index).ok()?;
        let mut input = Input {
            index,
            ..Input::ZERO
        };
        kernel::enumerate_inputs(self.fd(), &mut input).ok()?;
        Some(input)
    }

    /// Asks to be told of a source that changes its size; not every device can.
    pub(super) fn watch_source(&self) -> bool {
        let mut subscription = abi::Subscription {
            kind: abi::EVENT_SOURCE_CHANGE,
            // Of each input, which the kernel takes for the number of the event.
            id: self.input().map_or(0, |input| input.index),
            ..abi::Subscription::ZERO
        };
        kernel::subscribe(self.fd(), &mut subscription).is_ok()
    }

    /// Whether the source has changed since this was asked last.
    pub(super) fn source_has_changed(&self) -> bool {
        let mut changed = false;
        let mut event = abi::Event::ZERO;
        while kernel::take_event(self.fd(), &mut event).is_ok() {
            changed |= event.kind == abi::EVENT_SOURCE_CHANGE;
        }
        changed
    }
}
