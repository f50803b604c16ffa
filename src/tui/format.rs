//! Numbers as people read them in a narrow column.
//!
//! `---` is not known, `+++` has begun and has not ended. Every text here is short enough for its column, or says so.

use ratatui::text::Span;

/// Not known.
pub(crate) const UNKNOWN: &str = "---";
/// Begun and not ended.
pub(crate) const OPEN: &str = "+++";

/// Formats an optional value, `---` when there is none.
pub(crate) fn or_unknown<T>(value: Option<T>, format: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), format)
}

/// Formats a span of time given in milliseconds in at most 5 characters: `0.4ms`, `112ms`, `12.3s`, `121s`, `17m`.
pub(crate) fn span(ms: f64) -> String {
    let s = ms / 1e3;
    match ms {
        _ if ms < 9.95 => format!("{:.1}ms", ms.max(0.0)),
        _ if ms < 999.5 => format!("{ms:.0}ms"),
        _ if s < 99.95 => format!("{s:.1}s"),
        _ if s < 999.5 => format!("{s:.0}s"),
        _ if s < 5_999.0 => format!("{:.0}m", s / 60.0),
        _ if s < 359_999.0 => format!("{:.0}h", s / 3_600.0),
        _ => format!("{:.0}d", s / 86_400.0),
    }
}

/// Formats milliseconds as a bare number for places that name the unit: `0.40`, `1.1`, `33.3`, `121`.
pub(crate) fn millis(ms: f64) -> String {
    match ms {
        _ if ms < 0.995 => format!("{ms:.2}"),
        _ if ms < 99.95 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

/// Formats a median and a 99th percentile with one unit, in at most 9 characters: `98/121ms`, `0.2/1.1ms`, `80/410us`.
pub(crate) fn pair(p50: Option<f64>, p99: Option<f64>) -> String {
    let (Some(p50), Some(p99)) = (p50, p99) else {
        return UNKNOWN.to_owned();
    };
    match p99 {
        _ if p99 < 0.9995 => format!("{}/{:.0}us", lesser(p50 * 1e3), p99 * 1e3),
        _ if p99 < 9.95 => format!("{p50:.1}/{p99:.1}ms"),
        _ if p99 < 999.5 => format!("{}/{p99:.0}ms", lesser(p50)),
        _ if p99 < 9_950.0 => format!("{:.1}/{:.1}s", p50 / 1e3, p99 / 1e3),
        _ if p99 < 999_500.0 => format!("{}/{:.0}s", lesser(p50 / 1e3), p99 / 1e3),
        _ if p99 < 59_970_000.0 => format!("{}/{:.0}m", lesser(p50 / 6e4), p99 / 6e4),
        _ => format!(
            "{}/{:.0}h",
            lesser((p50 / 3.6e6).min(999.0)),
            (p99 / 3.6e6).min(999.0)
        ),
    }
}

/// Formats a median in the unit of its percentile: what is below one there is not nothing.
fn lesser(value: f64) -> String {
    if (0.05..0.95).contains(&value) {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Formats a rate a second: `30.0`.
pub(crate) fn rate(value: f64) -> String {
    if value < 999.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Formats a number of frames a second that somebody announced: `30`, `29.97`.
pub(crate) fn nominal(value: f64) -> String {
    if (value - value.round()).abs() < 0.005 {
        format!("{value:.0}")
    } else {
        format!("{value:.2}")
    }
}

/// Formats a ratio in at most 4 characters: `0.27`, `12.3`, `123`.
pub(crate) fn ratio(value: f64) -> String {
    match value {
        _ if value < 9.995 => format!("{value:.2}"),
        _ if value < 99.95 => format!("{value:.1}"),
        _ => format!("{:.0}", value.min(9999.0)),
    }
}

/// Formats a count in at most `width` characters, with `k`, `M`, `G` or `T` when the digits do not fit.
pub(crate) fn count(value: u64, width: usize) -> String {
    let digits = value.to_string();
    if digits.len() <= width {
        return digits;
    }
    for (unit, size) in [('k', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12)] {
        let scaled = value as f64 / size;
        if scaled >= 999.5 && unit != 'T' {
            continue;
        }
        for text in [format!("{scaled:.1}{unit}"), format!("{scaled:.0}{unit}")] {
            if text.len() <= width {
                return text;
            }
        }
    }
    UNKNOWN.to_owned()
}

/// Formats a size in bytes: `8.3 MiB`.
pub(crate) fn bytes(value: u64) -> String {
    let value = value as f64;
    match value {
        _ if value < 1024.0 => format!("{value:.0} B"),
        _ if value < 1024.0 * 1024.0 => format!("{:.1} KiB", value / 1024.0),
        _ if value < 1024.0 * 1024.0 * 1024.0 => format!("{:.1} MiB", value / 1024.0 / 1024.0),
        _ => format!("{:.1} GiB", value / 1024.0 / 1024.0 / 1024.0),
    }
}

/// Formats how long something has run: `2:14:07`, `4d 02h`.
pub(crate) fn uptime(seconds: f64) -> String {
    let s = seconds.max(0.0) as u64;
    if s < 100 * 3_600 {
        format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
    } else {
        format!("{}d {:02}h", s / 86_400, s / 3_600 % 24)
    }
}

/// Formats the time of day in UTC: `14:03:21`.
pub(crate) fn clock(time_ms: u64) -> String {
    let s = time_ms / 1000;
    format!("{:02}:{:02}:{:02}", s / 3_600 % 24, s / 60 % 60, s % 60)
}

/// Formats a date and time in UTC for a file name: `20260102T140321Z` (days to a date after Howard Hinnant's `civil_from_days`).
pub(crate) fn stamp(time_ms: u64) -> String {
    let s = time_ms / 1000;
    let z = s / 86_400 + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (h, m, s) = (s / 3_600 % 24, s / 60 % 60, s % 60);
    format!("{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z")
}

/// Returns how many cells a text takes.
pub(crate) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        Span::raw(text).width()
    }
}

/// Replaces what could move the cursor or upset a column: names and messages come from other processes.
pub(crate) fn clean(text: &str, ascii: bool) -> String {
    let keep = |c: char| !c.is_control() && (c.is_ascii() || !ascii);
    text.chars()
        .map(|c| if keep(c) { c } else { '?' })
        .collect()
}

/// Cuts a text to `cells` cells; what is cut ends in `mark`.
pub(crate) fn cut(text: &str, cells: usize, mark: char) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = width(c.encode_utf8(&mut [0; 4]));
        if used + w + 1 > cells {
            break;
        }
        out.push(c);
        used += w;
    }
    if cells > 0 {
        out.push(mark);
    }
    out
}

/// Cuts the middle out of a text: names that belong together differ at their ends.
pub(crate) fn cut_middle(text: &str, cells: usize, mark: char) -> String {
    if width(text) <= cells || cells < 4 {
        return cut(text, cells, mark);
    }
    let (front, back) = ((cells - 1) / 2, cells - 1 - (cells - 1) / 2);
    format!("{}{mark}{}", start_of(text, front), end_of(text, back))
}

/// Cuts the front of a text: of a path the last part says which file it is.
pub(crate) fn cut_front(text: &str, cells: usize, mark: char) -> String {
    if width(text) <= cells || cells == 0 {
        return cut(text, cells, mark);
    }
    format!("{mark}{}", end_of(text, cells - 1))
}

/// Cuts what a producer captures: the front of a path or an address, the end of anything else.
pub(crate) fn cut_source(text: &str, cells: usize, mark: char) -> String {
    match text.contains('/') {
        true => cut_front(text, cells, mark),
        false => cut(text, cells, mark),
    }
}

fn start_of(text: &str, cells: usize) -> String {
    whole(text.chars(), cells).collect()
}

fn end_of(text: &str, cells: usize) -> String {
    let mut end: Vec<char> = whole(text.chars().rev(), cells).collect();
    end.reverse();
    end.into_iter().collect()
}

/// Returns the first characters that take no more than `cells`.
fn whole(chars: impl Iterator<Item = char>, cells: usize) -> impl Iterator<Item = char> {
    chars.scan(0, move |used, c| {
        *used += width(c.encode_utf8(&mut [0; 4]));
        (*used <= cells).then_some(c)
    })
}

/// Cuts or pads a text to exactly `cells` cells.
pub(crate) fn pad(text: &str, cells: usize, right: bool, mark: char) -> String {
    let text = cut(text, cells, mark);
    let fill = " ".repeat(cells.saturating_sub(width(&text)));
    if right { fill + &text } else { text + &fill }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_fits_five_characters_whatever_its_size() {
        let mut ms = 0.001;
        while ms < 8e9 {
            assert!(span(ms).len() <= 5, "{ms} ms is {}", span(ms));
            for part in [1.0, 0.5, 0.002] {
                assert!(pair(Some(ms * part), Some(ms)).len() <= 9, "{ms}");
            }
            assert!(ratio(ms).len() <= 4, "{ms}");
            ms *= 1.01;
        }
        assert_eq!(
            [span(0.44), span(112.0), span(12_340.0), span(120_800.0)],
            ["0.4ms", "112ms", "12.3s", "121s"]
        );
        assert_eq!(pair(Some(0.4), Some(392.0)), "0.4/392ms");
    }

    #[test]
    fn a_count_fits_its_column() {
        assert_eq!(count(80_423, 6), "80423");
        assert_eq!(count(12_345_678, 6), "12.3M");
        assert_eq!(count(999_999, 4), "1.0M");
        assert_eq!(count(99_999, 4), "100k");
        for shift in 0..63 {
            assert!(count(1 << shift, 6).len() <= 6);
        }
    }

    #[test]
    fn wall_clock_times_are_utc() {
        assert_eq!(clock(1_767_362_601_000), "14:03:21");
        assert_eq!(stamp(1_767_362_601_000), "20260102T140321Z");
        assert_eq!(stamp(951_782_400_000), "20000229T000000Z");
    }

    #[test]
    fn a_name_from_another_process_cannot_send_escape_codes() {
        assert_eq!(clean("a\u{1b}[2Jb", false), "a?[2Jb");
        assert_eq!(clean("Kamera-Ü", true), "Kamera-?");
    }

    #[test]
    fn padding_counts_cells_and_not_bytes() {
        assert_eq!(pad("相機", 6, false, '~'), "相機  ");
        assert_eq!(pad("相機相機", 5, false, '~'), "相機~");
        assert_eq!(pad("7", 3, true, '~'), "  7");
        assert_eq!(cut("abc", 0, '~'), "");
    }
}
