//! Bare wake-ups, doing nothing else: the limits that the bus is compared with.
//!
//! A page that all processes share holds the time of sending; they are woken by one FUTEX_WAKE for all of them (not
//! private), or by a write to an eventfd for each.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{ExitCode, Stdio};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use framebus::clock::monotonic_ns;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::thread::futex;

use crate::crew::{Hand, Log};

/// What is sent when it is over.
const END: u64 = u64::MAX;

/// What the processes share; one line of the cache.
#[repr(C, align(64))]
struct Words {
    /// Time of sending.
    sent_ns: AtomicU64,
    /// One more each time: the word of the futex.
    count: AtomicU32,
}

/// A page that processes share; never unmapped, because a process has one or two.
struct Page(NonNull<Words>);

impl Page {
    fn map(memory: impl AsFd) -> io::Result<Page> {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, so nothing that exists is replaced.
        let base = unsafe { mmap(null_mut(), 4096, protection, MapFlags::SHARED, memory, 0) }?;
        NonNull::new(base.cast())
            .map(Page)
            .ok_or_else(|| io::Error::other("mmap returned a null pointer"))
    }

    fn words(&self) -> &Words {
        // SAFETY: `map` mapped a page for good; the words are atomics, valid for every bit pattern.
        unsafe { self.0.as_ref() }
    }
}

/// How processes are woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One futex for all.
    Futex,
    /// An eventfd for each.
    Eventfd,
}

/// The end that wakes.
pub(crate) struct Bare {
    page: Page,
    /// Kept open for as long as a process may open it by its name under /proc.
    _memory: OwnedFd,
    kind: Kind,
    events: Vec<OwnedFd>,
}

impl Bare {
    /// Starts processes that wait.
    pub(crate) fn start(kind: Kind, consumers: u8) -> io::Result<(Bare, Vec<Hand>)> {
        let memory = memfd_create("framebus-bench", MemfdFlags::CLOEXEC)?;
        ftruncate(&memory, 4096)?;
        let page = Page::map(&memory)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
        let mut events = Vec::new();
        let mut crew = Vec::new();
        for _ in 0..consumers {
            let (role, stdin) = match kind {
                Kind::Futex => ("futex", Stdio::null()),
                Kind::Eventfd => {
                    let event = eventfd(0, EventfdFlags::CLOEXEC)?;
                    events.push(event.try_clone()?);
                    ("eventfd", Stdio::from(event))
                }
            };
            crew.push(Hand::start(role, std::slice::from_ref(&path), stdin)?);
        }
        let bare = Bare {
            page,
            _memory: memory,
            kind,
            events,
        };
        Ok((bare, crew))
    }

    /// Wakes every process.
    pub(crate) fn wake(&self) {
        self.send(monotonic_ns());
    }

    /// Tells every process that it is over.
    pub(crate) fn end(&self) {
        self.send(END);
    }

    fn send(&self, sent_ns: u64) {
        let words = self.page.words();
        words.sent_ns.store(sent_ns, Ordering::Release);
        match self.kind {
            Kind::Futex => {
                let count = words.count.load(Ordering::Relaxed);
                words.count.store(count.wrapping_add(1), Ordering::Release);
                let _ = futex::wake(&words.count, futex::Flags::empty(), i32::MAX as u32);
            }
            Kind::Eventfd => {
                for event in &self.events {
                    let _ = rustix::io::write(event, &1u64.to_ne_bytes());
                }
            }
        }
    }
}

/// Plays the role of a process that waits.
pub(crate) fn play(kind: Kind, arguments: &[String]) -> io::Result<ExitCode> {
    let path = arguments.first().map_or("", String::as_str);
    let page = Page::map(File::options().read(true).write(true).open(path)?)?;
    let words = page.words();
    let event = io::stdin();
    let mut last = 0;
    let mut log = Log::ready()?;
    loop {
        let count = words.count.load(Ordering::Acquire);
        let sent_ns = words.sent_ns.load(Ordering::Acquire);
        if sent_ns == END {
            return log.finish();
        }
        if sent_ns != last {
            log.push(sent_ns);
            last = sent_ns;
        }
        match kind {
            Kind::Futex => {
                let _ = futex::wait(&words.count, futex::Flags::empty(), count, None);
            }
            Kind::Eventfd => {
                let _ = rustix::io::read(&event, &mut [0; 8])?;
            }
        }
    }
}
