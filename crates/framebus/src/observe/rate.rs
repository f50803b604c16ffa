//! Rates.

const NS_PER_S: f64 = 1e9;

/// Frames a second, from the first to the last of them: a short look at a steady source would else be wrong by a frame.
pub(super) fn frame_rate(frames: u64, from_ns: u64, to_ns: u64, interval_s: f64) -> f64 {
    if from_ns == 0 || to_ns <= from_ns {
        return frames as f64 / interval_s;
    }
    frames as f64 * NS_PER_S / (to_ns - from_ns) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_source_has_its_rate_however_short_the_look() {
        assert_eq!(frame_rate(15, 1, 500_000_001, 0.52), 30.0);
        assert_eq!(frame_rate(16, 1, 533_333_334, 0.52).round(), 30.0);
        assert_eq!(frame_rate(0, 7, 7, 0.5), 0.0);
        assert_eq!(frame_rate(10, 0, 7, 0.5), 20.0);
    }
}
