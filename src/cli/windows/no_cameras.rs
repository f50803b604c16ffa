//! Cameras, which ffmpeg opens here.

use crate::cli::config::Config;
use crate::cli::doctor::Check;
use crate::system::find_program;

/// Whether there is ffmpeg, for cameras and for films.
pub(super) fn checks(_config: &Config) -> Vec<Check> {
    let found = find_program("ffmpeg");
    vec![match found {
        Some(path) => Check::pass(
            "ffmpeg",
            format!("{} opens cameras, and makes films", path.display()),
        ),
        None => Check::warn(
            "ffmpeg",
            "there is no ffmpeg in PATH, which opens cameras ('ffmpeg -f dshow … | framebus produce -') and makes films",
            "winget install ffmpeg",
        ),
    }]
}
