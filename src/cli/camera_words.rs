//! What people write of cameras: formats, values of controls, and who is to read them.

use clap::ValueEnum;

use crate::source::FourCc;

/// What reads cameras and pictures over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// framebus itself
    Native,
    /// OpenCV for cameras, FFmpeg for URLs
    Opencv,
}

/// Reads a pixel format: up to four letters, as V4L2 has them; `-BE` behind them is the big-endian one.
///
/// # Errors
/// Refuses what has more letters, or none.
pub fn parse_fourcc(text: &str) -> Result<FourCc, String> {
    let (name, big_endian) = match text.strip_suffix("-BE") {
        Some(name) => (name, true),
        None => (text, false),
    };
    let mut letters = [b' '; 4];
    if name.is_empty() || name.len() > 4 || !name.bytes().all(|letter| letter.is_ascii_graphic()) {
        return Err("is not a pixel format: up to four letters, such as YUYV or MJPG".to_owned());
    }
    letters[..name.len()].copy_from_slice(name.as_bytes());
    Ok(if big_endian {
        FourCc::big_endian(&letters)
    } else {
        FourCc::new(&letters)
    })
}

/// Reads a control and its value: `gain=20`, `auto_exposure=true`.
///
/// # Errors
/// Refuses what has no value, or one that is no number.
pub fn parse_setting(text: &str) -> Result<(String, i64), String> {
    let wrong = || "is not a control and a number, such as gain=20".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let (name, value) = (name.trim(), value.trim());
    let value = match value {
        "true" | "on" => 1,
        "false" | "off" => 0,
        _ => {
            let hex = value.strip_prefix("0x");
            let number = hex.map_or_else(|| value.parse(), |hex| i64::from_str_radix(hex, 16));
            number.map_err(|_| wrong())?
        }
    };
    if name.is_empty() {
        return Err(wrong());
    }
    Ok((name.to_owned(), value))
}

/// Reads controls and their values, with commas between them.
///
/// # Errors
/// As [`parse_setting`].
pub fn parse_settings(text: &str) -> Result<Vec<(String, i64)>, String> {
    let settings = text.split(',').filter(|one| !one.trim().is_empty());
    settings.map(parse_setting).collect()
}

/// Writes them as they are read.
pub fn show_settings(settings: &[(String, i64)]) -> String {
    let shown: Vec<String> = settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    shown.join(", ")
}

/// Reads who is to read a camera.
///
/// # Errors
/// Refuses other words.
pub fn parse_backend(text: &str) -> Result<Backend, String> {
    Backend::from_str(text, false).map_err(|_| "is not a backend: native or opencv".to_owned())
}

/// Writes it as it is read.
pub const fn show_backend(backend: Backend) -> &'static str {
    match backend {
        Backend::Native => "native",
        Backend::Opencv => "opencv",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_as_v4l2_writes_them() {
        for name in ["YUYV", "Y16", "Y16-BE", "MJPG", "422P"] {
            assert_eq!(
                parse_fourcc(name).map(|code| code.to_string()).as_deref(),
                Ok(name)
            );
        }
        assert!(parse_fourcc("").is_err());
        assert!(parse_fourcc("YUYV2").is_err());
    }

    #[test]
    fn settings_are_names_and_numbers() {
        let settings = parse_settings("exposure_auto=1, gain = -20,focus=on,mask=0x10");
        let settings = settings.expect("settings");
        assert_eq!(
            show_settings(&settings),
            "exposure_auto=1, gain=-20, focus=1, mask=16"
        );
        for wrong in ["gain", "gain=", "=3", "gain=much"] {
            assert!(parse_setting(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn backends_are_read_as_they_are_shown() {
        for backend in [Backend::Native, Backend::Opencv] {
            assert_eq!(parse_backend(show_backend(backend)), Ok(backend));
        }
        assert!(parse_backend("v4l").is_err());
    }
}
