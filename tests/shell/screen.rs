//! An X server of a test's own, whose screen is a file.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::{Place, Running};

/// An X server of a test's own, on the first free number, with its screen in a file: nobody has to connect to see it.
pub(crate) struct XServer {
    server: Option<Running>,
    pub(crate) display: String,
    screen: PathBuf,
}

impl XServer {
    pub(crate) fn start(place: &Place) -> XServer {
        XServer::start_with(place, "")
    }

    /// `-noreset`: one that loses its last client otherwise starts over and throws out whoever is just connecting.
    pub(crate) fn start_with(place: &Place, options: &str) -> XServer {
        place.sh("command -v Xvfb").is(0);
        let script = format!(
            "exec Xvfb -displayfd 1 -screen 0 1000x400x24 -nolisten tcp -noreset -fbdir . {options} 2>xvfb.log"
        );
        let mut server = Running::start(place.shell(&script));
        let number = server.output_line();
        let log = || fs::read_to_string(place.path("xvfb.log")).unwrap_or_default();
        assert!(!number.is_empty(), "Xvfb does not start: {}", log());
        XServer {
            server: Some(server),
            display: format!(":{}", number.trim()),
            screen: place.path("Xvfb_screen0"),
        }
    }

    /// How many pixels of the screen are so, as blue, green and red.
    pub(crate) fn count(&self, so: impl Fn(u8, u8, u8) -> bool) -> usize {
        let dump = fs::read(&self.screen).expect("the screen");
        // An X window dump: its header's size, what it says of itself, and 12 bytes a colour come before the pixels.
        let word = |at: usize| -> usize {
            let bytes = dump[at..at + 4].try_into().expect("4 bytes");
            u32::from_be_bytes(bytes) as usize
        };
        let pixels = &dump[word(0) + 12 * word(76)..];
        let pixels = pixels.chunks_exact(4);
        pixels
            .filter(|pixel| so(pixel[0], pixel[1], pixel[2]))
            .count()
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.server.take().expect("a server").kill();
    }
}

impl Drop for XServer {
    fn drop(&mut self) {
        // Asked to end, it removes its socket.
        if let Some(server) = self.server.take() {
            server.signal(Signal::TERM);
            server.end();
        }
    }
}
