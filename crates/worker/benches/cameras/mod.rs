//! Frames as cameras give them: what framebus makes of them, and what OpenCV does, on the same bytes.

use std::io;

use framebus::bus::{FrameMeta, Producer, ProducerOptions};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::convert::{bgr_to_gray, luma_to_gray, pairs_to_gray};
use framebus::layout::Geometry;
use framebus::stop::Stop;
use framebus_cli::measure::{bus_name, cpu_of, median, picture};
use framebus_cli::source::jpeg::Decoder;
use opencv::core::{Mat, Vec2b, Vec3b, Vector};
use opencv::imgcodecs::{IMREAD_COLOR, IMWRITE_JPEG_QUALITY, imdecode_to, imencode};
use opencv::imgproc::{COLOR_BGR2GRAY, COLOR_YUV2BGR_NV12, COLOR_YUV2BGR_YUYV, cvt_color};
use opencv::prelude::*;

use crate::figures::Report;

/// A frame as a driver has it.
#[derive(Clone)]
enum Raw {
    Yuyv(Vec<u8>),
    /// In limited range, or in full.
    Nv12(Vec<u8>, bool),
    Jpeg(Vec<u8>),
}

impl Raw {
    /// Copies a frame of the same kind and size.
    fn fill(&mut self, from: &Raw) {
        match (self, from) {
            (Raw::Yuyv(to), Raw::Yuyv(from))
            | (Raw::Nv12(to, _), Raw::Nv12(from, _))
            | (Raw::Jpeg(to), Raw::Jpeg(from)) => to.copy_from_slice(from),
            _ => unreachable!("frames of one kind"),
        }
    }
}

pub(crate) fn measure(
    geometry: Geometry,
    rounds: u32,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    let bgr = scene(geometry);
    let mut luma = vec![0; geometry.gray_len()];
    bgr_to_gray(&bgr, &mut luma);
    let yuyv = luma.iter().enumerate();
    let yuyv = yuyv.flat_map(|(at, luma)| [16 + luma / 2, (100 + at % 50) as u8]);
    let chroma = (0..geometry.gray_len() / 2).map(|at| (100 + at % 50) as u8);
    let nv12: Vec<u8> = luma
        .iter()
        .map(|luma| 16 + luma / 2)
        .chain(chroma)
        .collect();
    let jpeg = encoded(geometry, &bgr)?;
    let pixels = geometry.gray_len() as f64;
    let bits = 8.0 * jpeg.len() as f64 / pixels;
    let formats = [
        ("YUYV", Some(0.05), Raw::Yuyv(yuyv.collect())),
        ("NV12", Some(0.05), Raw::Nv12(nv12.clone(), true)),
        // No arithmetic, which is the limit.
        ("NV12 in full range, a copy", None, Raw::Nv12(nv12, false)),
        ("MJPEG", Some(0.45), Raw::Jpeg(jpeg)),
    ];
    let name = format!("{}-cameras", bus_name()?);
    let bus = name.parse().map_err(io::Error::other)?;
    let options = ProducerOptions::new(bus, geometry).consumers(3);
    let mut producer = Producer::create(options).map_err(io::Error::other)?;
    let mut decoder = Decoder::default();
    for (name, aim, raw) in &formats {
        let (mut ratios, mut own_us) = (Vec::new(), Vec::new());
        let mut images = (Mat::default(), Mat::default());
        let mut driver = raw.clone();
        for _ in 0..rounds {
            if stop.is_set() {
                return Ok(());
            }
            // Both find the frame as the driver of a USB camera leaves it, which copies what came from the bus.
            driver.fill(raw);
            let (own_ns, result) = cpu_of(|| own(&mut producer, &mut decoder, &driver, geometry));
            result?;
            driver.fill(raw);
            let (opencv_ns, result) = cpu_of(|| theirs(&driver, geometry, &mut images));
            result.map_err(io::Error::other)?;
            ratios.push(own_ns / opencv_ns);
            own_us.push(own_ns / 1000.0);
        }
        let what = match raw {
            Raw::Jpeg(_) => format!("{name}, {geometry}, {bits:.1} bits a pixel"),
            _ => format!("{name}, {geometry}"),
        };
        report.ratio(
            &what,
            median(ratios),
            &format!("OpenCV's ({:.0} us)", median(own_us)),
            *aim,
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
        Raw::Nv12(bytes, limited) => luma_to_gray(bytes, *limited, gray),
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

/// What OpenCV's V4L2 does with the driver's buffer, where it is, and a program then with that.
fn theirs(raw: &Raw, geometry: Geometry, images: &mut (Mat, Mat)) -> opencv::Result<()> {
    let (rows, columns) = (geometry.height.cast_signed(), geometry.width.cast_signed());
    let (bgr, gray) = images;
    match raw {
        Raw::Yuyv(bytes) => {
            let raw = Mat::new_rows_cols_with_bytes::<Vec2b>(rows, columns, bytes)?;
            cvt_color(&raw, bgr, COLOR_YUV2BGR_YUYV, 0)?;
        }
        Raw::Nv12(bytes, _) => {
            let raw = Mat::new_rows_cols_with_bytes::<u8>(rows * 3 / 2, columns, bytes)?;
            cvt_color(&raw, bgr, COLOR_YUV2BGR_NV12, 0)?;
        }
        Raw::Jpeg(bytes) => {
            imdecode_to(&Mat::from_slice(bytes)?, IMREAD_COLOR, bgr)?;
        }
    }
    cvt_color(bgr, gray, COLOR_BGR2GRAY, 0)
}

/// A picture with about as much in it as a camera's: shades, edges and a little noise. Noise alone is no camera's.
fn scene(geometry: Geometry) -> Vec<u8> {
    let noise = picture(geometry);
    let rows = (0..geometry.height as usize).flat_map(|y| {
        (0..geometry.width as usize).flat_map(move |x| (0..3).map(move |channel| (x, y, channel)))
    });
    let pixels = rows.zip(noise).map(|((x, y, channel), noise)| {
        let (along, down) = (x as f64, y as f64);
        let shade = 50.0 * (along / 41.0 + channel as f64).sin() + 40.0 * (down / 29.0).cos();
        let edge = if (x / 48 + y / 32) % 2 == 0 {
            25.0
        } else {
            0.0
        };
        (110.0 + shade + edge + f64::from(noise % 13)) as u8
    });
    pixels.collect()
}

/// As cameras encode: 4:2:0, middling quality.
fn encoded(geometry: Geometry, bgr: &[u8]) -> io::Result<Vec<u8>> {
    let (rows, columns) = (geometry.height.cast_signed(), geometry.width.cast_signed());
    let encode = || -> opencv::Result<Vec<u8>> {
        let image = Mat::new_rows_cols_with_bytes::<Vec3b>(rows, columns, bgr)?;
        let mut bytes = Vector::new();
        let quality = Vector::from_slice(&[IMWRITE_JPEG_QUALITY, 85]);
        imencode(".jpg", &image, &mut bytes, &quality)?;
        Ok(bytes.to_vec())
    };
    encode().map_err(io::Error::other)
}
