//! A consumer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use framebus::bus::{
    BusName, Consumer, ConsumerOptions, ConsumerStats, FrameHeld, HandleError, IndexChoice,
    OwnedFrame, Stream, Waited,
};
use framebus::clock::monotonic_ns;
use framebus::layout::{MAX_CONSUMERS, TriggerKind};
use framebus::stop::Stop;

use crate::consumer_types::*;
use crate::guard::{Outcome, borrow, guard, hand_out, planes, take_back, text};
use crate::plain;
use crate::result::{fail, framebus_result, usable};

/// A consumer of a bus.
#[derive(Debug)]
pub struct framebus_consumer {
    stop: Stop,
    fd: i32,
    index: u8,
    // Dropped first: the frame holds on to what the consumer has.
    shared: Mutex<Shared>,
    /// Locked as long as a wait lasts: one thread at a time waits and takes.
    taking: Mutex<Consumer>,
}

/// What other threads ask for and give back while one waits: never locked by a wait.
#[derive(Debug)]
struct Shared {
    frame: Option<OwnedFrame>,
    stats: ConsumerStats,
    stream: Stream,
}

/// One descriptor for event loops.
#[cfg(unix)]
fn descriptor_of(consumer: &Consumer) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&consumer.as_fd())
}

/// Windows has none: a thread that waits does the same.
#[cfg(windows)]
fn descriptor_of(_consumer: &Consumer) -> i32 {
    -1
}

impl framebus_consumer {
    fn new(stop: Stop, consumer: Consumer) -> framebus_consumer {
        framebus_consumer {
            stop,
            fd: descriptor_of(&consumer),
            index: consumer.index(),
            shared: Mutex::new(Shared {
                frame: None,
                stats: consumer.stats(),
                stream: consumer.stream(),
            }),
            taking: Mutex::new(consumer),
        }
    }

    /// For as long as it takes another thread to wait or to take a frame.
    fn take_turn(&self) -> MutexGuard<'_, Consumer> {
        self.taking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, consumer: &mut Consumer, timeout: Option<Duration>) -> Outcome {
        let waited = consumer.wait(timeout).map_err(|error| {
            fail(
                HandleError::of(&error).map_or(framebus_result::System, Into::into),
                error,
            )
        })?;
        Ok(match waited {
            Waited::Frame => framebus_result::Ok,
            Waited::Renewed => {
                self.shared().stream = consumer.stream();
                framebus_result::Renewed
            }
            Waited::TimedOut => framebus_result::TimedOut,
            Waited::Ended => framebus_result::Ended,
            Waited::Lost => framebus_result::Lost,
            Waited::Stopped => {
                self.stop.clear();
                framebus_result::Interrupted
            }
        })
    }

    fn acquire(&self, consumer: &mut Consumer) -> Result<Option<framebus_frame>, framebus_result> {
        usable(consumer.check())?;
        // One of the segment before is still somebody's here.
        if let Some(held) = &self.shared().frame {
            let sequence = held.info().sequence;
            return Err(fail(framebus_result::Held, FrameHeld { sequence }));
        }
        let taken = consumer
            .acquire_owned()
            .map_err(|held| fail(framebus_result::Held, held))?;
        let value = taken.as_ref().map(framebus_frame::of);
        if taken.is_some() {
            let mut shared = self.shared();
            shared.stats = consumer.stats();
            shared.frame = taken;
        }
        Ok(value)
    }

    /// Looks at the frame that is held.
    pub(crate) fn with_frame<R>(
        &self,
        look: impl FnOnce(&OwnedFrame) -> Result<R, framebus_result>,
    ) -> Result<R, framebus_result> {
        let shared = self.shared();
        let frame = shared.frame.as_ref();
        look(frame.ok_or_else(|| fail(framebus_result::NotClaimed, "no frame is held"))?)
    }

    fn release(&self) {
        let held = self.shared().frame.take();
        drop(held);
    }
}

/// Nanoseconds of the header; below 0 is for ever.
pub(crate) fn timeout(ns: i64) -> Option<Duration> {
    u64::try_from(ns).ok().map(Duration::from_nanos)
}

/// The bus of that name, else that of the environment, else the default.
pub(crate) fn bus_name(name: Option<&str>) -> Result<BusName, framebus_result> {
    let set = std::env::var("FRAMEBUS_BUS")
        .ok()
        .filter(|set| !set.is_empty());
    match name.map(str::to_owned).or(set) {
        None => Ok(BusName::default()),
        Some(name) => name
            .parse()
            .map_err(|error| fail(framebus_result::InvalidArgument, error)),
    }
}

/// Opens a consumer of a bus; options may be NULL. Close it with framebus_consumer_close.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_open(
    options: *const framebus_consumer_options,
    consumer: *mut *mut framebus_consumer,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let options = unsafe { plain::read(options) }?;
        // SAFETY: the header asks for it.
        let bus = unsafe { text(options.bus, "the name of the bus") }?;
        // SAFETY: the header asks for it.
        let name = unsafe { text(options.name, "the name of the consumer") }?;
        // SAFETY: the header asks for it.
        let language = unsafe { text(options.language, "the language") }?;
        // SAFETY: the header asks for it.
        let needs = unsafe { planes(options.needs, "the list of planes that are needed") }?;
        let wanted = ConsumerOptions::new(bus_name(bus)?)
            .needs(needs)
            .index(index(options.index_plus_1)?)
            .trigger(trigger(options.trigger)?)
            .every_frame(options.every_frame != 0)
            .name(name.unwrap_or_default().to_owned())
            .language(language.unwrap_or("c").to_owned())
            .resume_from(
                (options.resume_from != 0).then_some(options.resume_from),
                None,
            );
        let stop = Stop::new().map_err(|error| fail(framebus_result::System, error))?;
        let attached = Consumer::attach(wanted, timeout(options.timeout_ns), &stop, |_| {})
            .map_err(|error| fail((&error).into(), error))?;
        // SAFETY: the header asks for it.
        unsafe { hand_out(consumer, framebus_consumer::new(stop, attached)) }
    })
}

fn index(plus_1: u32) -> Result<IndexChoice, framebus_result> {
    let Some(index) = plus_1.checked_sub(1) else {
        return Ok(IndexChoice::Any);
    };
    match u8::try_from(index) {
        Ok(index) if index < MAX_CONSUMERS => Ok(IndexChoice::Index(index)),
        _ => Err(fail(
            framebus_result::InvalidArgument,
            format_args!("consumer index {index} is above {}", MAX_CONSUMERS - 1),
        )),
    }
}

fn trigger(trigger: u32) -> Result<TriggerKind, framebus_result> {
    match trigger {
        0 => Ok(TriggerKind::default()),
        1 => Ok(TriggerKind::Eventfd),
        2 => Ok(TriggerKind::Pipe),
        3 => Ok(TriggerKind::Spin),
        other => Err(fail(
            framebus_result::InvalidArgument,
            format_args!("there is no trigger {other}"),
        )),
    }
}

/// Waits for a frame that has not been taken yet, for at most timeout_ns (below 0: for as long as it takes). Returns OK,
/// TIMED_OUT, RENEWED, ENDED, LOST, INTERRUPTED, or an error. An interruption comes before a frame. The frame that is held
/// stays held.
///
/// One thread at a time waits or takes frames: another that does so waits for it. What a consumer is asked (stream,
/// get_stats, fd), release and interrupt wait for nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_wait(
    consumer: *const framebus_consumer,
    timeout_ns: i64,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        consumer.wait(&mut consumer.take_turn(), timeout(timeout_ns))
    })
}

/// Takes a frame without waiting and without a copy: the newest, or the next with every_frame. Returns OK, NO_FRAME, or
/// HELD when the frame before has not been released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_acquire(
    consumer: *const framebus_consumer,
    frame: *mut framebus_frame,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(frame, "the frame") }?;
        let Some(taken) = consumer.acquire(&mut consumer.take_turn())? else {
            return Ok(framebus_result::NoFrame);
        };
        // SAFETY: the header asks for it.
        unsafe { plain::write(frame, len, &taken) };
        Ok(framebus_result::Ok)
    })
}

/// Releases the frame that is held, if any: its pixels must not be read any more. From any thread, also while another
/// waits.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_release(
    consumer: *const framebus_consumer,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        consumer.release();
        Ok(framebus_result::Ok)
    })
}

/// Releases the frame that is held, waits for the next and takes it: `while (framebus_consumer_next(…) == OK)` is a whole
/// consumer. Follows the producer to frames of another size. Returns OK, TIMED_OUT, ENDED, LOST, INTERRUPTED, or an error.
///
/// The frame before is released as soon as this is called, whatever it returns: its pixels must not be read any more, not
/// even after TIMED_OUT. Who wants HELD instead, as the other languages have it, calls wait and acquire. An interruption
/// comes before a frame, so that it also ends the loop of a consumer that is behind.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_next(
    consumer: *const framebus_consumer,
    timeout_ns: i64,
    frame: *mut framebus_frame,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(frame, "the frame") }?;
        consumer.release();
        let mut turn = consumer.take_turn();
        let deadline = timeout(timeout_ns).map(|left| {
            monotonic_ns().saturating_add(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            let left = deadline
                .map(|deadline| Duration::from_nanos(deadline.saturating_sub(monotonic_ns())));
            match consumer.wait(&mut turn, left)? {
                framebus_result::Ok | framebus_result::Renewed => {}
                other => return Ok(other),
            }
            if let Some(taken) = consumer.acquire(&mut turn)? {
                // SAFETY: the header asks for it.
                unsafe { plain::write(frame, len, &taken) };
                return Ok(framebus_result::Ok);
            }
        }
    })
}

/// Tells what the frames are that the consumer takes now. Waits for nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_stream(
    consumer: *const framebus_consumer,
    stream: *mut framebus_stream,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(stream, "the stream") }?;
        let value = framebus_stream::of(consumer.shared().stream, consumer.index);
        // SAFETY: the header asks for it.
        unsafe { plain::write(stream, len, &value) };
        Ok(framebus_result::Ok)
    })
}

/// Tells what the consumer has done so far. Waits for nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_get_stats(
    consumer: *const framebus_consumer,
    stats: *mut framebus_consumer_stats,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let consumer = unsafe { borrow(consumer, "the consumer") }?;
        // SAFETY: the header asks for it.
        let len = unsafe { plain::check(stats, "the statistics") }?;
        let value = consumer.shared().stats.into();
        // SAFETY: the header asks for it.
        unsafe { plain::write(stats, len, &value) };
        Ok(framebus_result::Ok)
    })
}

/// Returns one descriptor for an event loop (poll, epoll, libuv, asyncio): readable when a wait would return at once. Call
/// framebus_consumer_wait(consumer, 0) then, and take frames until there is none, before waiting for it again. It is the
/// consumer's: do not read, write or close it. -1 when consumer is NULL, and on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_fd(consumer: *const framebus_consumer) -> i32 {
    let mut fd = -1;
    guard(|| {
        // SAFETY: the header asks for it.
        fd = unsafe { borrow(consumer, "the consumer") }?.fd;
        Ok(framebus_result::Ok)
    });
    fd
}

/// Ends the wait (or next) that is under way, or the next one, with INTERRUPTED; once. It comes before a frame, so that it
/// also reaches a consumer that is behind. May be called from any thread, and from a signal handler.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_interrupt(
    consumer: *const framebus_consumer,
) -> framebus_result {
    // Nothing here allocates or locks: a signal handler may be in the middle of either.
    if consumer.is_null() {
        return framebus_result::InvalidArgument;
    }
    // SAFETY: not null, and the header asks for the rest.
    unsafe { &(*consumer).stop }.set();
    framebus_result::Ok
}

/// Releases the frame that is held and leaves the bus. NULL is fine. The handle is gone: no other thread may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_close(consumer: *mut framebus_consumer) {
    guard(|| {
        // SAFETY: the header asks for it.
        drop(unsafe { take_back(consumer) });
        Ok(framebus_result::Ok)
    });
}
