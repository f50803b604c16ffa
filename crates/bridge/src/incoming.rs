//! What comes for one far bus, on its way from the network to who takes it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use zenoh::bytes::ZBytes;
use zenoh::sample::Sample;

use crate::wire::Message;
use framebus_tools::far_bus::FarBus;

/// What an intake is told.
pub(crate) enum Incoming {
    /// Something has come.
    Message {
        message: Message,
        payload: ZBytes,
        came_ns: u64,
    },
    /// The sender is there, or is gone.
    Up(bool),
}

/// The end that an intake is told at.
pub(crate) type Teller = SyncSender<Incoming>;

/// Reads what has come and hands it on; counts what is no message.
pub(crate) fn hand_over(
    tell: &Teller,
    sample: &Sample,
    came_ns: u64,
    far: &FarBus,
    bad: &AtomicU64,
) {
    let bytes = sample
        .attachment()
        .map(ZBytes::to_bytes)
        .unwrap_or_default();
    let payload = sample.payload();
    match Message::read(&bytes, payload.len()) {
        Ok(message) => {
            let incoming = Incoming::Message {
                message,
                payload: payload.clone(),
                came_ns,
            };
            match tell.try_send(incoming) {
                // More than was asked for: what is oldest is of no use, and neither is this.
                Err(TrySendError::Full(_)) => tracing::debug!("a frame of {far} has no room"),
                Err(TrySendError::Disconnected(_)) | Ok(()) => {}
            }
        }
        Err(error) => {
            // The first, and then ever fewer of them: a stranger must not fill the log.
            let count = bad.fetch_add(1, Ordering::Relaxed) + 1;
            if count.is_power_of_two() {
                tracing::warn!(
                    "something that came for {far} is left out: {error} (one of {count})"
                );
            }
        }
    }
}
