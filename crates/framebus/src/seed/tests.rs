//! What programs find, and what becomes of what they leave: with the calls of this side only, on every system.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

const SECOND: u64 = 1_000_000_000;
static NUMBER: AtomicU32 = AtomicU32::new(0);

fn options(programs: u8) -> SeedOptions {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    SeedOptions {
        programs,
        prefix: format!("test-{}-{number}-", std::process::id()),
    }
}

fn size() -> Geometry {
    Geometry::new(4, 3).expect("a size")
}

fn make(options: &SeedOptions) -> Seed {
    Seed::create(options, size()).expect("a mapping, a mutex and pipes")
}

fn read(seed: &Seed, at: usize, len: usize) -> Vec<u8> {
    let bytes = seed.memory.bytes();
    (at..at + len)
        .map(|at| bytes.get(at).expect("inside"))
        .collect()
}

fn use_buffer(seed: &Seed, buffer: usize, count: u8) {
    seed.memory.bytes().set(seed.shape.user_at(buffer), count);
}

#[test]
fn a_frame_is_copied_in_gray_and_in_colour() {
    let mut seed = make(&options(2));
    assert_eq!(read(&seed, 0, 18)[..8], [3, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!(
        read(&seed, 8, 14),
        [12, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0, 0]
    );
    let gray: Vec<u8> = (1..=12).collect();
    seed.put(&gray, None, 0).expect("copied");
    let newest = seed.newest();
    assert_ne!(newest, 0, "not the one that was the newest");
    assert_eq!(read(&seed, seed.shape.gray_at(newest), 12), gray);
    assert_eq!(read(&seed, seed.shape.bgr_at(), 6), [1, 1, 1, 2, 2, 2]);
    let bgr: Vec<u8> = (101..=136).collect();
    seed.put(&gray, Some(&bgr), 0).expect("copied");
    assert_eq!(read(&seed, seed.shape.bgr_at(), 36), bgr);
    assert_ne!(seed.newest(), newest);
    assert_eq!((seed.counts().copied, seed.counts().triggered), (2, 0));
}

#[test]
fn counts_are_given_back_at_once_when_no_program_is_there() {
    let mut seed = make(&options(1));
    for buffer in 0..3 {
        use_buffer(&seed, buffer, 1);
    }
    seed.put(&[7; 12], None, 0).expect("copied");
    let counts = seed.counts();
    assert_eq!(
        (counts.copied, counts.given_back, counts.no_buffer),
        (1, 3, 0)
    );
}

#[test]
fn a_buffer_in_use_is_not_written_to_and_a_full_mapping_is_cleared_after_a_while() {
    let mut seed = make(&options(1));
    // As if a program were there: `claim` does not look.
    seed.counts.connected = 1;
    use_buffer(&seed, 1, 1);
    assert_eq!(seed.claim(0).expect("the mutex"), Some(2));
    use_buffer(&seed, 2, 1);
    assert_eq!(seed.claim(SECOND).expect("the mutex"), None);
    assert_eq!(seed.claim(2 * SECOND).expect("the mutex"), None);
    assert_eq!((seed.counts().no_buffer, seed.counts().given_back), (2, 0));
    assert_eq!(seed.claim(3 * SECOND).expect("the mutex"), Some(1));
    assert_eq!((seed.counts().no_buffer, seed.counts().given_back), (2, 1));
    assert_eq!(seed.users_now(), [0, 0, 1]);
}

#[test]
fn the_names_belong_to_one_at_a_time() {
    let options = options(1);
    let first = make(&options);
    let error = Seed::create(&options, size()).expect_err("in use");
    assert!(matches!(error, SeedError::InUse { .. }), "{error}");
    drop(first);
    make(&options);
}

#[test]
fn a_mutex_that_somebody_holds_is_not_waited_for_long() {
    let options = options(1);
    let mut seed = make(&options);
    let other = SeedMutex::take(&format!("{}ARMutex", options.prefix)).expect("the mutex");
    std::thread::scope(|scope| {
        let (held, hold) = std::sync::mpsc::channel();
        let (done, end) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let guard = other.lock(LIMIT).expect("the mutex").expect("free");
            held.send(()).expect("told");
            let _ = end.recv();
            drop(guard);
        });
        hold.recv().expect("held");
        seed.put(&[7; 12], None, 0).expect("skipped");
        assert_eq!((seed.counts().copied, seed.counts().mutex_held), (0, 1));
        drop(done);
    });
    seed.put(&[7; 12], None, 0).expect("copied");
    assert_eq!(seed.counts().copied, 1);
}

#[test]
fn what_happened_is_said_in_a_line() {
    let mut counts = Counts {
        programs: 2,
        connected: 1,
        copied: 30,
        triggered: 29,
        coalesced: 1,
        ..Counts::default()
    };
    let usual = "1 of 2 programs, copied 30, triggers 29, coalesced 1";
    assert_eq!(counts.to_string(), usual);
    (counts.no_buffer, counts.given_back) = (3, 2);
    assert_eq!(
        counts.to_string(),
        format!("{usual}, no buffer free 3, given back 2")
    );
}
