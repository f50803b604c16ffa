//! What a producer is given: ranges, pipes that pause or begin again, things that are not files, and secrets.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{Done, Place, Running};

/// The first frame of what ffmpeg writes with these options into `produce -` with these arguments.
fn first_frame(source: &str, options: &str, args: &str) -> Vec<u8> {
    let place = Place::new();
    let script = format!(
        "ffmpeg -loglevel quiet -re -f lavfi -i {source} {options} - | framebus -q produce - {args} &
        framebus -q consume -i 0 -o - --count 1 --timeout 30s; kill $!; wait"
    );
    let done = place.sh(&script);
    assert_eq!(done.stdout.len(), 64 * 48, "{done:?}");
    done.stdout
}

#[test]
fn black_and_white_are_0_and_255_on_every_road() {
    let roads = [
        ("-pix_fmt yuv420p -f yuv4mpegpipe", "", false),
        ("-pix_fmt yuvj420p -f yuv4mpegpipe", "", false),
        ("-pix_fmt yuv444p -f yuv4mpegpipe", "", false),
        ("-pix_fmt yuv444p -f yuv4mpegpipe", "--color", false),
        ("-pix_fmt gray -strict -1 -f yuv4mpegpipe", "", false),
        (
            "-pix_fmt gray -f rawvideo",
            "--format gray --size 64x48",
            false,
        ),
        (
            "-pix_fmt bgr24 -f rawvideo",
            "--format bgr --size 64x48",
            false,
        ),
        (
            "-pix_fmt yuyv422 -f rawvideo",
            "--format yuyv --size 64x48",
            false,
        ),
        // What is full range and does not say so is told; and the other way round.
        ("-pix_fmt yuv420p -f yuv4mpegpipe", "--range full", true),
        (
            "-pix_fmt yuyv422 -f rawvideo",
            "--format yuyv --size 64x48 --range full",
            true,
        ),
    ];
    for (options, args, as_it_is) in roads {
        let (black, white) = if as_it_is { (16, 235) } else { (0, 255) };
        for (color, full) in [("black", black), ("white", white)] {
            let source = format!("color={color}:s=64x48");
            let frame = first_frame(&source, options, args);
            assert!(
                frame.iter().all(|pixel| pixel.abs_diff(full) <= 1),
                "{options} {args}: {color} is {}",
                frame[0]
            );
        }
    }
}

#[test]
fn gray_through_a_pipe_is_what_ffmpeg_calls_gray() {
    let source = "rgbtestsrc=s=64x48";
    let gray = first_frame(
        source,
        "-pix_fmt gray -f rawvideo",
        "--format gray --size 64x48",
    );
    for format in ["yuv420p", "yuv422p", "yuv444p", "yuvj420p"] {
        let options = format!("-pix_fmt {format} -f yuv4mpegpipe");
        let frame = first_frame(source, &options, "");
        let off = frame.iter().zip(&gray).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(2), "{format}: {off:?}");
    }
}

#[test]
fn a_range_is_refused_where_there_is_none() {
    let place = Place::new();
    place
        .run(&["produce", "pattern", "--range", "full"])
        .is(2)
        .one_sentence("--range is for video: the pattern is full range");
    place
        .run(&[
            "produce", "-", "--format", "bgr", "--size", "8x8", "--range", "limited",
        ])
        .is(2)
        .one_sentence("--range is about luma");
    // For all buses it is for those that have one.
    let mut command = place.framebus(&["produce", "pattern", "--count", "1"]);
    command.env("FRAMEBUS_PRODUCE_RANGE", "limited");
    Done::of(command.output().expect("framebus starts"), "a pattern").is(0);
}

#[test]
fn a_restarted_writer_goes_on_in_the_same_pipe() {
    let place = Place::new();
    let video = "ffmpeg -loglevel error -f lavfi -i testsrc=s=$size -frames:v 2 -pix_fmt yuv420p -f yuv4mpegpipe -";
    let done = place
        .sh(&format!(
            "for size in 64x48 64x48 80x60; do {video}; done | framebus produce -"
        ))
        .is(0);
    for part in [
        "frames are 80x60 now, not 64x48: generation 2",
        "6 frames published, 0 dropped",
    ] {
        assert!(done.stderr.contains(part), "{}", done.stderr);
    }
}

#[test]
fn a_pipe_that_pauses_within_a_frame_is_stalled_and_loses_nothing() {
    let place = Place::new();
    let socket = UnixDatagram::bind(place.path("notify")).expect("a socket");
    let minute = Some(Duration::from_secs(60));
    socket.set_read_timeout(minute).expect("a timeout");
    let mut command = place.framebus(&["produce", "-", "--format", "gray", "--size", "64x48"]);
    command
        .stdin(Stdio::piped())
        .env("NOTIFY_SOCKET", place.path("notify"))
        .env("WATCHDOG_USEC", "20000");
    let mut producer = Running::start(command);
    let mut stdin = producer.stdin();
    stdin.write_all(&[1; 1000]).expect("a part of a frame");
    assert!(
        producer
            .error_line()
            .contains("standard input (gray 64x48)")
    );
    let said = producer.error_line();
    let wanted = "pauses in frame 0: 1000 of 3072 bytes came";
    assert!(said.contains(wanted), "{said}");
    let bus = place.run(&["ls", "--json"]).is(0).text();
    assert!(bus.contains("\"stalled\""), "{bus}");
    // READY, and signs of life before and after the pause was noticed: two of them come from waiting within the frame.
    let mut alive = 0;
    while alive < 3 {
        let mut bytes = [0; 256];
        let len = socket.recv(&mut bytes).expect("a message");
        alive += usize::from(bytes.starts_with(b"WATCHDOG=1") && len == 10);
    }
    stdin.write_all(&[1; 2072]).expect("the rest of it");
    let said = producer.error_line();
    assert!(said.contains("gives frames again"), "{said}");
    drop(stdin);
    let done = producer.end().is(0);
    assert!(
        done.stderr.contains("1 frames published, 0 dropped"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_is_not_a_file_is_refused_at_once() {
    let place = Place::new();
    place.sh("mkfifo pipe.y4m with.y4m.ndjson; ln -s /dev/zero zero.y4m.ndjson
        for name in with zero; do printf 'YUV4MPEG2 W4 H2 F25:1 Cmono\\nFRAME\\n12345678' > $name.y4m; done").is(0);
    let refused = |args: &[&str], part: &str| place.run(args).is(2).one_sentence(part);
    refused(
        &["produce", "pipe.y4m"],
        "pipe.y4m: it is a pipe, not a file; a stream is read with `framebus produce - < pipe.y4m`",
    );
    refused(
        &["produce", "with.y4m"],
        "cannot read with.y4m.ndjson: it is a pipe, not a file",
    );
    refused(
        &["produce", "zero.y4m"],
        "cannot read zero.y4m.ndjson: it is a device, not a file",
    );
    refused(
        &["--config", "/dev/zero", "ls"],
        "cannot read the configuration /dev/zero: it is a device, not a file",
    );
    refused(
        &["--config", "/", "ls"],
        "cannot read the configuration /: it is a directory, not a file",
    );
    place.sh("yes '# long' | head -c 2000000 > long.toml").is(0);
    refused(
        &["--config", "long.toml", "ls"],
        "it has more than 1048576 bytes",
    );
    refused(
        &["--config", "pipe.y4m", "ls"],
        "cannot read the configuration pipe.y4m: it is a pipe, not a file",
    );
    let nothing = ["--config", "/dev/null", "config", "explain"];
    assert!(place.run(&nothing).is(0).text().contains("produce.range"));
}

#[test]
fn a_path_need_not_be_utf_8() {
    let place = Place::new();
    let name = OsStr::from_bytes(b"\xff\xfe.y4m");
    let video = "YUV4MPEG2 W4 H2 F25:1 Cmono\nFRAME\n12345678";
    std::fs::write(place.dir.path().join(name), video).expect("a file");
    let mut command = place.framebus(&["produce"]);
    command.arg(name);
    let done = Done::of(command.output().expect("framebus starts"), "produce").is(0);
    assert!(
        done.stderr.contains("1 frames published"),
        "{}",
        done.stderr
    );
    // In a variable it would become another path.
    let mut command = place.framebus(&["produce"]);
    command.env("FRAMEBUS_PRODUCE_SOURCE", name);
    Done::of(command.output().expect("framebus starts"), "produce")
        .is(2)
        .one_sentence("is not UTF-8");
}

#[test]
fn a_password_is_in_no_message_header_or_json() {
    let place = Place::new();
    let url = "rtsp://me:se/cret@cam.invalid/1?token=abcdef";
    let shown = "rtsp://me:***@cam.invalid/1?token=***";
    let clean = |text: &str| {
        let leak = ["se/", "cret", "abcdef"]
            .into_iter()
            .find(|part| text.contains(part));
        assert_eq!(leak, None, "{text}");
    };
    for args in [
        &["produce", url][..],
        &["--log-format", "json", "produce", url],
        &["produce", "pattern", url],
        &["produce", "--fps", url],
    ] {
        let mut command = place.framebus(args);
        command.env("FRAMEBUS_WORKER", "/nonexistent");
        let done = Done::of(command.output().expect("framebus starts"), "produce").is(2);
        clean(&done.stderr);
        assert!(done.stderr.contains(shown), "{}", done.stderr);
    }
    for json in [&["config", "explain"][..], &["config", "explain", "--json"]] {
        let mut command = place.framebus(json);
        command.env("FRAMEBUS_PRODUCE_SOURCE", url);
        let done = Done::of(command.output().expect("framebus starts"), "explain").is(0);
        clean(&done.text());
        assert!(done.text().contains(shown), "{}", done.text());
    }
}

#[test]
fn a_password_is_handed_to_the_worker_out_of_sight() {
    let place = Place::new();
    let worker = "#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline\nprintenv FRAMEBUS_JOB\n";
    std::fs::write(place.path("worker"), worker).expect("a file");
    place.sh("chmod +x worker").is(0);
    let url = "rtsp://me:se/cret@cam.invalid/1";
    let mut command = place.framebus(&["produce", "-b", "a", url, "--fps", "5"]);
    command.env("FRAMEBUS_WORKER", place.path("worker"));
    let done = Done::of(command.output().expect("framebus starts"), "produce").is(0);
    let text = done.text();
    let (seen, hidden) = text.trim_end().rsplit_once(' ').expect("two things");
    assert!(
        seen.contains("produce -b a rtsp://me:***@cam.invalid/1 --fps 5"),
        "{text}"
    );
    let job: serde_json::Value = serde_json::from_str(hidden).expect("JSON");
    let source = &job["task"]["produce"]["source"]["Unix"];
    let bytes: Vec<u64> = url.bytes().map(u64::from).collect();
    assert_eq!(*source, serde_json::json!(bytes));
}

#[test]
fn doctor_fails_where_a_producer_could_not_make_its_pipes() {
    let place = Place::new();
    let user = if rustix::process::geteuid().is_root() {
        ""
    } else {
        "-r"
    };
    let script = format!(
        "mkdir fixed && unshare {user} -m sh -c 'mount -t tmpfs -o ro tmpfs fixed || exit 9
        for directory in fixed fixed/made; do export FRAMEBUS_RUNTIME_DIR=$PWD/$directory
        framebus doctor --size 8x8 | grep runtime-directory; framebus -q produce pattern --count 1; echo $?; done'"
    );
    let done = place.sh(&script).is(0);
    let lines: Vec<String> = done.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 4, "{done:?}");
    for pair in lines.chunks(2) {
        let wanted = "fixed cannot be written (Read-only file system";
        assert!(
            pair[0].starts_with("FAIL") && pair[0].contains(wanted),
            "{pair:?}"
        );
        assert_ne!(pair[1], "0");
    }
}

#[test]
fn a_writer_that_was_killed_within_a_frame_costs_that_frame() {
    let place = Place::new();
    let video = "ffmpeg -loglevel error -f lavfi -i testsrc=s=64x48 -frames:v 3 -pix_fmt yuv420p -f yuv4mpegpipe -";
    let done = place
        .sh(&format!(
            "{video} > whole.y4m; {{ head -c 10000 whole.y4m; sleep 0.5; cat whole.y4m; }} | framebus produce -"
        ))
        .is(0);
    assert!(
        done.stderr.contains("another stream begins"),
        "{}",
        done.stderr
    );
    let counts = "5 frames published, 1 dropped";
    assert!(done.stderr.contains(counts), "{}", done.stderr);
}
