//! What an address means. Those of pictures are the ones that ustreamer and mjpg-streamer have.

use super::query::value;

/// The least and the most that may be asked for.
const FPS: std::ops::RangeInclusive<f64> = 0.01..=1000.0;
const WIDTHS: std::ops::RangeInclusive<u32> = 16..=16384;
const QUALITIES: std::ops::RangeInclusive<u8> = 1..=100;
const QUALITY: u8 = 80;

/// How a picture is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rendering {
    /// Of the frame in this slot instead of the newest.
    pub(super) slot: Option<u8>,
    /// In colour where the bus has it.
    pub(super) color: bool,
    /// Made smaller to so many columns.
    pub(super) width: Option<u32>,
    /// Of the JPEG, 1 to 100.
    pub(super) quality: u8,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Route {
    Page,
    Script,
    Style,
    Icon,
    /// Server-sent events: all buses, again and again.
    Events,
    /// All buses as JSON.
    Buses,
    /// One bus as JSON.
    Bus(String),
    Metrics,
    Health,
    /// Pictures of a bus, or of the first, and how many a second at most.
    Stream(Option<String>, Rendering, Option<f64>),
    /// One picture.
    Snapshot(Option<String>, Rendering),
}

/// Why an address means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoRoute {
    NotFound,
    /// A value that cannot be.
    Bad(String),
}

impl Route {
    /// What is asked for at a path with a query.
    pub(super) fn of(path: &str, query: &str) -> Result<Route, NoRoute> {
        Ok(match path {
            "/page.js" => Route::Script,
            "/style.css" => Route::Style,
            "/icon.svg" | "/favicon.ico" => Route::Icon,
            "/events" => Route::Events,
            "/api/buses" => Route::Buses,
            "/metrics" => Route::Metrics,
            "/healthz" => Route::Health,
            _ => match path.strip_prefix("/api/buses/") {
                Some(bus) if !bus.contains('/') => Route::Bus(bus.to_owned()),
                Some(_) => return Err(NoRoute::NotFound),
                None => return of_picture(path, query),
            },
        })
    }

    /// Whether everybody may see it: what is in every copy of the program.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Route::Script | Route::Style | Route::Icon)
    }
}

fn of_picture(path: &str, query: &str) -> Result<Route, NoRoute> {
    let (bus, rest) = match path.strip_prefix("/buses/") {
        Some(rest) => {
            let (bus, rest) = rest.split_once('/').ok_or(NoRoute::NotFound)?;
            (Some(bus.to_owned()), rest)
        }
        None => (None, path.strip_prefix('/').unwrap_or(path)),
    };
    let action = value(query, "action");
    let rendering = |slot| rendering(query, slot);
    match (rest, action.as_deref()) {
        ("stream.mjpg" | "stream", _) | ("", Some("stream")) => {
            Ok(Route::Stream(bus, rendering(None)?, fps(query)?))
        }
        ("snapshot.jpg" | "snapshot", _) | ("", Some("snapshot")) => {
            Ok(Route::Snapshot(bus, rendering(None)?))
        }
        ("", None) if bus.is_none() => Ok(Route::Page),
        _ => {
            let slot = rest.strip_prefix("slots/");
            let slot = slot.and_then(|slot| slot.strip_suffix(".jpg"));
            let slot = slot.filter(|_| bus.is_some());
            let slot = slot.and_then(|slot| slot.parse().ok());
            let slot = slot.ok_or(NoRoute::NotFound)?;
            Ok(Route::Snapshot(bus, rendering(Some(slot))?))
        }
    }
}

fn rendering(query: &str, slot: Option<u8>) -> Result<Rendering, NoRoute> {
    let color = match value(query, "color").as_deref() {
        None | Some("0" | "false") => false,
        Some("1" | "true" | "") => true,
        Some(other) => return Err(bad("color", other, "0 or 1")),
    };
    Ok(Rendering {
        slot,
        color,
        width: number(query, "width", &WIDTHS)?,
        quality: number(query, "quality", &QUALITIES)?.unwrap_or(QUALITY),
    })
}

fn fps(query: &str) -> Result<Option<f64>, NoRoute> {
    number(query, "fps", &FPS)
}

/// A number in a range; nothing where the key is not there.
fn number<T>(
    query: &str,
    key: &str,
    range: &std::ops::RangeInclusive<T>,
) -> Result<Option<T>, NoRoute>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = value(query, key) else {
        return Ok(None);
    };
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(Some(number)),
        _ => {
            let wanted = format!("a number from {} to {}", range.start(), range.end());
            Err(bad(key, &text, &wanted))
        }
    }
}

fn bad(key: &str, value: &str, wanted: &str) -> NoRoute {
    // A stranger's text stays short and in one line.
    let shown: String = value.chars().take(40).collect();
    NoRoute::Bad(format!("{key}={} is not {wanted}\n", shown.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rendering = Rendering {
        slot: None,
        color: false,
        width: None,
        quality: QUALITY,
    };

    #[test]
    fn the_addresses_that_clients_know_are_there() {
        let stream = Ok(Route::Stream(None, PLAIN, None));
        for (path, query) in [
            ("/stream.mjpg", ""),
            ("/stream", "token=x"),
            ("/", "action=stream"),
        ] {
            assert_eq!(Route::of(path, query), stream, "{path}?{query}");
        }
        let of_bus = Ok(Route::Snapshot(Some("cam1".into()), PLAIN));
        for (path, query) in [
            ("/buses/cam1/snapshot.jpg", ""),
            ("/buses/cam1/snapshot", ""),
            ("/buses/cam1/", "action=snapshot"),
        ] {
            assert_eq!(Route::of(path, query), of_bus, "{path}?{query}");
        }
        let query = "fps=2.5&width=320&quality=50&color=1";
        let small = Rendering {
            color: true,
            width: Some(320),
            quality: 50,
            ..PLAIN
        };
        let expected = Ok(Route::Stream(None, small, Some(2.5)));
        assert_eq!(Route::of("/stream", query), expected);
        let slot = Rendering {
            slot: Some(3),
            ..PLAIN
        };
        assert_eq!(
            Route::of("/buses/a/slots/3.jpg", ""),
            Ok(Route::Snapshot(Some("a".into()), slot))
        );
        assert_eq!(Route::of("/", ""), Ok(Route::Page));
        assert_eq!(Route::of("/api/buses/a", ""), Ok(Route::Bus("a".into())));
    }

    #[test]
    fn what_is_nowhere_is_not_found_and_what_cannot_be_is_said() {
        for path in [
            "/x",
            "/buses/a",
            "/buses/a/",
            "/buses/a/b/stream",
            "/buses/a/slots/999.jpg",
            "/slots/1.jpg",
            "/api/buses/a/b",
            "/../etc/passwd",
            "//",
        ] {
            assert_eq!(Route::of(path, ""), Err(NoRoute::NotFound), "{path}");
        }
        for query in [
            "fps=0",
            "fps=nan",
            "fps=x",
            "width=1",
            "width=-5",
            "quality=0",
            "quality=101",
            "color=red",
            "width=99999999999",
        ] {
            let route = Route::of("/stream", query);
            assert!(matches!(route, Err(NoRoute::Bad(_))), "{query}: {route:?}");
        }
    }
}
