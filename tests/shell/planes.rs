//! Planes: what `produce --planes` puts on a bus and what `consume` takes from it.

use crate::harness::{Place, Running};

/// A frame of film, made by ffmpeg, in a pixel format.
fn film(place: &Place, pixels: &str) -> Vec<u8> {
    let script = format!(
        "ffmpeg -loglevel error -f lavfi -i testsrc2=size=64x48:rate=25 -frames:v 1 -pix_fmt {pixels} -f rawvideo -y film.raw"
    );
    place.sh(&script).is(0);
    std::fs::read(place.path("film.raw")).expect("a frame")
}

/// Plays the frame in `film.raw` again and again.
const PLAYED: &str = "while cat film.raw 2>/dev/null; do sleep 0.03; done";

#[test]
fn a_format_goes_through_as_it_came() {
    for (pixels, format) in [
        ("nv12", "nv12"),
        ("yuv420p", "i420"),
        ("yuyv422", "yuyv"),
        ("rgb24", "rgb"),
        ("bgr24", "bgr"),
    ] {
        let place = Place::new();
        let frame = film(&place, pixels);
        let script = format!(
            "{PLAYED} | framebus produce - --format {format} --size 64x48 --planes {format},gray,gray/2"
        );
        let producer = Running::start(place.shell(&script));
        let name = format!("one.{format}");
        place
            .run(&["consume", "--timeout", "20s", "--count", "1", "-o", &name])
            .is(0);
        let taken = std::fs::read(place.path(&name)).expect("a frame");
        assert!(taken == frame, "{format} has changed on its way");
        std::fs::remove_file(place.path("film.raw")).expect("the film ends");
        producer.end().is(0);
    }
}

#[test]
fn a_420_stream_has_colours_where_they_are_asked_for() {
    let place = Place::new();
    let frame = film(&place, "yuv420p");
    place
        .sh("(printf 'YUV4MPEG2 W64 H48 F25:1 C420\\n'; for i in 1 2 3; do printf 'FRAME\\n'; cat film.raw; done) > a.y4m")
        .is(0);
    let _producer = place.start(&["produce", "a.y4m", "--loop", "--planes", "i420,bgr,gray"]);
    place
        .run(&[
            "consume",
            "--timeout",
            "20s",
            "--count",
            "1",
            "--color",
            "-o",
            "one.bgr",
        ])
        .is(0);
    place
        .run(&["consume", "--count", "1", "-o", "one.i420"])
        .is(0);
    let taken = std::fs::read(place.path("one.i420")).expect("a frame");
    assert!(taken == frame, "its own numbers");
    let bgr = std::fs::read(place.path("one.bgr")).expect("a frame");
    let coloured = |pixel: &[u8]| pixel[0].abs_diff(pixel[2]) > 50;
    assert!(bgr.chunks(3).any(coloured), "without colours");
}

#[test]
fn metadata_arrive_with_their_frame() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100", "--planes", "gray,meta"]);
    let done = place.run(&["consume", "--json", "--count", "20"]).is(0);
    for line in done.text().lines() {
        let frame: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(frame["metadata"]["pattern"], frame["source_frame"]);
    }
}

#[test]
fn a_bus_without_gray_is_seen_by_everybody_and_taken_by_who_wants_colours() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50", "--planes", "nv12,bgr/2"]);
    place
        .run(&["consume", "--count", "3", "-o", "a.nv12"])
        .is(0);
    let bytes = std::fs::read(place.path("a.nv12")).expect("frames");
    assert_eq!(bytes.len(), 3 * 64 * 48 * 3 / 2);
    place
        .run(&["consume", "--count", "1", "-o", "a.pgm"])
        .is(2)
        .one_sentence("the bus carries no plane gray, it has nv12, bgr; start its producer with `--planes gray`");
    place.run(&["consume", "--count", "1", "-o", "a.raw"]).is(2);
    place.run(&["peek", "-o", "peek.pgm"]).is(0);
    let peek = std::fs::read(place.path("peek.pgm")).expect("an image");
    assert!(peek.starts_with(b"P5\n64 48\n"));
    let snapshot = place.run(&["top", "--once", "--json"]).is(0).json();
    let planes = &snapshot["segment"]["planes"];
    assert_eq!(planes[0]["format"], "nv12");
    assert_eq!(
        (&planes[0]["range"], &planes[0]["matrix"]),
        (&"limited".into(), &"bt601".into())
    );
    assert_eq!(
        (&planes[1]["format"], &planes[1]["width"]),
        (&"bgr".into(), &32.into())
    );
    assert_eq!(snapshot["segment"]["format"], "nv12+bgr/2");
    let list = place.run(&["ls", "--json"]).is(0).text();
    assert!(list.contains("\"nv12+bgr/2\""), "{list}");
}

#[test]
fn a_small_plane_is_taken_as_a_picture_of_its_own_size() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50", "--planes", "gray,bgr/2,gray/4,nv12"]);
    let take = |args: &[&str]| place.run(&[&["consume", "--count", "2"], args].concat());
    take(&["--plane", "gray/4", "-o", "small.y4m"]).is(0);
    let video = std::fs::read(place.path("small.y4m")).expect("a video");
    assert!(video.starts_with(b"YUV4MPEG2 W16 H12 "), "its own size");
    take(&["--plane", "bgr/2", "-o", "half.ppm"]).is(0);
    let image = std::fs::read(place.path("half.ppm")).expect("an image");
    assert!(image.starts_with(b"P6\n32 24\n"));
    take(&["--plane", "nv12", "-o", "raw"]).is(0);
    let raw = std::fs::read(place.path("raw")).expect("frames");
    assert_eq!(raw.len(), 2 * 64 * 48 * 3 / 2);
    take(&["--plane", "rgb", "-o", "raw"])
        .is(2)
        .one_sentence("has no plane rgb: it has gray, bgr/2, gray/4, nv12; start its producer with --planes gray,bgr/2,gray/4,nv12,rgb");
    take(&["--plane", "nv12", "-o", "a.png"])
        .is(2)
        .one_sentence("--plane nv12 is written as it is");
    take(&["--plane", "gray/4"])
        .is(2)
        .one_sentence("use it with --output");
}

#[test]
fn planes_of_the_configuration_hold_until_a_flag_says_otherwise() {
    let place = Place::new();
    let lines = |script: &str| place.sh(script).is(0).text();
    let produce = "framebus produce pattern --size 8x8 --duration 200ms 2>&1";
    let env = format!("FRAMEBUS_PRODUCE_PLANES=gray,rgb {produce}");
    assert!(lines(&env).contains(" gray+rgb at"));
    assert!(
        lines(&format!(
            "FRAMEBUS_PRODUCE_PLANES=rgb {produce} --planes nv12"
        ))
        .contains(" nv12 at")
    );
    assert!(
        lines(&format!("FRAMEBUS_PRODUCE_PLANES=rgb {produce} --color")).contains(" gray+bgr at")
    );
    place
        .sh("FRAMEBUS_PRODUCE_PLANES=green framebus produce pattern")
        .is(2)
        .one_sentence(
            "FRAMEBUS_PRODUCE_PLANES: \"green\" cannot be: \"green\" is no plane; planes are gray,",
        );
}

#[test]
fn planes_that_cannot_be_are_said() {
    let place = Place::new();
    let said = |planes: &str, size: &str, part: &str| {
        let pattern = [
            "-q", "produce", "pattern", "--size", size, "--planes", planes,
        ];
        let done = place.run(&pattern).is(2);
        assert!(done.stderr.contains(part), "{}", done.stderr);
    };
    said("green", "64x48", "\"green\" is no plane");
    said("gray,gray", "64x48", "plane gray is asked for twice");
    said("nv12", "63x48", "needs an even number of columns and rows");
    said("gray,gray/99", "64x48", "has no pixels left");
    place
        .sh("printf 12345678 | framebus produce - --format gray --size 4x2 --planes bgr")
        .is(2)
        .one_sentence("--planes needs a source that gives colours");
}
