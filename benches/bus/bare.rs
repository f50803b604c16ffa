//! A bare wake-up that the library has no use for: one futex for all.
//!
//! A page that all processes share holds the time of sending.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{ExitCode, Stdio};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use framebus::clock::monotonic_ns;
use framebus_cli::measure::{Hand, Log, Program, Role, Wakes, Way};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::thread::futex as word;

/// The role of a process that waits.
pub(crate) const ROLE: &str = "futex";
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

/// The end that wakes.
struct Futex {
    page: Page,
    /// Kept open for as long as a process may open it by its name under /proc.
    _memory: OwnedFd,
}

/// One FUTEX_WAKE (not private) for all consumers.
pub(crate) fn futex(label: &'static str, program: &Program, consumers: u8) -> io::Result<Way> {
    let memory = memfd_create("framebus-bench", MemfdFlags::CLOEXEC)?;
    ftruncate(&memory, 4096)?;
    let page = Page::map(&memory)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    let role = Role::Other(ROLE.to_owned());
    let start = |_| {
        Hand::start(
            program,
            role.clone(),
            std::slice::from_ref(&path),
            Stdio::null(),
        )
    };
    let crew = (0..consumers).map(start).collect::<io::Result<Vec<_>>>()?;
    let sender = Futex {
        page,
        _memory: memory,
    };
    Ok(Way::new(label, Box::new(sender), crew))
}

impl Futex {
    fn store(&self, sent_ns: u64) {
        let words = self.page.words();
        words.sent_ns.store(sent_ns, Ordering::Release);
        let count = words.count.load(Ordering::Relaxed);
        words.count.store(count.wrapping_add(1), Ordering::Release);
        let _ = word::wake(&words.count, word::Flags::empty(), i32::MAX as u32);
    }
}

impl Wakes for Futex {
    fn send(&mut self) {
        self.store(monotonic_ns());
    }

    fn end(self: Box<Self>) {
        self.store(END);
    }
}

/// Plays the role of a process that waits.
pub(crate) fn play(arguments: &[String]) -> io::Result<ExitCode> {
    let path = arguments.first().map_or("", String::as_str);
    let page = Page::map(File::options().read(true).write(true).open(path)?)?;
    let words = page.words();
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
        let _ = word::wait(&words.count, word::Flags::empty(), count, None);
    }
}
