//! What happens when somebody cuts a mapped object short.
//!
//! Touching a page that the object does not have any more is a SIGBUS, whose default is death. The handler here puts zero
//! pages over the whole mapping and marks it as cut; whoever uses the mapping looks at the mark at its next step and ends
//! with an error. Nothing of it is on the frame path. A fault anywhere else goes to whoever handled SIGBUS before.
//!
//! The handler does what a signal handler may: atomic loads and stores, `mmap` and `sigaction` as bare system calls.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

/// One guarded range. `base` is 0 for a free entry and 1 for one that is being filled in; written last, cleared first.
#[derive(Debug)]
struct Entry {
    base: AtomicUsize,
    len: AtomicUsize,
    writable: AtomicBool,
    cut: AtomicBool,
}

const FREE: usize = 0;
const RESERVED: usize = 1;

/// Entries of a chunk: enough for any program but one that watches very many buses.
const CHUNK: usize = 64;

/// A chunk of the table. Chunks are added and never removed, so the handler can walk them without a lock.
#[derive(Debug)]
struct Chunk {
    entries: [Entry; CHUNK],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Chunk {
        Chunk {
            entries: [const {
                Entry {
                    base: AtomicUsize::new(FREE),
                    len: AtomicUsize::new(0),
                    writable: AtomicBool::new(false),
                    cut: AtomicBool::new(false),
                }
            }; CHUNK],
            next: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn next(&self) -> Option<&'static Chunk> {
        // SAFETY: null, or a chunk that `grow` has leaked.
        unsafe { self.next.load(Ordering::Acquire).as_ref() }
    }

    /// The chunk after this one, made if there is none.
    fn grow(&self) -> &'static Chunk {
        if let Some(next) = self.next() {
            return next;
        }
        let new: &'static mut Chunk = Box::leak(Box::new(Chunk::new()));
        let place = ptr::from_mut(new);
        match self.next.compare_exchange(
            ptr::null_mut(),
            place,
            Ordering::AcqRel,
            Ordering::Acquire,
        ) {
            // SAFETY: leaked above, and only shared from here on.
            Ok(_) => unsafe { &*place },
            // Another thread was first; its chunk is as good, and this one is lost.
            // SAFETY: not null, and leaked by that thread.
            Err(other) => unsafe { &*other },
        }
    }
}

static TABLE: Chunk = Chunk::new();

/// Keeps a mapped range from killing the process when its object is cut short. Dropped before the range is unmapped.
#[derive(Debug)]
pub(super) struct Guard(&'static Entry);

impl Guard {
    /// # Safety
    /// The range is a mapping of this process, readable, and writable if `writable`, that nothing else takes apart before
    /// the guard is dropped; after a cut it is private zero pages.
    pub(super) unsafe fn new(base: NonNull<u8>, len: usize, writable: bool) -> Guard {
        install();
        let entry = reserve();
        entry.len.store(len, Ordering::Relaxed);
        entry.writable.store(writable, Ordering::Relaxed);
        entry.cut.store(false, Ordering::Relaxed);
        entry
            .base
            .store(base.as_ptr().expose_provenance(), Ordering::Release);
        Guard(entry)
    }

    /// Whether the object was cut short and somebody came to a page that is gone: what is mapped now is zero.
    pub(super) fn is_cut(&self) -> bool {
        self.0.cut.load(Ordering::Acquire)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.base.store(FREE, Ordering::Release);
    }
}

fn reserve() -> &'static Entry {
    let mut chunk = &TABLE;
    loop {
        for entry in &chunk.entries {
            let reserved =
                entry
                    .base
                    .compare_exchange(FREE, RESERVED, Ordering::AcqRel, Ordering::Relaxed);
            if reserved.is_ok() {
                return entry;
            }
        }
        chunk = chunk.grow();
    }
}

/// What SIGBUS did before, in a box that is never freed.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

fn handler_address() -> usize {
    on_fault as *const () as usize
}

/// Puts the handler in place, in front of the one that is there; once. Put back to the default since, it is installed
/// again; a handler that somebody has put in front of it since is left there, and has to pass on what is not its own.
fn install() {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks only; the place is writable.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), now.as_mut_ptr()) } != 0 {
        return;
    }
    // SAFETY: filled in, as the call has succeeded.
    let now = unsafe { now.assume_init() };
    let plain = now.sa_sigaction == libc::SIG_DFL || now.sa_sigaction == libc::SIG_IGN;
    let installed = !PREVIOUS.load(Ordering::Acquire).is_null();
    if now.sa_sigaction == handler_address() || (installed && !plain) {
        return;
    }
    PREVIOUS.store(Box::into_raw(Box::new(now)), Ordering::Release);
    let mut action = now;
    action.sa_sigaction = handler_address();
    // On the thread's own signal stack where it has one: Go demands it, and a fault may come with a full stack.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the set is writable.
    unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    // SAFETY: `on_fault` is a handler with three arguments, as the flags say, and does only what a handler may.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()) };
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes a valid pointer.
    let fault = unsafe { &*info };
    let code = fault.si_code;
    if code == libc::BUS_ADRERR {
        // SAFETY: a fault has an address.
        let address = unsafe { fault.si_addr() }.expose_provenance();
        if find(address).is_some_and(replace) {
            return;
        }
    }
    pass_on(signal, code, info, context);
}

/// The entry whose range has the address.
fn find(address: usize) -> Option<(&'static Entry, usize)> {
    let mut chunk = Some(&TABLE);
    while let Some(entries) = chunk {
        for entry in &entries.entries {
            let base = entry.base.load(Ordering::Acquire);
            let len = entry.len.load(Ordering::Relaxed);
            let inside = base > RESERVED && address >= base && address - base < len;
            // An entry that was given to another range meanwhile is not this one.
            if inside && entry.base.load(Ordering::Acquire) == base {
                return Some((entry, base));
            }
        }
        chunk = entries.next();
    }
    None
}

/// Puts zero pages over a range.
fn replace((entry, base): (&'static Entry, usize)) -> bool {
    let mut protection = ProtFlags::READ;
    if entry.writable.load(Ordering::Relaxed) {
        protection |= ProtFlags::WRITE;
    }
    // Before the pages, so that whoever sees zeros also finds the mark.
    entry.cut.store(true, Ordering::Release);
    let place = ptr::with_exposed_provenance_mut(base);
    let len = entry.len.load(Ordering::Relaxed);
    // SAFETY: `Guard::new`'s contract: the range is one mapping that stays until the guard is dropped, and the thread that
    // has come to it borrows what the guard is kept beside. Its users expect zeros after a cut.
    unsafe { mmap_anonymous(place, len, protection, MapFlags::PRIVATE | MapFlags::FIXED) }.is_ok()
}

/// Does what was done about SIGBUS before the handler was there.
fn pass_on(signal: c_int, code: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: null, or a box that `install` has leaked.
    let previous = unsafe { PREVIOUS.load(Ordering::Acquire).as_ref() };
    let sent = code <= 0;
    match previous {
        Some(previous) if previous.sa_sigaction == libc::SIG_IGN && sent => {}
        Some(previous)
            if previous.sa_sigaction != libc::SIG_DFL && previous.sa_sigaction != libc::SIG_IGN =>
        {
            call(previous, signal, info, context);
        }
        _ => {
            // The default is to die. After the return the instruction faults again, or the signal comes again.
            // SAFETY: asks for the default action.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
            if sent || code == libc::BUS_MCEERR_AO {
                // SAFETY: may be called from a handler.
                unsafe { libc::raise(signal) };
            }
        }
    }
}

fn call(
    previous: &libc::sigaction,
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    let place = ptr::with_exposed_provenance::<()>(previous.sa_sigaction);
    if previous.sa_flags & libc::SA_SIGINFO != 0 {
        type Full = extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: with this flag it is a function of three arguments, as whoever installed it has promised.
        let handler = unsafe { std::mem::transmute::<*const (), Full>(place) };
        handler(signal, info, context);
    } else {
        // SAFETY: without it, of one.
        let handler = unsafe { std::mem::transmute::<*const (), extern "C" fn(c_int)>(place) };
        handler(signal);
    }
}
