//! Image files and sequences of them.

use std::fs;
use std::path::Path;

use framebus::source::{FrameSource, SourceSpec};
use framebus_worker::{ImageSource, OpenOptions};
use opencv::core::{CV_16UC1, CV_32FC1, Mat, Scalar, Vector};
use opencv::imgcodecs::{
    IMWRITE_JPEG_OPTIMIZE, IMWRITE_JPEG_PROGRESSIVE, IMWRITE_JPEG_QUALITY,
    IMWRITE_JPEG_RST_INTERVAL, imencode,
};
use opencv::imgproc::{COLOR_BGR2BGRA, COLOR_BGR2GRAY, cvt_color_def};

use crate::footage::{Directory, Reader, Seen, image, looped, picture, pixels, quick, text};

type Images = Reader<ImageSource>;

fn open(path: &Path, options: &OpenOptions) -> Result<Images, String> {
    let spec: SourceSpec = text(path).parse().expect("a source");
    let source = ImageSource::open(&spec, options).map_err(|error| error.to_string())?;
    Ok(Reader::new(source))
}

fn opened(path: &Path) -> Images {
    open(path, &quick()).expect("it opens")
}

fn numbers(frames: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    frames.into_iter().map(Seen::Frame).collect()
}

fn jpeg(number: i32) -> Vec<u8> {
    let mut bytes = Vector::<u8>::new();
    let picture = picture((64, 48), number);
    assert!(imencode(".jpg", &picture, &mut bytes, &Vector::new()).expect("a JPEG"));
    bytes.as_slice().to_vec()
}

#[test]
fn a_sequence_begins_at_any_number_goes_on_over_gaps_and_has_no_rate() {
    let directory = Directory::new();
    let there = [7, 8, 11, 100, 99_999];
    for number in there {
        let name = format!("a_{number:03}.png");
        image(&directory.path(&name), &picture((64, 48), number));
    }
    let mut reader = open(&directory.path("a_%03d.png"), &looped()).expect("it opens");
    let info = reader.source.info();
    assert_eq!((info.fps, info.live, info.bgr), (None, false, true));
    for (frame, number) in (0..5).zip(there).chain((0..5).zip(there)) {
        assert_eq!(reader.next(), Seen::Frame(frame));
        assert!(reader.bgr == pixels(&picture((64, 48), number)));
    }
}

#[test]
fn a_plain_number_finds_padded_names() {
    let directory = Directory::new();
    for number in 9..12 {
        let name = format!("img_{number:04}.png");
        image(&directory.path(&name), &picture((64, 48), number));
    }
    let mut reader = opened(&directory.path("img_%d.png"));
    assert_eq!(reader.all(), numbers(0..3));
    let said = open(&directory.path("img_%02d.png"), &quick()).err();
    let said = said.expect("no such images");
    assert!(
        said.contains("with other digits: give img_%d.png"),
        "{said}"
    );
}

#[test]
fn damaged_images_count_and_the_sequence_goes_on() {
    let directory = Directory::new();
    let file = |name: &str, bytes: &[u8]| fs::write(directory.path(name), bytes).expect("a file");
    let whole = jpeg(3);
    file("0.jpg", b"");
    file("1.jpg", &whole);
    file("2.jpg", b"not an image");
    // Half a JPEG, of which libjpeg makes a whole picture, the rest of it gray; and all but its last byte.
    file("3.jpg", &whole[..whole.len() / 2]);
    file("4.jpg", &whole[..whole.len() - 1]);
    fs::create_dir(directory.path("5.jpg")).expect("a directory");
    file("6.jpg", &whole);
    let mut reader = opened(&directory.path("%d.jpg"));
    let seen = reader.all();
    let wanted = [
        Seen::Damaged,
        Seen::Frame(1),
        Seen::Damaged,
        Seen::Damaged,
        Seen::Damaged,
        Seen::Damaged,
        Seen::Frame(6),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn a_jpeg_of_any_kind_is_whole_and_one_with_damaged_codes_is_not() {
    let directory = Directory::new();
    let path = directory.path("a.jpg");
    let gray = {
        let mut gray = Mat::default();
        cvt_color_def(&picture((301, 203), 1), &mut gray, COLOR_BGR2GRAY).expect("gray");
        gray
    };
    let colour = picture((301, 203), 1);
    let rate = |quality| [IMWRITE_JPEG_QUALITY, quality];
    let kinds = [
        (&colour, rate(95).to_vec()),
        (&colour, rate(10).to_vec()),
        (&gray, rate(90).to_vec()),
        (&colour, vec![IMWRITE_JPEG_PROGRESSIVE, 1]),
        (&colour, vec![IMWRITE_JPEG_OPTIMIZE, 1]),
        (&colour, vec![IMWRITE_JPEG_RST_INTERVAL, 7]),
        (&gray, vec![IMWRITE_JPEG_RST_INTERVAL, 1]),
    ];
    for (number, (image, settings)) in kinds.into_iter().enumerate() {
        let mut bytes = Vector::<u8>::new();
        let settings = Vector::from_slice(&settings);
        assert!(imencode(".jpg", image, &mut bytes, &settings).expect("a JPEG"));
        fs::write(&path, bytes.as_slice()).expect("a file");
        assert_eq!(opened(&path).all(), numbers([0]), "kind {number}");
        // 40 bytes in the middle, none of which looks like a marker; progressive codes are not followed.
        if number == 3 {
            continue;
        }
        let mut seen = 0;
        for seed in 1..=10_u8 {
            let mut damaged = bytes.as_slice().to_vec();
            let middle = damaged.len() / 2;
            for (i, byte) in damaged[middle..][..40].iter_mut().enumerate() {
                *byte =
                    (i as u8).wrapping_mul(37).wrapping_mul(seed) ^ seed.wrapping_mul(91) & 0x7f;
                *byte -= u8::from(*byte == 0xff);
            }
            fs::write(&path, &damaged).expect("a file");
            seen += u8::from(open(&path, &quick()).is_err());
        }
        assert!(seen >= 9, "kind {number}: {seen} of 10");
    }
    for format in ["yuvj420p", "yuvj422p", "yuvj444p"] {
        let made = std::process::Command::new("ffmpeg")
            .args([
                "-loglevel",
                "error",
                "-y",
                "-f",
                "lavfi",
                "-i",
                "testsrc=s=322x242",
            ])
            .args(["-frames:v", "1", "-pix_fmt", format])
            .arg(&path)
            .status();
        assert!(made.expect("ffmpeg").success());
        assert_eq!(opened(&path).all(), numbers([0]), "{format}");
    }
}

#[test]
fn a_truncated_image_of_every_kind_is_damaged() {
    for kind in ["jpg", "png", "bmp", "tif", "webp", "ppm"] {
        let directory = Directory::new();
        for number in 0..2 {
            let name = format!("{number}.{kind}");
            image(&directory.path(&name), &picture((64, 48), number));
        }
        let path = directory.path(&format!("1.{kind}"));
        let bytes = fs::read(&path).expect("the image");
        for len in [10, bytes.len() / 2, bytes.len() - 20] {
            fs::write(&path, &bytes[..len]).expect("the image");
            let seen = opened(&directory.path(&format!("%d.{kind}"))).all();
            assert_eq!(seen, [Seen::Frame(0), Seen::Damaged], "{kind}, {len} bytes");
        }
    }
}

#[test]
fn what_is_no_image_or_not_there_is_refused_in_one_sentence() {
    let directory = Directory::new();
    let refusal = |name: &str| open(&directory.path(name), &quick()).err().expect(name);
    assert!(refusal("img_%04d.png").contains("no image matches"));
    assert!(refusal("no/such_%d.png").contains("is not there"));
    assert!(refusal("no.png").contains("is not there"));
    fs::write(directory.path("bad_0.png"), "not an image").expect("a file");
    fs::write(directory.path("bad_1.png"), "").expect("a file");
    let said = refusal("bad_%d.png");
    assert!(
        said.contains("none of") && said.contains("bad_0.png: it is not an image"),
        "{said}"
    );
    fs::write(directory.path("still.jpg"), "").expect("a file");
    let said = refusal("still.jpg");
    assert!(said.contains("still.jpg: it is empty"), "{said}");
}

#[test]
fn a_looped_sequence_of_which_nothing_is_left_ends_with_an_error() {
    let directory = Directory::new();
    let path = directory.path("0.png");
    image(&path, &picture((64, 48), 0));
    let mut reader = open(&directory.path("%d.png"), &looped()).expect("it opens");
    assert_eq!([reader.next(), reader.next()], [0, 0].map(Seen::Frame));
    fs::write(&path, "").expect("the image");
    assert_eq!(reader.next(), Seen::Damaged);
    let error = reader
        .source
        .wait(&reader.stop)
        .expect_err("no image is left");
    assert!(error.to_string().contains("cannot start again"), "{error}");
}

#[test]
fn images_that_come_while_the_sequence_is_read_are_taken() {
    let directory = Directory::new();
    image(&directory.path("0.png"), &picture((64, 48), 0));
    let mut reader = opened(&directory.path("%d.png"));
    assert_eq!(reader.next(), Seen::Frame(0));
    image(&directory.path("5.png"), &picture((64, 48), 5));
    assert_eq!(reader.all(), numbers([1]));
    assert!(reader.bgr == pixels(&picture((64, 48), 5)));
}

#[test]
fn a_change_of_size_is_announced_and_loses_no_frame() {
    let directory = Directory::new();
    let sizes = [(64, 48), (64, 48), (80, 60), (80, 60), (64, 48)];
    for (number, size) in sizes.into_iter().enumerate() {
        let name = format!("{number}.png");
        image(&directory.path(&name), &picture(size, number as i32));
    }
    let mut reader = opened(&directory.path("%d.png"));
    let mut seen = Vec::new();
    loop {
        match reader.next() {
            Seen::End => break,
            Seen::Frame(frame) => {
                assert!(reader.bgr == pixels(&picture(sizes[frame as usize], frame as i32)));
                seen.push(frame.to_string());
            }
            other => seen.push(format!("{other:?}")),
        }
    }
    assert_eq!(seen, ["0", "1", "Resized", "2", "3", "Resized", "4"]);
}

#[test]
fn gray_deep_and_transparent_images_become_bgr() {
    let directory = Directory::new();
    let colour = picture((64, 48), 1);
    let (mut gray, mut transparent) = (Mat::default(), Mat::default());
    cvt_color_def(&colour, &mut gray, COLOR_BGR2GRAY).expect("gray");
    cvt_color_def(&colour, &mut transparent, COLOR_BGR2BGRA).expect("BGRA");
    let of = |kind, value| {
        Mat::new_rows_cols_with_default(48, 64, kind, Scalar::all(value)).expect("an image")
    };
    let deep = of(CV_16UC1, 257.0 * 40.0);
    for (number, picture) in [&colour, &gray, &transparent, &deep]
        .into_iter()
        .enumerate()
    {
        image(&directory.path(&format!("{number}.png")), picture);
    }
    let mut reader = opened(&directory.path("%d.png"));
    assert_eq!([reader.next(), reader.next()], [0, 1].map(Seen::Frame));
    assert!(reader.gray == pixels(&gray));
    assert_eq!(reader.next(), Seen::Frame(2));
    assert!(reader.bgr == pixels(&colour));
    assert_eq!(reader.next(), Seen::Frame(3));
    assert!(reader.bgr.iter().all(|&value| value == 40));
    assert_eq!(reader.next(), Seen::End);
    image(&directory.path("f.tif"), &of(CV_32FC1, 0.2));
    let mut reader = opened(&directory.path("f.tif"));
    assert_eq!(reader.next(), Seen::Frame(0));
    assert!(reader.gray.iter().all(|&value| value == 51));
}

#[test]
fn a_single_image_is_a_video_of_one_frame() {
    let directory = Directory::new();
    let path = directory.path("still.png");
    image(&path, &picture((64, 48), 0));
    assert_eq!(opened(&path).all(), numbers([0]));
    let mut reader = open(&path, &looped()).expect("it opens");
    assert_eq!([reader.next(), reader.next()], [0, 0].map(Seen::Frame));
}

#[test]
fn a_directory_and_a_pattern_come_in_natural_order() {
    let directory = Directory::new();
    for number in [2, 9, 10, 101] {
        let name = format!("img_{number}.png");
        image(&directory.path(&name), &picture((64, 48), number));
    }
    fs::write(directory.path("notes.txt"), "none of them").expect("a file");
    for source in ["", "img_*.png", "*_[0-9]*.p?g"] {
        let mut reader = opened(&directory.path(source));
        for (frame, number) in (0..4).zip([2, 9, 10, 101]) {
            assert_eq!(reader.next(), Seen::Frame(frame), "{source}");
            assert!(reader.bgr == pixels(&picture((64, 48), number)), "{source}");
        }
        // What is written meanwhile comes, too.
        image(&directory.path("img_102.png"), &picture((64, 48), 102));
        assert_eq!(reader.next(), Seen::Frame(4), "{source}");
        assert_eq!(reader.next(), Seen::End);
        fs::remove_file(directory.path("img_102.png")).expect("removed");
    }
    fs::create_dir(directory.path("empty")).expect("a directory");
    for (source, why) in [
        ("empty", "is empty: there is no image in it"),
        ("img_*.jpg", "no file matches"),
    ] {
        let said = open(&directory.path(source), &quick()).err().expect("none");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn a_still_that_is_shown_for_some_time_follows_its_file() {
    let directory = Directory::new();
    let path = directory.path("still.png");
    image(&path, &picture((64, 48), 0));
    let mut reader = open(&path, &looped()).expect("it opens");
    for _ in 0..3 {
        assert_eq!(reader.next(), Seen::Frame(0));
        assert!(reader.bgr == pixels(&picture((64, 48), 0)));
    }
    let other = directory.path("other.png");
    image(&other, &picture((64, 48), 7));
    fs::rename(&other, &path).expect("replaced");
    assert_eq!(reader.next(), Seen::Frame(0));
    assert!(reader.bgr == pixels(&picture((64, 48), 7)));
    assert_eq!(reader.source.progress(), None);
}

/// Puts an EXIF segment with this orientation behind the start of a JPEG.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        b"Exif\0\0MM\0*\0\0\0\x08".as_slice(),
        // One entry: orientation (0x112), a short.
        &[0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0],
        &[0; 4],
    ]
    .concat();
    let length = (tiff.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &tiff, &jpeg[2..]].concat()
}

#[test]
fn a_jpeg_stands_as_its_orientation_says() {
    let directory = Directory::new();
    // Bright above on the left only.
    let mut pixels = vec![0_u8; 64 * 32];
    for row in pixels.chunks_mut(64).take(16) {
        row[..32].fill(250);
    }
    let flat = Mat::from_slice(&pixels).expect("pixels");
    let flat = opencv::core::MatTraitConst::reshape(&flat, 1, 32).expect("an image");
    let mut bytes = Vector::<u8>::new();
    imencode(".jpg", &flat, &mut bytes, &Vector::new()).expect("a JPEG");
    // Where the bright corner is after turning: x and y of 0 or 1, and whether width and height are swapped.
    let corners = [
        (1, (0, 0), false),
        (2, (1, 0), false),
        (3, (1, 1), false),
        (4, (0, 1), false),
        (5, (0, 0), true),
        (6, (1, 0), true),
        (7, (1, 1), true),
        (8, (0, 1), true),
    ];
    for (orientation, (x, y), swapped) in corners {
        let path = directory.path(&format!("{orientation}.jpg"));
        fs::write(&path, oriented(bytes.as_slice(), orientation)).expect("a file");
        let mut reader = opened(&path);
        let size = reader.source.info().geometry;
        let (width, height) = (size.width as usize, size.height as usize);
        assert_eq!((width, height), if swapped { (32, 64) } else { (64, 32) });
        assert_eq!(reader.next(), Seen::Frame(0));
        let bright = |x: usize, y: usize| {
            reader.gray[(height / 4 + y * height / 2) * width + width / 4 + x * width / 2] > 128
        };
        let found: Vec<(usize, usize)> = [(0, 0), (1, 0), (0, 1), (1, 1)]
            .into_iter()
            .filter(|&(x, y)| bright(x, y))
            .collect();
        assert_eq!(found, [(x, y)], "orientation {orientation}");
    }
}
