//! What a receiver asks for, and when: so much that the link is full and nothing waits in it.
//!
//! A receiver says up to which frame of a run its sender may go. It says so when a frame has come, and again while none
//! comes, which gives no more. After a second of silence frames may have been lost on their way: another run begins. With a
//! slow link that second is longer, or a frame that takes longer than it would be asked for twice.
//!
//! How many may be on their way at a time follows from two times that are measured: the round trip, and how long a frame
//! takes through the link. One is enough where the round trip is short beside it, and where frames are further apart.

use std::collections::VecDeque;

use crate::wire::{Ask, MAX_WINDOW};

/// How often it asks again while nothing comes: credit is good for a second.
const AGAIN_NS: u64 = 400_000_000;
/// How long it waits for a frame that it has asked for, at least.
const PATIENCE_NS: u64 = 1_000_000_000;
/// The longest that a frame is waited for.
const MOST_PATIENCE_NS: u64 = 30_000_000_000;
/// How much longer than the last frame a frame may take.
const LONGER: u64 = 4;
/// How often the far clock is asked, and how often at the start.
const PING_NS: u64 = 1_000_000_000;
const FIRST_PING_NS: u64 = 20_000_000;
/// Answers that are waited for before the first frame is asked for.
const FIRST_PINGS: u32 = 4;
/// Frames whose times are remembered.
const KEPT: usize = 16;
/// The most frames on their way.
const MOST: u64 = MAX_WINDOW as u64;

/// What is asked for, over time.
#[derive(Debug)]
pub(crate) struct Credits {
    run: u32,
    /// Frames of this run that have come.
    got: u32,
    upto: u32,
    window: u32,
    asked_ns: u64,
    /// When a frame of this run, or a word that there is none, came last.
    heard_ns: u64,
    pinged_ns: u64,
    pongs: u32,
    began_ns: u64,
    /// How long the last frames took through the link, and how far they were apart.
    transits: VecDeque<u64>,
    gaps: VecDeque<u64>,
    came_ns: u64,
    round_ns: u64,
}

fn remember(times: &mut VecDeque<u64>, time_ns: u64) {
    if times.len() == KEPT {
        times.pop_front();
    }
    times.push_back(time_ns);
}

fn least(times: &VecDeque<u64>) -> u64 {
    times.iter().copied().min().unwrap_or(0)
}

impl Credits {
    /// Another number for each start keeps the runs of two starts apart.
    pub(crate) fn new(run: u32, now_ns: u64) -> Credits {
        Credits {
            run,
            got: 0,
            upto: 0,
            window: 1,
            asked_ns: 0,
            heard_ns: now_ns,
            pinged_ns: 0,
            pongs: 0,
            began_ns: now_ns,
            transits: VecDeque::new(),
            gaps: VecDeque::new(),
            came_ns: 0,
            round_ns: 0,
        }
    }

    /// The sender is there again, or another one is: what was on its way is lost.
    pub(crate) fn begin(&mut self, now_ns: u64) {
        *self = Credits::new(self.run.wrapping_add(1), now_ns);
    }

    /// An answer has come.
    pub(crate) fn pong(&mut self, round_ns: u64) {
        self.pongs = self.pongs.saturating_add(1);
        self.round_ns = round_ns;
    }

    /// A frame has come, after so long in the link where the far clock is known. Returns the window where it is another one.
    pub(crate) fn frame(
        &mut self,
        run: u32,
        index: u32,
        transit_ns: Option<u64>,
        now_ns: u64,
    ) -> Option<u32> {
        if run == self.run {
            // No more than can have been asked for, whatever it says.
            let most = self.got.saturating_add(MAX_WINDOW);
            self.got = self.got.max(index.min(most));
            self.heard_ns = now_ns;
        }
        if let Some(transit_ns) = transit_ns {
            remember(&mut self.transits, transit_ns);
        }
        if self.came_ns != 0 {
            remember(&mut self.gaps, now_ns.saturating_sub(self.came_ns));
        }
        self.came_ns = now_ns;
        let window = self.choose();
        (std::mem::replace(&mut self.window, window) != window).then_some(window)
    }

    /// The sender says that there is no frame.
    pub(crate) fn quiet(&mut self, now_ns: u64) {
        self.heard_ns = now_ns;
    }

    /// How many frames may be on their way at a time.
    fn choose(&self) -> u32 {
        // What a frame takes beyond the way itself, without waiting behind others.
        let through_ns = least(&self.transits).saturating_sub(self.round_ns / 2);
        let apart_ns = through_ns.max(least(&self.gaps)).max(1);
        // A quarter of a frame's time lost for each is too much.
        let more = (4 * self.round_ns / apart_ns).div_ceil(4).min(MOST - 1);
        let more = if 4 * self.round_ns < apart_ns {
            0
        } else {
            more
        };
        1 + more as u32
    }

    fn patience_ns(&self) -> u64 {
        let last = self.transits.iter().copied().max().unwrap_or(0);
        // What an old frame took, or what a liar says, is not to be waited for.
        PATIENCE_NS
            .max(LONGER.saturating_mul(last))
            .min(MOST_PATIENCE_NS)
    }

    /// What to ask for now, if anything.
    pub(crate) fn ask(&mut self, now_ns: u64) -> Option<Ask> {
        let since = |then: u64| now_ns.saturating_sub(then);
        if since(self.heard_ns) > self.patience_ns() {
            self.run = self.run.wrapping_add(1);
            (self.got, self.upto, self.heard_ns) = (0, 0, now_ns);
        }
        // Before the first frame the far clock is asked, while nothing else is in the link.
        let starting = self.pongs < FIRST_PINGS && since(self.began_ns) < PATIENCE_NS;
        let upto = if starting {
            0
        } else {
            self.got.saturating_add(self.window)
        };
        let pings = if self.pongs < FIRST_PINGS {
            since(self.pinged_ns) >= FIRST_PING_NS
        } else {
            // Best when a frame has just come, as the link is empty then.
            since(self.pinged_ns) >= PING_NS
                && (upto > self.upto || since(self.pinged_ns) >= 2 * PING_NS)
        };
        let asks = upto > self.upto || since(self.asked_ns) >= AGAIN_NS;
        if !pings && !asks {
            return None;
        }
        self.upto = self.upto.max(upto);
        self.asked_ns = now_ns;
        if pings {
            self.pinged_ns = now_ns;
        }
        Some(Ask {
            run: self.run,
            got: self.got,
            upto: self.upto.min(self.got.saturating_add(MAX_WINDOW)),
            ping_ns: if pings { now_ns } else { 0 },
        })
    }

    /// How long nothing has to be asked, while nothing comes.
    pub(crate) fn rest_ns(&self) -> u64 {
        if self.pongs < FIRST_PINGS {
            FIRST_PING_NS
        } else {
            AGAIN_NS / 4
        }
    }

    /// How far frames are apart, at the median of the last ones.
    pub(crate) fn gap_ns(&self) -> Option<u64> {
        let mut gaps: Vec<u64> = self.gaps.iter().copied().collect();
        gaps.sort_unstable();
        gaps.get(gaps.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn what_a_liar_says_neither_overflows_nor_is_waited_for() {
        let mut credits = Credits::new(1, MS);
        credits.frame(1, u32::MAX, Some(u64::MAX), 2 * MS);
        assert_eq!(credits.got, MAX_WINDOW);
        assert_eq!(credits.patience_ns(), MOST_PATIENCE_NS);
        for second in 1..100 {
            credits.frame(1, u32::MAX, None, second * 1000 * MS);
            let ask = credits.ask(second * 1000 * MS).expect("it asks");
            assert!(ask.upto <= ask.got.saturating_add(MAX_WINDOW));
        }
    }

    /// One that has asked the time, over a link with this round trip.
    fn started(round_ms: u64) -> (Credits, u64) {
        let mut credits = Credits::new(1, 1000 * MS);
        let mut now = 1000 * MS;
        for _ in 0..FIRST_PINGS {
            let ask = credits.ask(now).expect("a question");
            assert_eq!((ask.upto, ask.ping_ns), (0, now));
            now += FIRST_PING_NS + round_ms * MS;
            credits.pong(round_ms * MS);
        }
        (credits, now)
    }

    #[test]
    fn the_time_is_asked_before_the_first_frame() {
        let (mut credits, now) = started(1);
        let ask = credits.ask(now).expect("a frame is asked for");
        assert_eq!((ask.run, ask.upto), (1, 1));
        assert_eq!(credits.ask(now + MS), None);
        let (run, upto) = (1, 1);
        let again = credits.ask(now + AGAIN_NS).expect("once more");
        assert_eq!((again.run, again.upto), (run, upto), "which gives no more");
    }

    #[test]
    fn a_sender_that_answers_nothing_is_asked_for_frames_all_the_same() {
        let mut credits = Credits::new(1, 0);
        let ask = credits.ask(PATIENCE_NS).expect("a question");
        assert_eq!(ask.upto, 1);
    }

    #[test]
    fn one_frame_is_on_its_way_where_the_link_is_slow_and_near() {
        let (mut credits, mut now) = started(1);
        for index in 1..20 {
            now += 370 * MS;
            credits.frame(1, index, Some(370 * MS), now);
            let ask = credits.ask(now).expect("the next");
            assert_eq!(ask.upto, index + 1);
        }
    }

    #[test]
    fn more_are_on_their_way_where_the_round_trip_is_long() {
        let window = |round_ms: u64, transit_ms: u64, gap_ms: u64| {
            let (mut credits, mut now) = started(round_ms);
            for index in 1..20 {
                now += gap_ms * MS;
                credits.frame(1, index, Some(transit_ms * MS), now);
                credits.ask(now);
            }
            credits.window
        };
        assert_eq!(window(1, 2, 33), 1, "a LAN is faster than the camera");
        assert_eq!(window(20, 25, 33), 2);
        assert_eq!(window(20, 152, 152), 1, "2 Mbit/s, JPEG");
        assert_eq!(window(20, 380, 380), 1, "20 Mbit/s, raw");
        assert_eq!(window(100, 60, 33), 4);
        assert_eq!(window(220, 120, 33), 8);
    }

    #[test]
    fn silence_begins_another_run_and_a_slow_link_is_given_longer() {
        let (mut credits, now) = started(1);
        credits.ask(now).expect("a frame is asked for");
        let ask = credits.ask(now + PATIENCE_NS + MS).expect("anew");
        assert_eq!((ask.run, ask.upto), (2, 1));
        let now = now + 5000 * MS;
        credits.frame(2, 1, Some(3700 * MS), now);
        credits.ask(now).expect("the next");
        let ask = credits.ask(now + 10_000 * MS).expect("once more");
        assert_eq!((ask.run, ask.upto), (2, 2));
        let ask = credits.ask(now + 15_000 * MS).expect("anew");
        assert_eq!((ask.run, ask.upto), (3, 1));
        credits.frame(2, 2, None, now + 15_001 * MS);
        assert_eq!(credits.got, 0, "of the run before");
    }

    #[test]
    fn a_word_that_there_is_no_frame_is_a_sign_of_life() {
        let (mut credits, mut now) = started(1);
        credits.ask(now).expect("a frame is asked for");
        for _ in 0..10 {
            now += 900 * MS;
            credits.quiet(now);
            let ask = credits.ask(now).expect("once more");
            assert_eq!((ask.run, ask.upto), (1, 1));
        }
    }
}
