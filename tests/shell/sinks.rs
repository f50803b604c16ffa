//! What `consume` does with frames: commands, images, video, colour.

use crate::harness::Place;

#[test]
fn exec_runs_a_command_for_each_frame() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    let script = r#"echo "$FRAMEBUS_BUS $FRAMEBUS_WIDTH $FRAMEBUS_SEQ $(head -c 2) $(wc -c)""#;
    let done = place
        .run(&["consume", "--exec", script, "--count", "3"])
        .is(0);
    let lines: Vec<String> = done.text().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3);
    let mut last = 0;
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let sequence: u64 = words[2].parse().expect("a number");
        assert_eq!(
            (words[0], words[1], words[3]),
            (place.bus.as_str(), "64", "P5")
        );
        assert_eq!(words[4], (11 + 64 * 48).to_string(), "the rest of the PGM");
        assert!(sequence > last);
        last = sequence;
    }
}

#[test]
fn a_command_that_fails_is_told_and_one_that_is_not_there_ends_it() {
    let place = Place::new();
    let _producer = place.produce(&[]);
    let done = place
        .run(&["consume", "--exec", "exit 3", "--count", "2"])
        .is(0);
    assert_eq!(
        done.stderr
            .matches("'exit 3' ended with exit code 3 at frame")
            .count(),
        2
    );
    let done = place.run(&[
        "consume",
        "--exec",
        "/nonexistent/x 2>/dev/null",
        "--count",
        "2",
    ]);
    done.is(2).one_sentence("ended with exit code 127");
    place.run(&["consume", "--exec-mode", "stream"]).is(2);
}

#[test]
fn a_command_gets_the_stream_as_one_video() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    let stream = [
        "consume",
        "--exec-mode",
        "stream",
        "--count",
        "10",
        "--exec",
    ];
    let done = place.run(&[&stream[..], &["cat > all.y4m"]].concat());
    done.is(0);
    let bytes = std::fs::read(place.path("all.y4m")).expect("a file");
    assert!(bytes.starts_with(b"YUV4MPEG2 W64 H48 F100:1 "));
    let header = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line")
        + 1;
    assert_eq!(bytes.len() - header, 10 * (6 + 64 * 48));
    place
        .run(&[&stream[..], &["head -c 10 >/dev/null"]].concat())
        .is(0);
    let done = place.run(&[&stream[..], &["cat >/dev/null; exit 9"]].concat());
    done.is(2).one_sentence("ended with exit code 9");
    let probe = "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 -";
    let done = place.run(&[&stream[..], &[probe]].concat()).is(0);
    assert_eq!(done.text().trim(), "10");
}

#[test]
fn jpeg_is_a_stream_that_ffmpeg_reads() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    place.sh("framebus consume -o - --format jpeg --count 5 | ffmpeg -v error -f mjpeg -i - -f rawvideo all.raw")
        .is(0);
    let bytes = std::fs::read(place.path("all.raw")).expect("a file");
    assert_eq!(bytes.len() % (5 * 64 * 48), 0);
    place
        .run(&["consume", "-o", "f-%03d.jpg", "--count", "2"])
        .is(0);
    let files = std::fs::read_dir(place.dir.path()).expect("a directory");
    let names = files.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(names.filter(|name| name.ends_with(".jpg")).count(), 2);
}

#[test]
fn colour_goes_from_raw_bgr_through_the_bus() {
    let place = Place::new();
    // Four pixels: blue, green, red, white; the writer then keeps the bus open.
    let pixels = r"\377\000\000\000\377\000\000\000\377\377\377\377";
    let script = format!(
        "(printf '{pixels}'; sleep 60) | framebus produce - --format bgr --size 2x2 --color"
    );
    let mut command = place.shell(&script);
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    let producer = crate::harness::Running::start(command);
    place.run(&["wait", "--timeout", "30s"]).is(0);
    let ppm = place
        .run(&["peek", "--bgr", "-o", "-", "--format", "pgm"])
        .is(0)
        .stdout;
    let rgb = [0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255];
    assert_eq!(ppm, [b"P6\n2 2\n255\n", &rgb[..]].concat());
    let pgm = place
        .run(&["peek", "-o", "-", "--format", "pgm"])
        .is(0)
        .stdout;
    assert_eq!(pgm, [b"P5\n2 2\n255\n", &[29, 150, 76, 255][..]].concat());
    place.sh(&format!("kill -TERM -{}", producer.pid())).is(0);
    place
        .sh("while framebus peek -q -o /dev/null --format pgm 2>/dev/null; do sleep 0.05; done")
        .is(0);
}

#[test]
fn colour_of_the_pattern_comes_out_as_bgr_and_as_y4m() {
    let place = Place::new();
    let producer = place.produce(&["--color", "--fps", "50"]);
    let bgr = place
        .run(&["consume", "-o", "-", "--format", "bgr", "--count", "2"])
        .is(0)
        .stdout;
    assert_eq!(bgr.len(), 2 * 3 * 64 * 48);
    assert!(
        bgr.chunks(3).any(|pixel| pixel[0] != pixel[2]),
        "it has colours"
    );
    let y4m = ["consume", "-o", "c.y4m", "--color", "--count", "2"];
    place.run(&y4m).is(0);
    let bytes = std::fs::read(place.path("c.y4m")).expect("a file");
    let header = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line")
        + 1;
    assert!(bytes[..header].ends_with(b" C444 XCOLORRANGE=FULL\n"));
    assert_eq!(bytes.len() - header, 2 * (6 + 3 * 64 * 48));
    let ppm = place
        .run(&["consume", "--exec", "head -c 2", "--color", "--count", "1"])
        .is(0);
    assert_eq!(ppm.text(), "P6");
    let png = place
        .run(&[
            "consume", "-o", "-", "--format", "png", "--color", "--count", "1",
        ])
        .is(0);
    assert_eq!(png.stdout[25], 2, "PNG's colour type is RGB");
    place
        .run(&["consume", "--color", "--count", "1"])
        .is(2)
        .one_sentence("--color is for");
    place
        .run(&["consume", "-o", "-", "--format", "raw", "--color"])
        .is(2)
        .one_sentence("--format bgr");
    drop(producer);
    place.run(&["gc", "-b", &place.bus]).is(0);
    let _gray = place.produce(&[]);
    let done = place
        .run(&["consume", "-o", "-", "--format", "bgr", "--count", "1"])
        .is(2);
    done.one_sentence("start its producer with `--color`");
}

#[test]
fn colour_of_a_file_goes_through_opencv_onto_the_bus() {
    crate::recipes::need_worker();
    let place = Place::new();
    // Blue frames: in BGR the first byte is high, in gray they are dark.
    let footage =
        "ffmpeg -v error -f lavfi -i color=blue:size=64x48:rate=25 -t 1 -c:v mjpeg -y blue.avi";
    place.sh(footage).is(0);
    let _producer = place.start(&["produce", "blue.avi", "--loop", "--color"]);
    place.run(&["wait", "--timeout", "60s"]).is(0);
    let bgr = place
        .run(&["consume", "-o", "-", "--format", "bgr", "--count", "1"])
        .is(0)
        .stdout;
    assert_eq!(bgr.len(), 3 * 64 * 48);
    assert!(
        bgr[0] > 200 && bgr[1] < 50 && bgr[2] < 50,
        "{:?}",
        &bgr[..3]
    );
    let ppm = place
        .run(&["peek", "--bgr", "-o", "-", "--format", "pgm"])
        .is(0)
        .stdout;
    assert_eq!((ppm[13], ppm[15]), (bgr[2], bgr[0]));
    let gray = place
        .run(&["consume", "-o", "-", "--format", "raw", "--count", "1"])
        .is(0)
        .stdout;
    assert!(gray[0] < 60);
}
