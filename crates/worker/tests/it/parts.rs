//! A part of a file: `--start` and `--end`.

use std::time::Duration;

use framebus_worker::OpenOptions;

use crate::decoded::{ffmpeg, gray};
use crate::footage::{Directory, quick, text, try_open};

#[test]
fn a_part_of_a_file_begins_and_ends_where_it_is_told_and_starts_again_there() {
    let directory = Directory::new();
    let file = directory.path("part.mp4");
    // Key frames are far apart, pictures depend on later ones, and times do not begin at 0.
    ffmpeg(
        &directory.path(""),
        "-f lavfi -i testsrc=size=64x48:rate=25:duration=4 -c:v libx264 -pix_fmt yuv420p -g 60 -bf 2 \
         -output_ts_offset 5 part.mp4",
    );
    let part = |start: f64, end: f64| OpenOptions {
        start: Some(Duration::from_secs_f64(start)),
        end: Some(Duration::from_secs_f64(end)),
        ..quick()
    };
    let whole = gray(&file, &quick()).0;
    let len = 64 * 48;
    assert_eq!(whole.len(), 100 * len);
    let seen = gray(&file, &part(2.0, 3.0)).0;
    assert_eq!(seen.len(), 25 * len);
    assert!(seen == whole[50 * len..75 * len], "the frames are others");
    let beyond = try_open(&text(&file), &part(60.0, 61.0))
        .err()
        .expect("no frame");
    let said = beyond.to_string();
    assert!(
        said.contains("no frame between --start and --end"),
        "{said}"
    );
}
