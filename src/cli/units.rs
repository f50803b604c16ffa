//! Values with units, as people write and read them.
//!
//! The `parse_` functions are value parsers for clap: their errors do not repeat the value or the flag, which clap names.

use std::time::Duration;

use crate::source::Speed;
use crate::system::groups;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use framebus::layout::Geometry;
use framebus::source::Range;
pub use framebus::units::show_bytes;

/// The fastest frame rate that can be asked for.
pub const MAX_FPS: f64 = 10_000.0;

/// Reads a duration with a unit: `200ms`, `5s`, `1.5s`, `2m`, `1h`.
///
/// # Errors
/// Refuses a bare number, another unit, and what is no duration.
///
/// # Examples
/// ```
/// # use std::time::Duration;
/// # use framebus_cli::cli::units::parse_duration;
/// assert_eq!(parse_duration("200ms"), Ok(Duration::from_millis(200)));
/// assert!(parse_duration("5").is_err());
/// ```
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(
        text.trim_end_matches(|c: char| c.is_ascii_alphabetic())
            .len(),
    );
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" if is_decimal(number) => return Err("needs a unit, such as 200ms or 5s".to_owned()),
        _ => return Err("is not a duration, such as 200ms, 5s, 2m or 1h".to_owned()),
    };
    let number: f64 = match number.parse() {
        Ok(value) if is_decimal(number) => value,
        _ => return Err("is not a duration, such as 200ms, 5s, 2m or 1h".to_owned()),
    };
    // Rounded to nanoseconds, so that 0.1s is what a person means by it.
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "is too long".to_owned())
}

/// Reads the size of a frame: `640x480`.
///
/// # Errors
/// Refuses what is not two numbers, and sides of 0 or of more than [`Geometry::MAX_SIDE`] pixels.
pub fn parse_size(text: &str) -> Result<Geometry, String> {
    let sides = text
        .split_once(['x', 'X'])
        .filter(|(width, height)| is_whole(width) && is_whole(height));
    let (width, height) = sides.ok_or("is not a size, such as 640x480")?;
    let side = |digits: &str| digits.parse().unwrap_or(u32::MAX);
    Geometry::new(side(width), side(height))
        .ok_or_else(|| format!("has a side outside 1 to {} pixels", Geometry::MAX_SIDE))
}

/// Reads a frame rate above 0, up to [`MAX_FPS`]: `30`, `29.97`, `30000/1001`.
///
/// # Errors
/// Refuses what is no number, and one outside that range.
pub fn parse_fps(text: &str) -> Result<f64, String> {
    match parse_fps_or_unpaced(text)? {
        fps if fps > 0.0 => Ok(fps),
        _ => Err(format!(
            "is outside the range above 0 up to {MAX_FPS} frames a second"
        )),
    }
}

/// Reads a frame rate up to [`MAX_FPS`], where 0 is "as fast as possible".
///
/// # Errors
/// Refuses what is no number, and one outside that range.
pub fn parse_fps_or_unpaced(text: &str) -> Result<f64, String> {
    let parsed = match text.split_once('/') {
        Some((frames, seconds)) => fraction(frames, seconds),
        None => text.parse::<f64>().ok(),
    };
    match parsed {
        Some(fps) if (0.0..=MAX_FPS).contains(&fps) => Ok(fps),
        Some(fps) if !fps.is_nan() => Err(format!(
            "is outside the range from 0 to {MAX_FPS} frames a second"
        )),
        _ => Err("is not a number of frames a second, such as 30, 29.97 or 30000/1001".to_owned()),
    }
}

/// Frames in so many seconds, as ffmpeg and Y4M have rates.
fn fraction(frames: &str, seconds: &str) -> Option<f64> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|_| is_decimal(text));
    let (frames, seconds) = (number(frames)?, number(seconds)?);
    (seconds > 0.0).then(|| frames / seconds)
}

/// Reads a range of luma on the command line, where `--help` lists what there is.
pub fn range_parser() -> impl TypedValueParser<Value = Range> {
    let values = Range::ALL.map(|range| {
        let help = match range {
            Range::Auto => {
                "What the source says; if it says nothing, limited for YUV and full for gray"
            }
            Range::Full => "0 is black and 255 white",
            Range::Limited => "16 is black and 235 white, as in most video",
        };
        PossibleValue::new(range.name()).help(help)
    });
    PossibleValuesParser::new(values).try_map(|text| parse_range(&text))
}

/// Reads a range of luma: `auto`, `full` or `limited`.
///
/// # Errors
/// Refuses other words.
pub fn parse_range(text: &str) -> Result<Range, String> {
    let found = Range::ALL.into_iter().find(|range| range.name() == text);
    found.ok_or_else(|| "is not a range: auto, full or limited".to_owned())
}

/// Reads how fast a recording is replayed: `2.0`, `0.5`, `max`.
///
/// # Errors
/// Refuses what is no number above 0.
pub fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let times = text
        .parse()
        .ok()
        .filter(|times| is_decimal(text) && (0.001..=1000.0).contains(times));
    times
        .map(Speed::Times)
        .ok_or_else(|| "is not a speed from 0.001 to 1000, such as 2.0 or 0.5, nor max".to_owned())
}

/// Reads the permissions of a file in octal, as `chmod` does: `0660`.
///
/// # Errors
/// Refuses what is not octal, and more than `0777`.
pub fn parse_mode(text: &str) -> Result<u32, String> {
    let octal = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = octal
        .then(|| u32::from_str_radix(text, 8))
        .and_then(Result::ok);
    mode.filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "is not an octal mode from 0000 to 0777, such as 0660".to_owned())
}

/// Reads a group, by its name or by its number, and returns its number.
///
/// # Errors
/// Refuses a name that `/etc/group` does not have; a group of a directory service goes by its number.
pub fn parse_group(text: &str) -> Result<u32, String> {
    if is_whole(text) {
        // The largest number is the system's "no group".
        return text
            .parse()
            .ok()
            .filter(|gid| *gid != u32::MAX)
            .ok_or_else(|| "is not a group's number".to_owned());
    }
    let (groups, place) = groups()?;
    gid_in(&groups, text)
        .ok_or_else(|| format!("is not a group in {place}; give another one, or its number"))
}

/// Returns the number of group `name` in the text of a `group(5)` file.
fn gid_in(groups: &str, name: &str) -> Option<u32> {
    let mut fields = groups.lines().map(|line| line.split(':'));
    fields
        .find_map(|mut fields| (fields.next()? == name).then(|| fields.nth(1))?)?
        .parse()
        .ok()
}

/// Writes a running time as on a clock: `4:07`, `2:14:07`; whole seconds, rounded down.
#[must_use]
pub fn show_clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours == 0 {
        format!("{minutes}:{seconds:02}")
    } else {
        format!("{hours}:{minutes:02}:{seconds:02}")
    }
}

/// Writes a duration as [`parse_duration`] reads it, in the largest unit that needs no fraction: `200ms`, `5s`, `2m`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    for (unit, length) in [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ] {
        if nanos != 0 && nanos.is_multiple_of(length) {
            return format!("{}{unit}", nanos / length);
        }
    }
    if nanos == 0 {
        "0s".to_owned()
    } else {
        format!("{}us", nanos as f64 / 1e3)
    }
}

fn is_whole(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits with at most one point: not `1e3`, `inf`, `+1` or `-1`, which Rust's numbers also may be.
pub(super) fn is_decimal(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    is_whole(whole) && is_whole(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [
            ("200ms", 200),
            ("5s", 5000),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        assert_eq!(parse_duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(parse_duration("0.1s"), Ok(Duration::from_millis(100)));
        for bare in ["5", "0", "1.5"] {
            assert_eq!(
                parse_duration(bare),
                Err("needs a unit, such as 200ms or 5s".to_owned()),
                "{bare}"
            );
        }
        for refused in [
            "", "s", "-5s", "5 s", "5x", "1e3s", "infs", "nans", "five", "5.s", "é", "5µs",
        ] {
            let error = parse_duration(refused).expect_err(refused);
            assert!(error.starts_with("is not a duration"), "{refused}: {error}");
        }
        assert_eq!(
            parse_duration("99999999999999999999h"),
            Err("is too long".to_owned())
        );
    }

    #[test]
    fn sizes_are_two_sides() {
        assert_eq!(
            parse_size("640x480"),
            Ok(Geometry {
                width: 640,
                height: 480
            })
        );
        for refused in [
            "",
            "640",
            "640x",
            "x480",
            "640*480",
            "-640x480",
            "+640x480",
            "640x480x3",
            "640 x 480",
        ] {
            assert_eq!(
                parse_size(refused),
                Err("is not a size, such as 640x480".to_owned()),
                "{refused}"
            );
        }
        for outside in ["0x480", "640x0", "32769x1", "1x99999999999999"] {
            assert_eq!(
                parse_size(outside),
                Err("has a side outside 1 to 32768 pixels".to_owned()),
                "{outside}"
            );
        }
    }

    #[test]
    fn rates_are_finite() {
        assert_eq!(parse_fps("29.97"), Ok(29.97));
        assert_eq!(parse_fps("30000/1001"), Ok(30_000.0 / 1001.0));
        assert_eq!(parse_fps("1/5"), Ok(0.2));
        assert_eq!(parse_fps("10000"), Ok(10_000.0));
        assert_eq!(parse_fps_or_unpaced("0"), Ok(0.0));
        for refused in [
            "0", "-1", "10001", "inf", "NaN", "", "30fps", "30/0", "0/0", "30/", "/1", "1/2/3",
            "-1/-2", "20000/1",
        ] {
            parse_fps(refused).expect_err(refused);
        }
        assert_eq!(
            parse_fps("0"),
            Err("is outside the range above 0 up to 10000 frames a second".to_owned())
        );
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(parse_mode("0660"), Ok(0o660));
        assert_eq!(parse_mode("600"), Ok(0o600));
        for refused in [
            "",
            "0668",
            "0o660",
            "1777",
            "u+rw",
            "+660",
            "77777777777777",
        ] {
            parse_mode(refused).expect_err(refused);
        }
    }

    #[test]
    fn groups_have_names_or_numbers() {
        assert_eq!(parse_group("44"), Ok(44));
        let unknown = parse_group("no such group").expect_err("unknown");
        assert_eq!(
            unknown,
            "is not a group in /etc/group; give another one, or its number"
        );
        parse_group("4294967295").expect_err("no group");
        let groups = "root:x:0:\n\nbroken\nvideo:x:44:anna,ben\nvideos:x:45:\n";
        assert_eq!(gid_in(groups, "video"), Some(44));
        assert_eq!(gid_in(groups, "vide"), None);
        assert_eq!(gid_in(groups, "broken"), None);
    }

    #[test]
    fn bytes_are_rounded_to_a_unit() {
        let known = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (8_703_181, "8.3 MiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in known {
            assert_eq!(show_bytes(bytes), text);
        }
    }

    #[test]
    fn running_times_are_as_on_a_clock() {
        for (seconds, text) in [
            (0, "0:00"),
            (247, "4:07"),
            (3600, "1:00:00"),
            (8047, "2:14:07"),
            (360_000, "100:00:00"),
        ] {
            assert_eq!(show_clock(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in [
            "0s", "200ms", "5s", "2m", "1h", "90s", "250us", "1500ms", "0.5us",
        ] {
            let duration = parse_duration(text).expect(text);
            assert_eq!(show_duration(duration), text);
        }
    }
}
