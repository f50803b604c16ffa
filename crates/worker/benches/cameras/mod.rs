//! Frames as cameras give them: what framebus makes of them, and what OpenCV does, on the same bytes.

use std::io;

use framebus::bus::{FrameMeta, Producer, ProducerOptions};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::convert::{bgr_to_gray, luma_to_gray, pairs_to_gray};
use framebus::layout::Geometry;
use framebus::stop::Stop;
use framebus_cli::measure::{bus_name, cpu_of, median, picture};
use framebus_cli::source::jpeg::Decoder;
use opencv::core::{CV_8UC1, CV_8UC2, Mat, Vector};
use opencv::imgcodecs::{IMREAD_COLOR, imdecode, imencode};
use opencv::imgproc::{COLOR_BGR2GRAY, COLOR_YUV2BGR_NV12, COLOR_YUV2BGR_YUYV, cvt_color};
use opencv::prelude::*;

use crate::figures::Report;

/// A format: its name, what may be, and its bytes.
enum Raw {
    Yuyv(Vec<u8>),
    Nv12(Vec<u8>),
    Jpeg(Vec<u8>),
}

pub(crate) fn measure(
    geometry: Geometry,
    rounds: u32,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    let bgr = picture(geometry);
    let mut luma = vec![0; geometry.gray_len()];
    bgr_to_gray(&bgr, &mut luma);
    let yuyv = luma.iter().enumerate();
    let yuyv = yuyv.flat_map(|(at, luma)| [16 + luma / 2, (100 + at % 50) as u8]);
    let chroma = (0..geometry.gray_len() / 2).map(|at| (100 + at % 50) as u8);
    let nv12 = luma.iter().map(|luma| 16 + luma / 2).chain(chroma);
    let formats = [
        ("YUYV", 0.05, Raw::Yuyv(yuyv.collect())),
        ("NV12", 0.05, Raw::Nv12(nv12.collect())),
        ("MJPEG", 0.45, Raw::Jpeg(encoded(geometry, &bgr)?)),
    ];
    let name = format!("{}-cameras", bus_name()?);
    let bus = name.parse().map_err(io::Error::other)?;
    let options = ProducerOptions::new(bus, geometry).consumers(3);
    let mut producer = Producer::create(options).map_err(io::Error::other)?;
    let mut decoder = Decoder::default();
    for (name, aim, raw) in &formats {
        let mut ratios = Vec::new();
        let mut images = (Mat::default(), Mat::default());
        for _ in 0..rounds {
            if stop.is_set() {
                return Ok(());
            }
            let (own_ns, result) = cpu_of(|| own(&mut producer, &mut decoder, raw, geometry));
            result?;
            let (opencv_ns, result) = cpu_of(|| theirs(raw, geometry, &mut images));
            result.map_err(io::Error::other)?;
            ratios.push(own_ns / opencv_ns);
        }
        let what = format!("{name}, {geometry}");
        report.ratio(
            &what,
            median(ratios),
            "OpenCV's way to gray alone",
            Some(*aim),
        );
    }
    Ok(())
}

fn own(
    producer: &mut Producer,
    decoder: &mut Decoder,
    raw: &Raw,
    geometry: Geometry,
) -> io::Result<()> {
    let claim = producer.claim().map_err(io::Error::other)?;
    let mut claim = claim.ok_or_else(|| io::Error::other("no slot is free"))?;
    let target = claim.target();
    let gray = target.gray.expect("a bus with gray");
    match raw {
        Raw::Yuyv(bytes) => pairs_to_gray(bytes, false, true, gray),
        Raw::Nv12(bytes) => luma_to_gray(bytes, true, gray),
        Raw::Jpeg(bytes) => decoder
            .decode(bytes, geometry, false, gray, None)
            .map_err(io::Error::other)?,
    }
    claim.publish(FrameMeta {
        capture_ns: monotonic_ns(),
        wall_ns: wall_ns(),
        source_frame: 0,
    });
    Ok(())
}

fn theirs(raw: &Raw, geometry: Geometry, images: &mut (Mat, Mat)) -> opencv::Result<()> {
    let (rows, columns) = (geometry.height.cast_signed(), geometry.width.cast_signed());
    let (bgr, gray) = images;
    match raw {
        Raw::Yuyv(bytes) => {
            let raw = wrapped(bytes, rows, columns, CV_8UC2)?;
            cvt_color(&raw, bgr, COLOR_YUV2BGR_YUYV, 0)?;
        }
        Raw::Nv12(bytes) => {
            let raw = wrapped(bytes, rows * 3 / 2, columns, CV_8UC1)?;
            cvt_color(&raw, bgr, COLOR_YUV2BGR_NV12, 0)?;
        }
        Raw::Jpeg(bytes) => *bgr = imdecode(&Mat::from_slice(bytes)?, IMREAD_COLOR)?,
    }
    cvt_color(bgr, gray, COLOR_BGR2GRAY, 0)
}

fn wrapped(bytes: &[u8], rows: i32, columns: i32, kind: i32) -> opencv::Result<Mat> {
    let mut own = Mat::new_rows_cols_with_default(rows, columns, kind, 0.into())?;
    own.data_bytes_mut()?.copy_from_slice(bytes);
    Ok(own)
}

fn encoded(geometry: Geometry, bgr: &[u8]) -> io::Result<Vec<u8>> {
    let (rows, columns) = (geometry.height.cast_signed(), geometry.width.cast_signed());
    let encode = || -> opencv::Result<Vec<u8>> {
        let image = wrapped(bgr, rows, columns, opencv::core::CV_8UC3)?;
        let mut bytes = Vector::new();
        imencode(".jpg", &image, &mut bytes, &Vector::new())?;
        Ok(bytes.to_vec())
    };
    encode().map_err(io::Error::other)
}
