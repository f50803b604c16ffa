//! Gray of a file is what a program with OpenCV makes of it.

use std::path::Path;

use framebus_decoder::wire::Gray;
use framebus_worker::OpenOptions;
use opencv::core::{Mat, MatTraitConstManual};
use opencv::imgproc::{COLOR_BGR2GRAY, cvt_color_def};
use opencv::videoio::{CAP_FFMPEG, VideoCapture, VideoCaptureTrait};

use crate::decoded::{ffmpeg, gray};
use crate::footage::{Directory, quick, text};

/// What a program with OpenCV makes of a file: gray of every frame.
pub(crate) fn opencvs_gray(path: &Path) -> Vec<u8> {
    let mut film = VideoCapture::from_file(text(path), CAP_FFMPEG).expect("a film");
    let (mut bgr, mut gray, mut all) = (Mat::default(), Mat::default(), Vec::new());
    while film.read(&mut bgr).expect("a frame") {
        cvt_color_def(&bgr, &mut gray, COLOR_BGR2GRAY).expect("gray");
        all.extend_from_slice(gray.data_bytes().expect("bytes"));
    }
    all
}

#[test]
fn gray_that_is_made_of_colours_is_opencvs_to_the_bit() {
    let directory = Directory::new();
    let here = directory.path("");
    let clips = [
        ("h264.mp4", "-c:v libx264 -pix_fmt yuv420p"),
        ("full.mp4", "-c:v libx264 -pix_fmt yuvj420p"),
        ("444.mkv", "-c:v libx264 -pix_fmt yuv444p"),
        ("mpeg4.avi", "-c:v mpeg4 -q:v 3"),
        ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj422p"),
        ("ten.mkv", "-c:v libx264 -pix_fmt yuv420p10le"),
        ("rgb.mkv", "-c:v libx264rgb"),
        ("vp9.webm", "-c:v libvpx-vp9 -deadline realtime"),
    ];
    for (name, how) in clips {
        let make = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=0.4";
        ffmpeg(&here, &format!("{make} {how} {name}"));
        let path = directory.path(name);
        let wanted = opencvs_gray(&path);
        assert!(wanted.len() >= 5 * 320 * 240, "{name}");
        for (color, made_of) in [
            (false, Gray::Colours),
            (true, Gray::Colours),
            (false, Gray::Colours8),
        ] {
            let deep = name == "ten.mkv" && made_of == Gray::Colours8;
            let options = OpenOptions {
                color,
                gray: made_of,
                ..quick()
            };
            let (seen, _) = gray(&path, &options);
            assert!((seen == wanted) != deep, "{name} {color} {made_of:?}");
        }
    }
}
