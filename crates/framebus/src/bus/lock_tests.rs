//! The named lock's file: who may have it, and what is done to it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use super::*;

fn bus(name: &str) -> BusName {
    format!("lock-{name}-{}", std::process::id())
        .parse()
        .expect("bus name")
}

fn count(generation: u64, sequence: u64) -> Count {
    Count {
        generation,
        sequence,
        epoch_ms: 1700,
    }
}

#[test]
fn a_bus_has_one_lock_and_it_leaves_no_file() {
    let bus = bus("one");
    let lock = BusLock::try_acquire(&bus).expect("free");
    assert!(matches!(BusLock::try_acquire(&bus), Err(LockError::Held)));
    let path = LockFile::path_of(&bus);
    drop(lock);
    assert!(!path.exists());
    drop(BusLock::try_acquire(&bus).expect("free again"));
}

#[test]
fn a_lock_remembers_until_it_is_given_back() {
    let bus = bus("memory");
    let lock = BusLock::try_acquire(&bus).expect("free");
    assert_eq!(lock.recall(), None);
    lock.remember(count(3, 17));
    assert_eq!(lock.recall(), Some(count(3, 17)));
    fs::write(LockFile::path_of(&bus), "3 1").expect("a torn note");
    assert_eq!(lock.recall(), None);
    drop(lock);
    assert_eq!(
        BusLock::try_acquire(&bus).expect("free again").recall(),
        None
    );
}

#[test]
fn a_lock_that_has_lost_its_name_leaves_its_successor_alone() {
    let bus = bus("lost");
    let lock = BusLock::try_acquire(&bus).expect("free");
    fs::remove_file(LockFile::path_of(&bus)).expect("removed");
    fs::write(LockFile::path_of(&bus), "somebody else's").expect("another file");
    let path = LockFile::path_of(&bus);
    drop(lock);
    assert!(path.exists());
    fs::remove_file(path).expect("removed");
}

#[test]
fn a_look_at_a_lock_does_not_keep_a_producer_from_starting() {
    let bus = bus("patience");
    let looker = BusLock::try_acquire(&bus).expect("free");
    let (ready, go) = std::sync::mpsc::channel();
    let other = bus.clone();
    let producer = std::thread::spawn(move || {
        ready.send(()).expect("a listener");
        BusLock::acquire(&other).map(drop)
    });
    go.recv().expect("a producer");
    drop(looker);
    producer.join().expect("thread").expect("the lock");
    assert!(!LockFile::path_of(&bus).exists());
}

#[test]
fn a_look_at_a_lock_changes_nothing() {
    let bus = bus("look");
    assert!(!BusLock::is_held(&bus).expect("no file"));
    let lock = BusLock::try_acquire(&bus).expect("free");
    assert!(BusLock::is_held(&bus).expect("held"));
    assert!(LockFile::path_of(&bus).exists());
    drop(lock);
    assert!(!LockFile::path_of(&bus).exists());
}

#[test]
fn a_link_in_the_place_of_the_lock_is_not_followed() {
    let bus = bus("link");
    let precious = tempfile::NamedTempFile::new().expect("a file");
    fs::write(precious.path(), "precious").expect("written");
    std::os::unix::fs::symlink(precious.path(), LockFile::path_of(&bus)).expect("a link");
    let error = BusLock::try_acquire(&bus).expect_err("a link");
    assert!(error.to_string().ends_with("is not a file: remove it"));
    assert!(BusLock::is_held(&bus).is_err());
    fs::remove_file(LockFile::path_of(&bus)).expect("removed");
    assert_eq!(
        fs::read_to_string(precious.path()).expect("text"),
        "precious"
    );
}

#[test]
fn what_is_noted_goes_into_the_file_that_is_locked() {
    let bus = bus("note");
    let lock = BusLock::try_acquire(&bus).expect("free");
    let path = LockFile::path_of(&bus);
    fs::remove_file(&path).expect("removed");
    assert!(!lock.has_its_name());
    let successor = BusLock::try_acquire(&bus).expect("free, by its name");
    successor.remember(count(5, 55));
    lock.remember(count(3, 33));
    assert_eq!(successor.recall(), Some(count(5, 55)));
    drop(lock);
    assert!(successor.has_its_name());
    drop(successor);
    assert!(!path.exists());
}

#[test]
fn a_note_without_end_is_not_read() {
    let bus = bus("endless");
    let path = LockFile::path_of(&bus);
    let file = File::create(&path).expect("a file");
    // Sparse: a reader of all of it would need this much memory.
    file.set_len(1 << 40).expect("a long file");
    let lock = BusLock::try_acquire(&bus).expect("free");
    assert_eq!(lock.recall(), None);
    lock.remember(count(2, 9));
    assert_eq!(lock.recall(), Some(count(2, 9)));
    drop(lock);
    assert!(!path.exists());
}

#[test]
fn a_lock_has_the_mode_of_its_bus_and_none_before() {
    let bus = bus("mode");
    let lock = BusLock::try_acquire(&bus).expect("free");
    let mode = || {
        fs::metadata(LockFile::path_of(&bus))
            .expect("a file")
            .mode()
            & 0o777
    };
    assert_eq!(mode(), 0o600);
    lock.let_in(Permissions {
        mode: 0o640,
        gid: None,
    });
    assert_eq!(mode(), 0o640);
}

#[test]
fn the_holder_of_a_lock_is_known() {
    let bus = bus("holder");
    assert_eq!(BusLock::holder(&bus), None);
    let lock = BusLock::try_acquire(&bus).expect("free");
    assert_eq!(BusLock::holder(&bus), Some(std::process::id()));
    drop(lock);
}

#[test]
fn what_is_given_back_is_as_it_was() {
    let bus = bus("back");
    BusLock::try_acquire(&bus).expect("free").give_back();
    assert!(!LockFile::path_of(&bus).exists());
    fs::write(LockFile::path_of(&bus), "4 7 1700\n").expect("a note");
    BusLock::try_acquire(&bus).expect("free").give_back();
    let lock = BusLock::try_acquire(&bus).expect("free again");
    assert_eq!(lock.recall(), Some(count(4, 7)));
}
