//! Files that were spoilt at random: whatever they do to FFmpeg, the producer ends by itself and never by a signal.
//!
//! FRAMEBUS_MUTANTS_SECONDS makes it longer; the seed of a spoilt file is said when it fails.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::end_to_end::Bus;
use crate::footage::text;

/// Numbers that look random (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }
}

/// Spoils a file as disks, networks and strangers do.
fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(12) {
        let at = random.below(bytes.len());
        let end = (at + 1 + random.below(64)).min(bytes.len());
        match random.below(7) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at..end].fill(0),
            2 => bytes[at..end].fill(0xff),
            3 => bytes[at..end]
                .iter_mut()
                .for_each(|byte| *byte = random.below(256) as u8),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            _ if random.below(4) == 0 => bytes.truncate(at.max(16)),
            _ => bytes[at] = random.below(256) as u8,
        }
        if bytes.len() < 16 {
            return;
        }
    }
}

#[test]
fn no_spoilt_file_ends_the_producer_by_a_signal() {
    let seconds = std::env::var("FRAMEBUS_MUTANTS_SECONDS").ok();
    let seconds = seconds
        .and_then(|seconds| seconds.parse().ok())
        .unwrap_or(8);
    let bus = Bus::new();
    let clips = [
        ("a.mjpeg", "-c:v mjpeg -f mjpeg"),
        ("a.avi", "-c:v mjpeg"),
        ("a.mp4", "-c:v libx264 -pix_fmt yuv420p"),
        ("b.mp4", "-c:v mpeg4"),
        ("a.ts", "-c:v libx264 -pix_fmt yuv420p"),
        ("b.ts", "-c:v mpeg2video"),
    ];
    let originals = clips.map(|(name, codec)| {
        let path = bus.path(name);
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "testsrc2=size=96x64:rate=25:duration=0.5",
            ])
            .args(codec.split(' '))
            .arg(&path)
            .stdin(Stdio::null())
            .status()
            .expect("ffmpeg, which bin/setup --test installs");
        assert!(made.success(), "{name}");
        (name, fs::read(&path).expect("a clip"))
    });
    let started = Instant::now();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut ends = std::collections::BTreeMap::new();
    while started.elapsed() < Duration::from_secs(seconds) {
        for (name, original) in &originals {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut bytes = original.clone();
            spoil(&mut bytes, &mut Random(seed | 1));
            let path = bus.path(&format!("spoilt-{name}"));
            fs::write(&path, &bytes).expect("a spoilt file");
            let arguments = [
                "produce",
                &text(&path),
                "--fps",
                "0",
                "--open-timeout",
                "5s",
                "--duration",
                "20s",
            ];
            let output = bus.framebus(&arguments).output().expect("framebus");
            let code = output.status.code();
            *ends.entry(code).or_insert(0) += 1;
            let said = String::from_utf8_lossy(&output.stderr);
            let ended = matches!(code, Some(0..=3)) && !said.contains("panicked");
            if !ended {
                fs::copy(
                    &path,
                    std::env::temp_dir().join(format!("framebus-{seed:x}-{name}")),
                )
                .expect("kept");
            }
            let signal = output.status.signal();
            assert!(
                ended,
                "{name}, seed {seed:#x}: {code:?}, signal {signal:?}: {said}"
            );
        }
    }
    println!(
        "{} spoilt files, exit codes {ends:?}",
        ends.values().sum::<u64>()
    );
}
