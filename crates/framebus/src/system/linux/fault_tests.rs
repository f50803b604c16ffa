//! SIGBUS: caught where a mapping of ours was cut short, and nowhere else. Each is played in a process of its own.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::mm::{MapFlags, ProtFlags, mmap};

use super::mapping::Mapping;
use crate::layout::PAGE;

const PLAY: &str = "FRAMEBUS_TEST_FAULT";
const LEN: usize = 16 * PAGE as usize;

/// A file of some pages without a name.
fn pages() -> File {
    let path = std::env::temp_dir().join(format!("framebus-fault-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true);
    let file = file.open(&path).expect("a file");
    fs::remove_file(path).expect("removed");
    file.set_len(LEN as u64).expect("pages");
    file
}

fn read(mapping: &Mapping, offset: usize) -> u8 {
    // SAFETY: inside the mapping.
    let place = unsafe { mapping.base().as_ptr().add(offset) };
    // SAFETY: it is readable.
    unsafe { place.read_volatile() }
}

/// Comes to a page that is gone, of a mapping that is not ours.
fn fault_elsewhere() {
    let file = pages();
    // SAFETY: the kernel chooses the place.
    let place = unsafe {
        mmap(
            std::ptr::null_mut(),
            LEN,
            ProtFlags::READ,
            MapFlags::SHARED,
            &file,
            0,
        )
    };
    file.set_len(0).expect("cut");
    // SAFETY: none. This is the bug of somebody else, who dies of it.
    unsafe { place.expect("mapped").cast::<u8>().read_volatile() };
}

extern "C" fn exit_with_42(_: libc::c_int) {
    // SAFETY: may be called from a handler.
    unsafe { libc::_exit(42) };
}

fn handle_before() {
    let place = exit_with_42 as extern "C" fn(libc::c_int);
    // SAFETY: a handler of one argument that does what it may.
    unsafe { libc::signal(libc::SIGBUS, place as *const () as usize) };
}

/// Started again as a process of its own.
#[test]
fn a_fault_is_played_only_when_asked() {
    let Ok(play) = std::env::var(PLAY) else {
        return;
    };
    // Rust's own handler, which is there first, takes a signal that was sent for one that it may forget.
    match play.as_str() {
        "before" => handle_before(),
        // SAFETY: asks for the default action.
        _ => _ = unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) },
    }
    let file = pages();
    let ours = Mapping::read_write(&file, 0, LEN).expect("mapped");
    match play.as_str() {
        "elsewhere" | "before" => fault_elsewhere(),
        "sent" => {
            // SAFETY: sends a signal.
            unsafe { libc::raise(libc::SIGBUS) };
        }
        other => panic!("{other}"),
    }
    drop(ours);
}

fn play(what: &str) -> ExitStatus {
    Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "system::linux::fault_tests::a_fault_is_played_only_when_asked",
        ])
        .env(PLAY, what)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("a status")
}

#[test]
fn a_fault_that_is_not_ours_is_whoevers_it_was_before() {
    assert_eq!(play("elsewhere").signal(), Some(libc::SIGBUS));
    assert_eq!(play("sent").signal(), Some(libc::SIGBUS));
    assert_eq!(play("before").code(), Some(42));
}

#[test]
fn a_mapping_that_is_cut_short_reads_as_zeros_and_says_so() {
    let file = pages();
    let mapping = Mapping::read_write(&file, 0, LEN).expect("mapped");
    // SAFETY: inside the mapping, which is writable.
    unsafe { mapping.base().as_ptr().write_volatile(7) };
    let other = Mapping::read_only(&file, 0, LEN).expect("mapped");
    file.set_len(PAGE).expect("cut");
    assert_eq!((read(&mapping, 0), mapping.is_cut()), (7, false));
    assert_eq!((read(&mapping, LEN - 1), mapping.is_cut()), (0, true));
    assert_eq!(read(&mapping, 0), 0, "all of it is gone");
    // SAFETY: inside the mapping, which is writable still.
    unsafe { mapping.base().as_ptr().write_volatile(8) };
    assert_eq!((read(&other, 0), other.is_cut()), (7, false));
}

#[test]
fn any_number_of_mappings_is_guarded_and_each_only_as_long_as_it_lives() {
    let file = Arc::new(pages());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let file = Arc::clone(&file);
            std::thread::spawn(move || {
                let map = || Mapping::read_only(&*file, 0, LEN).expect("mapped");
                for _ in 0..20 {
                    drop((map(), map()));
                }
                (0..100).map(|_| map()).collect::<Vec<_>>()
            })
        })
        .collect();
    let mappings = threads
        .into_iter()
        .map(|thread| thread.join().expect("mappings"));
    let mappings: Vec<Mapping> = mappings.flatten().collect();
    file.set_len(0).expect("cut");
    for mapping in &mappings {
        assert!(!mapping.is_cut());
        assert_eq!(read(mapping, LEN / 2), 0);
        assert!(mapping.is_cut());
    }
}
