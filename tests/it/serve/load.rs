//! Many viewers. Longer and larger: `FRAMEBUS_LOAD_SECONDS=60 FRAMEBUS_LOAD_SIZE=1280x720 cargo test --test it viewers`.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::Serve;
use super::http::{Parts, connect};
use crate::harness::Bus;

const VIEWERS: usize = 100;
/// Those of them that never read.
const DEAF: usize = 20;

/// Ends all viewers when one of them, or who looks at them, has failed or is done.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[test]
fn a_hundred_viewers_of_which_twenty_never_read_cost_the_others_nothing() {
    let size = setting("FRAMEBUS_LOAD_SIZE", "320x240");
    let seconds: u64 = setting("FRAMEBUS_LOAD_SECONDS", "4")
        .parse()
        .expect("a number");
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", &size]);
    let serve = Serve::start(&bus, &[]);
    let p99 = || {
        let snapshot = serve.json(&format!("/api/buses/{}", bus.name()));
        snapshot["producer"]["interval_ms"].clone()
    };
    std::thread::sleep(Duration::from_secs(seconds));
    let without = p99();
    let deaf: Vec<Parts> = (0..DEAF)
        .map(|_| Parts::of(connect(&serve.address), &serve.address, "/stream"))
        .collect();
    let end = AtomicBool::new(false);
    let taken: Vec<AtomicU64> = (DEAF..VIEWERS).map(|_| AtomicU64::new(0)).collect();
    let last: Vec<AtomicU64> = (DEAF..VIEWERS).map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for (taken, last) in taken.iter().zip(&last) {
            let mut stream = serve.stream("/stream");
            let end = &end;
            scope.spawn(move || {
                let _others = Ending(end);
                while !end.load(Ordering::Relaxed) {
                    let next = stream.next().sequence;
                    assert!(
                        next > last.swap(next, Ordering::Relaxed),
                        "a frame came twice"
                    );
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _all = Ending(&end);
        std::thread::sleep(Duration::from_secs(seconds) / 2);
        let early = serve.memory_kb("VmRSS:");
        std::thread::sleep(Duration::from_secs(seconds) / 2);
        let late = serve.memory_kb("VmRSS:");
        // All of them are near the newest frame once more.
        let newest = bus.segment().header("published");
        crate::harness::until("every reading viewer has a frame of now", || {
            last.iter()
                .all(|last| last.load(Ordering::Relaxed) >= newest)
        });
        let with = p99();
        let counts = taken.iter().map(|taken| taken.load(Ordering::Relaxed));
        let (least, most) = (counts.clone().min(), counts.max());
        println!("frames {least:?} to {most:?} in {seconds} s; memory {early} then {late} kB");
        println!("the producer's interval without {without}, with {with}");
        assert!(
            late < early + 16 * 1024,
            "memory grows: {early} to {late} kB"
        );
    });
    assert_eq!(bus.segment().header("dropped"), 0);
    assert_eq!(bus.segment().header("starved"), 0);
    drop(deaf);
}
