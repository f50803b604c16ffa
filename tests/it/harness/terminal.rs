//! A terminal of the test's own: tmux on a socket that nobody else knows, with a shell in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Bus, until};

/// A terminal with a shell. Dropped, it is gone with all that runs in it.
#[derive(Debug)]
pub(crate) struct Terminal {
    directory: TempDir,
}

impl Terminal {
    /// Opens a terminal of this size, with this bus in its environment.
    pub(crate) fn open(bus: &Bus, width: u16, height: u16) -> Terminal {
        let directory = tempfile::Builder::new()
            .prefix("framebus-tmux-")
            .tempdir_in("/tmp")
            .expect("a directory");
        let terminal = Terminal { directory };
        let mut command = terminal.tmux(bus.command("tmux"));
        command
            .args(["-f", "/dev/null", "new-session", "-d"])
            .args(["-x", &width.to_string(), "-y", &height.to_string()])
            // A prompt that is nobody's configuration.
            .arg("exec env -u ENV PS1='READY> ' sh -i");
        command.env("TERM", "screen-256color");
        let status = command.stderr(Stdio::null()).status().expect("tmux");
        assert!(status.success(), "no terminal");
        until("the shell is ready", || terminal.text().contains("READY>"));
        terminal
    }

    fn tmux(&self, mut command: Command) -> Command {
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TMUX_TMPDIR", self.directory.path())
            .env_remove("TMUX")
            .arg("-S")
            .arg(self.directory.path().join("socket"))
            .stdin(Stdio::null());
        command
    }

    fn ask(&self, args: &[&str]) -> String {
        let mut command = self.tmux(Command::new("tmux"));
        let output = command.args(args).output().expect("tmux");
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the terminal shows.
    pub(crate) fn text(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// Presses keys, by tmux's names for them.
    pub(crate) fn press(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    /// Types a line for the shell.
    pub(crate) fn run(&self, line: &str) {
        self.ask(&["send-keys", "-l", line]);
        self.press(&["Enter"]);
    }

    /// The same with its colours.
    pub(crate) fn coloured(&self) -> String {
        self.ask(&["capture-pane", "-p", "-e"])
    }

    /// Gives it another background, which it tells who asks.
    pub(crate) fn background(&self, colour: &str) {
        self.ask(&["set-option", "-p", "window-style", &format!("bg={colour}")]);
    }

    pub(crate) fn resize(&self, width: u16, height: u16) {
        let (width, height) = (width.to_string(), height.to_string());
        self.ask(&["resize-window", "-x", &width, "-y", &height]);
    }

    /// Waits until the terminal shows this.
    pub(crate) fn shows(&self, words: &str) {
        let mut last = String::new();
        until(&format!("{words:?} is on the terminal"), || {
            last = self.text();
            last.contains(words)
        });
    }

    /// What `tmux` knows of it: whether the alternate screen is in use and whether the cursor is shown.
    pub(crate) fn modes(&self) -> (bool, bool) {
        let modes = self.ask(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        let mut modes = modes.split_whitespace().map(|word| word == "1");
        (modes.next() == Some(true), modes.next() == Some(true))
    }

    /// The settings of the terminal, as the shell's `stty` sees them; proves by the way that the shell answers.
    pub(crate) fn settings(&self) -> String {
        let path = self.file("settings");
        let _ = fs::remove_file(&path);
        let partial = self.file("settings.partial");
        let (path_text, partial) = (path.display(), partial.display());
        self.run(&format!("stty -g >{partial}; mv {partial} {path_text}"));
        until("the shell answers", || path.exists());
        fs::read_to_string(path).expect("settings")
    }

    /// A file beside the terminal's socket.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut command = self.tmux(Command::new("tmux"));
            let text = command.args(["capture-pane", "-p"]).output();
            let text = text.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            eprintln!("--- the terminal\n{}---", text.unwrap_or_default());
        }
        let mut command = self.tmux(Command::new("tmux"));
        let _ = command.arg("kill-server").stderr(Stdio::null()).status();
    }
}
