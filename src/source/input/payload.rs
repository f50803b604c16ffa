//! The bytes of a frame: read in pieces, or passed over.

use std::time::Duration;

use super::{Got, Input, Place, read, unusable};
use crate::system::Stream;
use framebus::clock::monotonic_ns;
use framebus::source::{Filled, SourceError};
use framebus::stop::Stop;

impl<R: Stream> Input<R> {
    /// Reads the bytes of the payload that was announced from `begin` on. What `target` has of them since an unfinished
    /// call is not read again.
    ///
    /// [`Filled::Unfinished`] when they are not all there after as long as the patience lasts. [`Filled::Damaged`] when
    /// somebody asked to stop, or when the payload has no such bytes or is not read in order.
    pub(in crate::source) fn read_payload(
        &mut self,
        begin: usize,
        target: &mut [u8],
    ) -> Result<Filled, SourceError> {
        let Some(stop) = self.stop.clone() else {
            return Ok(Filled::Damaged);
        };
        let (end, had) = (begin + target.len(), self.payload - self.left);
        if self.place != Place::Announced || self.payload < end || had < begin {
            return Ok(Filled::Damaged);
        }
        let mut done = had.min(end) - begin;
        let buffered = (target.len() - done).min(self.end - self.start);
        target[done..][..buffered].copy_from_slice(&self.buffered()[..buffered]);
        self.consume(buffered);
        self.left -= buffered;
        done += buffered;
        let due_ns = self.due_ns();
        while done < target.len() {
            let patience = Duration::from_nanos(due_ns.saturating_sub(monotonic_ns()));
            let got = read(&mut self.reader, &mut target[done..], &stop, Some(patience))
                .map_err(|error| unusable(&self.name, "read", error))?;
            match got {
                Got::Data(len) if self.begins_stream(&target[done..][..len]) => {
                    self.cut_off(&target[done..][..len]);
                    return Ok(Filled::Damaged);
                }
                Got::Data(len) => {
                    done += len;
                    self.left -= len;
                }
                Got::End => return Err(self.truncated()),
                Got::Nothing => return Ok(Filled::Unfinished),
                Got::Stopped => return Ok(Filled::Damaged),
            }
        }
        Ok(Filled::Frame)
    }

    pub(super) fn skip(&mut self, stop: &Stop) -> Result<Got, SourceError> {
        let buffered = self.left.min(self.end - self.start);
        self.consume(buffered);
        self.left -= buffered;
        if buffered > 0 {
            return Ok(Got::Data(buffered));
        }
        let len = self.left.min(self.buffer.len());
        let got = read(
            &mut self.reader,
            &mut self.buffer[..len],
            stop,
            Some(self.patience),
        )
        .map_err(|error| unusable(&self.name, "read", error))?;
        match got {
            Got::Data(len) if self.begins_stream(&self.buffer[..len]) => {
                let stream = self.buffer[..len].to_vec();
                self.cut_off(&stream);
            }
            Got::Data(len) => self.left -= len,
            _ => {}
        }
        Ok(got)
    }
}
