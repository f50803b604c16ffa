//! `consume -o clip.mp4`: films that ffmpeg makes, with the times of their frames, whole on every way out.

use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Place, Running, until};

const KINDS: [&str; 4] = ["mp4", "mkv", "mov", "webm"];

/// The times of a film's frames, in milliseconds from the first one on.
fn times(place: &Place, film: &str) -> Vec<f64> {
    let script = format!(
        "ffprobe -v error -select_streams v -show_entries frame=best_effort_timestamp_time -of csv=p=0 {film}"
    );
    let printed = place.sh(&script).is(0).text();
    let seconds = printed.lines().filter_map(|line| line.split(',').next());
    let times: Vec<f64> = seconds
        .filter(|text| !text.is_empty())
        .map(|text| 1000.0 * text.parse::<f64>().expect("a time"))
        .collect();
    let first = times.first().copied().unwrap_or(0.0);
    times.iter().map(|time| time - first).collect()
}

/// What ffprobe says of a film's video.
fn seen(place: &Place, film: &str, what: &str) -> String {
    let script = format!("ffprobe -v error -show_entries stream={what} -of csv=p=0 {film}");
    place.sh(&script).is(0).text().trim().to_owned()
}

/// How many frames the last line of a consumer says that it has written.
fn wrote(stderr: &str, film: &str) -> usize {
    let line = stderr.lines().find(|line| line.contains("wrote "));
    let line = line.unwrap_or_else(|| panic!("{film}: {stderr}"));
    let (_, rest) = line
        .split_once(&format!("wrote {film}: "))
        .expect("its name");
    let (number, _) = rest.split_once(" frame").expect("a number");
    number.parse().expect("a number")
}

/// Starts to write a film, and waits until it has some frames.
fn filming(place: &Place, film: &str) -> Running {
    taking(place, &["consume", "--name", "film", "-o", film])
}

/// Starts a consumer of that name, and waits until it has taken some frames.
fn taking(place: &Place, args: &[&str]) -> Running {
    let consumer = place.start(args);
    until("frames are written", || {
        let json = place.run(&["top", "--once", "--json"]).json();
        let of = |one: &Value| one["name"] == "film" && one["taken"].as_u64() > Some(20);
        json["consumers"]
            .as_array()
            .is_some_and(|all| all.iter().any(of))
    });
    consumer
}

/// A recording of 40 frames with such a brightness each, at uneven times.
fn uneven(place: &Place) {
    let frames = (0..40).flat_map(|n| [&b"FRAME\n"[..], &[6 * n; 64 * 48]].concat());
    let header = b"YUV4MPEG2 W64 H48 F25:1 Cmono\n".iter().copied();
    let video: Vec<u8> = header.chain(frames).collect();
    fs::write(place.path("in.y4m"), video).expect("a file");
    let mut ms = 0;
    let lines: String = (0..40)
        .map(|n| {
            ms += [3, 40, 7, 113, 20][n % 5];
            format!("{{\"sequence\":{n},\"capture_ns\":{ms}000000}}\n")
        })
        .collect();
    fs::write(place.path("in.y4m.ndjson"), lines).expect("a file");
}

#[test]
fn a_film_has_every_frame_at_its_own_time() {
    let place = Place::new();
    uneven(&place);
    for kind in KINDS {
        let film = format!("clip.{kind}");
        let writer = place.start(&["consume", "--every-frame", "-o", &film]);
        let told = place.start(&["consume", "--every-frame", "--json"]);
        let produce = ["produce", "in.y4m", "--lockstep", "--wait-consumers", "2"];
        place.run(&produce).is(0);
        let done = writer.end().is(0);
        assert_eq!(wrote(&done.stderr, &film), 40);
        let told = told.end().is(0).text();
        let captured = told.lines().map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            line["capture_ns"].as_u64().expect("a time") as f64 / 1e6
        });
        let captured: Vec<f64> = captured.collect();
        let seen = times(&place, &film);
        assert_eq!((seen.len(), captured.len()), (40, 40), "{kind}");
        let first = captured[0];
        for (seen, captured) in seen.iter().zip(&captured) {
            let wanted = captured - first;
            assert!((seen - wanted).abs() <= 1.0, "{kind}: {seen} for {wanted}");
        }
        let date =
            format!("ffprobe -v error -show_entries format_tags=creation_time -of csv=p=0 {film}");
        let date = place.sh(&date).is(0).text();
        assert!(
            date.starts_with("20") && date.contains('T'),
            "{kind}: {date:?}"
        );
    }
}

#[test]
fn a_film_looks_as_the_frames_did_in_gray_and_in_colour_and_at_odd_sizes() {
    let place = Place::new();
    uneven(&place);
    let writer = place.start(&["consume", "--every-frame", "-o", "clip.mp4"]);
    let produce = [
        "produce",
        "in.y4m",
        "--fps",
        "0",
        "--lockstep",
        "--wait-consumers",
        "1",
    ];
    place.run(&produce).is(0);
    writer.end().is(0);
    let decode = "ffmpeg -v error -i clip.mp4 -vf scale=out_range=pc,format=gray -fps_mode passthrough -f rawvideo -";
    let pixels = place.sh(decode).is(0).stdout;
    let frames: Vec<&[u8]> = pixels.chunks(64 * 48).collect();
    assert_eq!(frames.len(), 40);
    for (n, frame) in frames.iter().enumerate() {
        let wanted = u8::try_from(6 * n).expect("a byte");
        assert!(
            frame.iter().all(|pixel| pixel.abs_diff(wanted) <= 4),
            "{n}: {}",
            frame[0]
        );
    }
    assert_eq!(seen(&place, "clip.mp4", "pix_fmt"), "yuv420p");

    let produce = ["produce", "pattern", "--size", "61x47", "--color"];
    let _producer = place.start(&produce);
    place.run(&["wait", "--timeout", "30s"]).is(0);
    let consume = ["consume", "--color", "--count", "5", "-o", "odd.mkv"];
    place.run(&consume).is(0);
    assert_eq!(seen(&place, "odd.mkv", "width,height"), "61,47");
    let decode = "ffmpeg -v error -i odd.mkv -frames:v 1 -f rawvideo -pix_fmt bgr24 -";
    let pixels = place.sh(decode).is(0).stdout;
    let coloured = pixels
        .chunks(3)
        .filter(|pixel| pixel[0].abs_diff(pixel[2]) > 100);
    assert!(coloured.count() > 100);
}

#[test]
fn a_film_is_whole_however_its_consumer_or_its_producer_ends() {
    let place = Place::new();
    let producer = place.produce(&["--fps", "100"]);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let consumer = filming(&place, "clip.mp4");
        consumer.signal(signal);
        let done = consumer.end().is(code);
        let frames = wrote(&done.stderr, "clip.mp4");
        assert_eq!(times(&place, "clip.mp4").len(), frames);
    }
    // ffmpeg goes on to the end of its input.
    filming(&place, "killed.mp4").kill();
    until("the film is whole", || {
        place.sh("ffprobe -v error killed.mp4").status.success()
    });
    assert!(times(&place, "killed.mp4").len() > 10);
    let consumer = filming(&place, "orphan.mp4");
    producer.kill();
    let done = consumer.end().is(3);
    let frames = wrote(&done.stderr, "orphan.mp4");
    assert_eq!(times(&place, "orphan.mp4").len(), frames);
}

#[test]
fn what_keeps_a_film_from_being_written_is_one_sentence() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    let mut command = place.framebus(&["consume", "-o", "clip.mp4"]);
    command.env("PATH", place.dir.path());
    let done = Running::start(command).end().is(2);
    done.one_sentence("clip.mp4 needs ffmpeg, which is not in PATH: install it");
    let mut command = place.framebus(&["consume", "--pre", "1s", "-o", "clip.mp4"]);
    command.env("PATH", place.dir.path());
    Running::start(command)
        .end()
        .is(2)
        .one_sentence("needs ffmpeg");
    assert!(!place.path("clip.mp4").exists());
    for (args, why) in [
        (&["-o", "-", "--format", "mp4"][..], "give it a file"),
        (&["-o", "/dev/null", "--format", "mkv"], "is not a file"),
        (&["-o", "none/clip.mp4"], "cannot write none/clip.mp4"),
        (&["--color", "-o", "clip.mp4"], "carries no colour"),
        (&["-o", "clip.avi"], "framebus writes no clip.avi"),
    ] {
        let args = [&["consume", "--count", "3"], args].concat();
        place.run(&args).is(2).one_sentence(why);
    }
    assert!(!place.path("clip.mp4").exists());

    let consumer = filming(&place, "clip.mp4");
    let children = format!("pkill -KILL -P {} ffmpeg", consumer.pid());
    place.sh(&children).is(0);
    let done = consumer.end().is(2);
    done.one_sentence("cannot write clip.mp4: ffmpeg ended with signal 9");
}

#[test]
fn another_ffmpeg_makes_films_too() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    // Built without x264, and of before 5.1.
    fs::create_dir(place.path("bin")).expect("a directory");
    let other = "#!/bin/sh
        real=$(PATH=${PATH#*:} command -v ffmpeg)
        case $* in
        *-encoders) $real \"$@\" | grep -v x264 ;;
        *'-h long') $real \"$@\" | grep -v fps_mode ;;
        *-fps_mode*) exit 9 ;;
        *) set -f; exec $real $(echo \"$*\" | sed 's/-q:v/-c:v mpeg4 -q:v/') ;;
        esac\n";
    fs::write(place.path("bin/ffmpeg"), other).expect("a file");
    let script =
        "chmod +x bin/ffmpeg && PATH=$PWD/bin:$PATH framebus consume -o clip.mp4 --count 30";
    place.sh(script).is(0);
    assert_eq!(seen(&place, "clip.mp4", "codec_name"), "mpeg4");
    assert_eq!(times(&place, "clip.mp4").len(), 30);
}

#[test]
fn an_ffmpeg_without_the_old_option_makes_films_too() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    fs::create_dir(place.path("bin")).expect("a directory");
    let newer = "#!/bin/sh
        real=$(PATH=${PATH#*:} command -v ffmpeg)
        case $* in
        *'-h long') $real \"$@\" | sed 's/-fps_mode /-fps_mode[:<stream_spec>] /' ;;
        *-vsync*) exit 9 ;;
        *) exec $real \"$@\" ;;
        esac\n";
    fs::write(place.path("bin/ffmpeg"), newer).expect("a file");
    let script =
        "chmod +x bin/ffmpeg && PATH=$PWD/bin:$PATH framebus consume -o clip.mp4 --count 30";
    place.sh(script).is(0);
    assert_eq!(times(&place, "clip.mp4").len(), 30);
}

#[test]
fn a_full_disk_ends_a_film_with_a_sentence() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "200"]);
    fs::create_dir(place.path("full")).expect("a directory");
    let done = place.sh(
        "unshare -rm sh -c 'mount -t tmpfs -o size=16k tmpfs full || exit 99
         framebus consume -o full/clip.mp4'",
    );
    done.is(2)
        .one_sentence("cannot write full/clip.mp4: ffmpeg says: ");
}

#[test]
fn frames_of_another_size_end_a_film_that_is_whole() {
    let place = Place::new();
    let consumer = place.start(&["consume", "--every-frame", "-o", "clip.mp4"]);
    let video = |size: &str| {
        format!(
            "ffmpeg -v error -f lavfi -i testsrc2=size={size}:rate=25:duration=1 -f yuv4mpegpipe -strict -1 -"
        )
    };
    let both = format!("({}; {})", video("64x48"), video("80x60"));
    let script = format!("{both} | framebus produce - --lockstep --wait-consumers 1");
    let producer = Running::start(place.shell(&script));
    let done = consumer.end().is(2);
    assert!(
        done.stderr
            .contains("are now 80x60, but clip.mp4 holds 64x48"),
        "{}",
        done.stderr
    );
    assert_eq!(wrote(&done.stderr, "clip.mp4"), 25);
    assert_eq!(times(&place, "clip.mp4").len(), 25);
    producer.end();
}

#[test]
fn each_event_is_a_film() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50"]);
    let args = ["consume", "--name", "film", "-o", "event-%03d.mp4"];
    let events = ["--pre", "300ms", "--post", "200ms", "--repeat"];
    let consumer = taking(&place, &[&args[..], &events].concat());
    for film in ["event-001.mp4", "event-002.mp4"] {
        until("the film is whole", || {
            if !place.path(film).exists() {
                consumer.signal(Signal::USR1);
            }
            let probe = format!("ffprobe -v error {film}");
            place.path(film).exists() && place.sh(&probe).status.success()
        });
        assert!(times(&place, film).len() >= 5);
    }
    consumer.signal(Signal::INT);
    consumer.end().is(130);
}
