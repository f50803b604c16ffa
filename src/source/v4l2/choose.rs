//! Which of a camera's formats is the best for gray: the one that costs least and keeps the rate.

use framebus::source::SourceError;

use super::Wish;
use super::abi::FourCc;
use super::device::{Device, Offer, Sizes};
use super::formats::known;

/// The rate that nobody has asked for and everybody expects.
pub(super) const USUAL_FPS: f64 = 30.0;
/// The size where a device says nothing of the one it has.
const USUAL_SIZE: (u32, u32) = (640, 480);

/// A format that a camera can be set to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) fourcc: FourCc,
    pub(super) size: (u32, u32),
    /// The highest rate; `None` where the driver does not say.
    pub(super) fps: Option<f64>,
}

/// What can be captured, the best first.
///
/// # Errors
/// Fails when the format that is wished for is not one of the camera's. An empty list: none of its formats is known here.
pub(super) fn candidates(device: &Device, wish: &Wish) -> Result<Vec<Candidate>, SourceError> {
    let mut offers = device.offers();
    if let Some(wanted) = wish.fourcc {
        if !offers.iter().any(|offer| offer.fourcc == wanted) {
            let names: Vec<String> = offers
                .iter()
                .map(|offer| offer.fourcc.to_string())
                .collect();
            return Err(SourceError::Unusable(format!(
                "camera {} has no format {wanted}; it has {}",
                device.path.display(),
                names.join(", ")
            )));
        }
        offers.retain(|offer| offer.fourcc == wanted);
    }
    let current = device.picture().ok();
    let current = current.map(|picture| (picture.width, picture.height));
    let wanted = wish.size.map(|size| (size.width, size.height));
    let wanted = wanted
        .or(current.filter(|(width, height)| *width > 0 && *height > 0))
        .unwrap_or(USUAL_SIZE);
    let described = offers.iter().filter_map(|offer| {
        let rank = known(offer.fourcc)?.1;
        let size = nearest(&device.sizes(offer.fourcc), wanted);
        let fps = device.rates(offer.fourcc, size).first().copied();
        let (fourcc, emulated) = (offer.fourcc, offer.emulated);
        Some((Candidate { fourcc, size, fps }, (emulated, rank)))
    });
    Ok(best_first(described.collect(), wanted, wish.fps))
}

/// The names of the formats that nobody here knows.
pub(super) fn names(offers: &[Offer]) -> String {
    let names: Vec<String> = offers
        .iter()
        .map(|offer| format!("{} ({})", offer.fourcc, offer.description))
        .collect();
    names.join(", ")
}

/// Those nearest to the size before others, then those that keep the rate, then those that cost least. What does not keep
/// it comes behind, the quickest first.
fn best_first<R: Ord>(
    mut all: Vec<(Candidate, R)>,
    wanted: (u32, u32),
    fps: Option<f64>,
) -> Vec<Candidate> {
    let most = all
        .iter()
        .filter_map(|(candidate, _)| candidate.fps)
        .fold(0.0, f64::max);
    let target = fps.unwrap_or(USUAL_FPS).min(most);
    // 29.97 is a 30 that television has.
    let keeps = |candidate: &Candidate| candidate.fps.is_none_or(|fps| fps >= target * 0.99);
    all.sort_by(|(a, a_rank), (b, b_rank)| {
        let off = |candidate: &Candidate| distance(candidate.size, wanted);
        let slower = |candidate: &Candidate| {
            let fps = candidate.fps.filter(|_| !keeps(candidate));
            (fps.is_some(), fps.map_or(0, |fps| -(fps * 1000.0) as i64))
        };
        let key = |candidate: &Candidate| (off(candidate), slower(candidate));
        key(a).cmp(&key(b)).then(a_rank.cmp(b_rank))
    });
    all.into_iter().map(|(candidate, _)| candidate).collect()
}

fn distance(size: (u32, u32), wanted: (u32, u32)) -> u64 {
    u64::from(size.0.abs_diff(wanted.0)) + u64::from(size.1.abs_diff(wanted.1))
}

fn nearest(sizes: &Sizes, wanted: (u32, u32)) -> (u32, u32) {
    match sizes {
        Sizes::Listed(listed) => {
            let nearest = listed.iter().min_by_key(|size| distance(**size, wanted));
            nearest.copied().unwrap_or(wanted)
        }
        Sizes::Between(least, most, step) => {
            let along = |wanted: u32, least: u32, most: u32, step: u32| {
                let inside = wanted.clamp(least, most.max(least));
                inside - (inside - least) % step
            };
            (
                along(wanted.0, least.0, most.0, step.0),
                along(wanted.1, least.1, most.1, step.1),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VGA: (u32, u32) = (640, 480);

    fn order(all: &[(&[u8; 4], (u32, u32), f64)], fps: Option<f64>) -> String {
        let all = all.iter().map(|(letters, size, fps)| {
            let (fourcc, fps) = (FourCc::new(letters), Some(*fps).filter(|fps| *fps > 0.0));
            let candidate = Candidate {
                fourcc,
                size: *size,
                fps,
            };
            (candidate, known(fourcc).expect("a known format").1)
        });
        let best = best_first(all.collect(), VGA, fps);
        let names: Vec<String> = best.iter().map(|one| one.fourcc.to_string()).collect();
        names.join(" ")
    }

    #[test]
    fn the_cheapest_that_keeps_the_rate_wins_and_jpeg_is_the_last_resort() {
        let all: &[(&[u8; 4], _, _)] = &[
            (b"MJPG", VGA, 30.0),
            (b"YUYV", VGA, 30.0),
            (b"NV12", VGA, 30.0),
        ];
        assert_eq!(order(all, None), "NV12 YUYV MJPG");
        let slow: &[(&[u8; 4], _, _)] = &[
            (b"YUYV", VGA, 5.0),
            (b"MJPG", VGA, 30.0),
            (b"NV12", VGA, 10.0),
        ];
        assert_eq!(order(slow, None), "MJPG NV12 YUYV");
        assert_eq!(order(slow, Some(5.0)), "NV12 YUYV MJPG");
        // Nothing is as quick as that: the quickest there is.
        assert_eq!(order(slow, Some(120.0)), "MJPG NV12 YUYV");
        let unknown: &[(&[u8; 4], _, _)] = &[(b"YUYV", VGA, 0.0), (b"MJPG", VGA, 30.0)];
        assert_eq!(order(unknown, None), "YUYV MJPG");
    }

    #[test]
    fn a_format_that_has_the_size_wins_over_one_that_has_not() {
        let all: &[(&[u8; 4], _, _)] = &[(b"GREY", (320, 240), 60.0), (b"MJPG", VGA, 30.0)];
        assert_eq!(order(all, None), "MJPG GREY");
    }

    #[test]
    fn the_nearest_size_is_found_in_lists_and_in_ranges() {
        let listed = Sizes::Listed(vec![(320, 240), (640, 480), (1280, 720)]);
        assert_eq!(nearest(&listed, (700, 500)), (640, 480));
        let between = Sizes::Between((32, 16), (1920, 1080), (8, 2));
        assert_eq!(nearest(&between, (701, 501)), (696, 500));
        assert_eq!(nearest(&between, (9999, 9999)), (1920, 1080));
        assert_eq!(nearest(&Sizes::Listed(Vec::new()), VGA), VGA);
    }
}
