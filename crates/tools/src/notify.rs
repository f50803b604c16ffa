//! The readiness protocol of systemd, sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use framebus::clock::monotonic_ns;

/// Tells systemd that the service is ready and alive; does nothing where nobody asks.
#[derive(Debug)]
pub struct Notify {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often the watchdog wants to hear of us: twice in its time.
    every_ns: Option<u64>,
    last_ns: u64,
}

impl Notify {
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    #[must_use]
    pub fn from_environment() -> Notify {
        let text = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let address = text("NOTIFY_SOCKET").and_then(|name| match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name).ok(),
            None => SocketAddr::from_pathname(name).ok(),
        });
        let ours = text("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = text("WATCHDOG_USEC").and_then(|micros| micros.parse::<u64>().ok());
        Notify {
            socket: address.and_then(|address| Some((UnixDatagram::unbound().ok()?, address))),
            every_ns: micros
                .filter(|_| ours)
                .map(|micros| micros.saturating_mul(1000) / 2),
            last_ns: 0,
        }
    }

    /// Says that consumers can attach; `status` is for people.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={status}"));
    }

    /// Says that the loop goes round, when it is time to.
    pub fn alive(&mut self) {
        let Some(every_ns) = self.every_ns else {
            return;
        };
        let now = monotonic_ns();
        if now.saturating_sub(self.last_ns) >= every_ns {
            self.last_ns = now;
            self.send("WATCHDOG=1");
        }
    }

    /// Says that the end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    fn send(&self, text: &str) {
        if let Some((socket, address)) = &self.socket {
            // A service manager that does not listen is no reason to stop.
            let _ = socket.send_to_addr(text.as_bytes(), address);
        }
    }
}
