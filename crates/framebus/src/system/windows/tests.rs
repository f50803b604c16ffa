//! What the library relies on, as Windows does it.

use std::path::PathBuf;
use std::time::Duration;

use super::*;
use crate::layout::{BusName, PAGE};
use crate::system::{Event, LockError, Permissions, Waited, Wake};

const OWN: Permissions = Permissions {
    mode: 0o600,
    gid: None,
};
const LEN: usize = 4 * 65_536;
const SOON: Duration = Duration::from_secs(10);

fn bus(name: &str) -> BusName {
    let name = format!("win-{name}-{}", std::process::id());
    name.parse().expect("a name")
}

fn memory(bus: &BusName) -> Memory {
    Memory::create(bus, LEN, OWN).expect("memory")
}

#[test]
fn memory_is_found_by_its_bus_and_is_gone_with_its_last_handle() {
    let bus = bus("memory");
    assert!(ShmObject::open(&bus, false).is_err());
    let made = memory(&bus);
    let object = ShmObject::open(&bus, false).expect("an object");
    assert_eq!((object.id, object.len), (made.id(), LEN as u64));
    assert_eq!(object.owner_uid, own_uid());
    assert_eq!(ShmObject::current(&bus), Some(made.id()));
    assert!(list_objects().contains(&bus) && !is_foreign(&bus));
    // Who has it open keeps it.
    drop(made);
    let view = Mapping::read_only(&object, 0, LEN).expect("a view");
    drop(object);
    assert!(!is_lost(&bus));
    drop(view);
    assert!(is_lost(&bus) && !list_objects().contains(&bus));
    unlink_object(&bus).expect("removed");
    assert_eq!(object_bytes(&bus), None);
}

#[test]
fn a_bus_has_another_object_while_somebody_has_the_old_one() {
    let bus = bus("again");
    let first = memory(&bus);
    let old = ShmObject::open(&bus, false).expect("an object");
    let second = memory(&bus);
    assert_ne!(first.id(), second.id());
    assert_eq!(ShmObject::current(&bus), Some(second.id()));
    assert_eq!(old.id, first.id());
    unlink_object(&bus).expect("removed");
}

#[test]
fn a_record_of_its_own_is_writable_and_what_is_around_is_not() {
    let bus = bus("record");
    let made = memory(&bus);
    let object = ShmObject::open(&bus, true).expect("an object");
    let whole = Mapping::read_only(&object, 0, LEN).expect("a view");
    whole.populate();
    let own = Mapping::read_write(&object, 65_536, PAGE as usize).expect("a view");
    // SAFETY: the first byte of a mapping that is writable.
    unsafe { own.base().as_ptr().write_volatile(7) };
    // SAFETY: inside the mappings.
    let places = unsafe {
        [
            made.base().as_ptr().add(65_536),
            whole.base().as_ptr().add(65_536),
        ]
    };
    for place in places {
        // SAFETY: readable.
        assert_eq!(unsafe { place.read_volatile() }, 7);
    }
    assert_eq!(protection_of(whole.base().as_ptr()), "read");
    assert_eq!(protection_of(own.base().as_ptr()), "write");
    // One that was opened for looking gives no view for writing.
    let looking = ShmObject::open(&bus, false).expect("an object");
    assert!(Mapping::read_write(&looking, 65_536, PAGE as usize).is_err());
    unlink_object(&bus).expect("removed");
}

fn protection_of(place: *mut u8) -> &'static str {
    use windows_sys::Win32::System::Memory::{
        MEMORY_BASIC_INFORMATION, PAGE_READONLY, PAGE_READWRITE, VirtualQuery,
    };
    let mut about = MEMORY_BASIC_INFORMATION::default();
    let size = size_of::<MEMORY_BASIC_INFORMATION>();
    // SAFETY: the place for the answer is writable and has as many bytes as is said.
    unsafe { VirtualQuery(place.cast(), &raw mut about, size) };
    match about.Protect {
        PAGE_READONLY => "read",
        PAGE_READWRITE => "write",
        _ => "other",
    }
}

#[test]
fn a_lock_has_one_holder_who_is_known_and_leaves_a_note() {
    let bus = bus("lock");
    assert!(!LockFile::is_held(&bus).expect("no file"));
    let lock = LockFile::try_acquire(&bus).expect("free");
    assert!(LockFile::is_held(&bus).expect("held"));
    assert_eq!(LockFile::holder(&bus), Some(std::process::id()));
    assert!(matches!(LockFile::try_acquire(&bus), Err(LockError::Held)));
    lock.write_note(b"3 17 1700\n");
    let mut note = [0; 80];
    assert_eq!(lock.read_note(&mut note).expect("a note"), 10);
    drop(lock);
    assert!(!LockFile::has_file(&bus));
    assert_eq!(LockFile::holder(&bus), None);
}

fn pipe(bus: &BusName) -> PathBuf {
    pipe_path(&pipes_dir(&runtime_dir(), bus), 0)
}

/// Waits until the doorman has seen something that is not nothing.
fn seen(doorman: &Doorman) -> Event {
    let mut events = Vec::new();
    for _ in 0..100 {
        doorman.wait(&mut events, SOON).expect("a wait");
        if let Some(event) = events.first() {
            return *event;
        }
    }
    panic!("nothing came");
}

/// A connection: the producer's end and the consumer's.
fn connected(doorman: &Doorman, door: &Door, path: &PathBuf) -> (Line, Line) {
    let theirs = Line::connect(path).expect("a connection");
    assert_eq!(seen(doorman).token, 5);
    let ours = door.accept().expect("somebody");
    (ours, theirs)
}

#[test]
fn a_door_lets_in_one_after_the_other_and_sees_who_goes() {
    let path = pipe(&bus("door"));
    let doorman = Doorman::new().expect("a doorman");
    let door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    assert!(door.accept().is_err());
    let (first, them) = connected(&doorman, &door, &path);
    assert_eq!(first.peer().pid, std::process::id());
    assert_eq!(first.peer().uid, own_uid());
    assert!(first.peer().is_trusted);
    doorman.watch(&first, 6).expect("watched");
    assert!(them.send(b"E"));
    assert_eq!(seen(&doorman).token, 6);
    let mut bytes = [0; 64];
    assert_eq!(first.receive(&mut bytes).expect("a word"), 1);
    // Another one comes meanwhile.
    let (second, _other) = connected(&doorman, &door, &path);
    assert!(second.send(b"in use"));
    drop(second);
    drop(them);
    assert_eq!(seen(&doorman).token, 6);
    assert!(first.receive(&mut bytes).is_err());
}

#[test]
fn a_door_without_room_for_the_next_one_says_so_and_is_opened_anew() {
    let path = pipe(&bus("shut"));
    let doorman = Doorman::new().expect("a doorman");
    let mut door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    let (first, them) = connected(&doorman, &door, &path);
    assert!(door.has_its_name());
    door.shut();
    assert!(!door.has_its_name());
    assert!(Line::connect(&path).is_err());
    // As the control thread does with its next heartbeat.
    door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    assert!(door.has_its_name());
    let (_second, _other) = connected(&doorman, &door, &path);
    // Who was there before stays.
    assert!(first.send(b"on"));
    let stop = Bell::new().expect("an event");
    let ready = them.wait(&stop, || false, SOON).expect("a wait");
    assert_eq!(ready, Waited::Ready);
    assert_eq!(them.receive(&mut [0; 16]).expect("words"), 2);
    // Or when somebody looks.
    door.shut();
    assert!(door.accept().is_err() && door.has_its_name());
    let _ = connected(&doorman, &door, &path);
}

#[test]
fn a_read_that_ended_with_its_thread_is_begun_anew() {
    let path = pipe(&bus("thread"));
    let doorman = Doorman::new().expect("a doorman");
    let door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    let (ours, theirs) = connected(&doorman, &door, &path);
    let stop = Bell::new().expect("an event");
    let briefly = Duration::from_millis(5);
    let in_a_thread = |wait: &(dyn Fn() + Sync)| {
        std::thread::scope(|scope| scope.spawn(wait).join()).expect("a thread");
    };
    in_a_thread(&|| {
        let nothing = theirs.wait(&stop, || false, briefly).expect("a wait");
        assert_eq!(nothing, Waited::TimedOut);
    });
    // An end of the read is something to look at, and is not words.
    while theirs.wait(&stop, || false, briefly).expect("a wait") == Waited::Ready {
        let nothing = theirs.receive(&mut [0; 16]).expect_err("nothing was said");
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
    assert!(ours.send(b"yes"));
    assert_eq!(
        theirs.wait(&stop, || false, SOON).expect("a wait"),
        Waited::Ready
    );
    assert_eq!(theirs.receive(&mut [0; 16]).expect("words"), 3);
    let waiting = Waiting::new(theirs, None, true, &stop).expect("a wait");
    let wait = |timeout| waiting.wait(|| false, Some(timeout)).expect("a wait");
    for _ in 0..3 {
        in_a_thread(&|| assert_eq!(wait(briefly), Wake::TimedOut));
        assert!(!waiting.has_hung_up());
        in_a_thread(&|| assert_eq!(wait(briefly), Wake::TimedOut));
        assert_eq!(wait(briefly), Wake::TimedOut);
        assert!(ours.send(&[1]));
        assert_eq!(wait(SOON), Wake::Trigger);
    }
    in_a_thread(&|| assert_eq!(wait(briefly), Wake::TimedOut));
    drop(ours);
    assert_eq!(wait(SOON), Wake::HangUp);
}

#[test]
fn what_was_said_before_the_end_is_read() {
    let path = pipe(&bus("said"));
    let doorman = Doorman::new().expect("a doorman");
    let door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    let (ours, theirs) = connected(&doorman, &door, &path);
    assert!(ours.send(b"no"));
    drop(ours);
    let stop = Bell::new().expect("an event");
    let mut bytes = [0; 16];
    let ready = theirs.wait(&stop, || false, SOON).expect("a wait");
    assert_eq!(ready, Waited::Ready);
    assert_eq!(theirs.receive_with(&mut bytes).expect("words").0, 2);
    let ready = theirs.wait(&stop, || false, SOON).expect("a wait");
    assert_eq!(ready, Waited::Ready);
    assert_eq!(theirs.receive_with(&mut bytes).expect("an end").0, 0);
}

#[test]
fn a_peer_that_never_reads_blocks_nobody() {
    let path = pipe(&bus("deaf"));
    let doorman = Doorman::new().expect("a doorman");
    let door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    let (ours, _theirs) = connected(&doorman, &door, &path);
    let sent = (0..2000).filter(|_| ours.send(&[1])).count();
    assert!((1..2000).contains(&sent), "{sent}");
}

#[test]
fn a_wait_tells_a_trigger_an_end_and_a_request_to_stop_apart() {
    let path = pipe(&bus("waits"));
    let doorman = Doorman::new().expect("a doorman");
    let door = Door::open(&path, OWN).expect("a door");
    doorman.watch_door(&door, 5).expect("watched");
    for bytes in [false, true] {
        let (ours, theirs) = connected(&doorman, &door, &path);
        let flag = Waker::new().expect("a flag");
        let opened = (!bytes).then(|| Waker::open(flag.number()).expect("the same flag"));
        let stop = Bell::new().expect("an event");
        let waiting = Waiting::new(theirs, opened, bytes, &stop).expect("a wait");
        let wait = |timeout| waiting.wait(|| false, Some(timeout)).expect("a wait");
        assert_eq!(wait(Duration::from_millis(5)), Wake::TimedOut);
        for _ in 0..3 {
            assert!(if bytes { ours.send(&[1]) } else { flag.ring() });
            assert_eq!(wait(SOON), Wake::Trigger);
        }
        assert!(!waiting.has_hung_up());
        stop.ring();
        assert_eq!(wait(SOON), Wake::Stopped);
        stop.clear();
        if bytes {
            ours.send(&[1]);
        } else {
            flag.ring();
        }
        drop(ours);
        assert_eq!(wait(SOON), Wake::Trigger, "the last frame's");
        assert_eq!(wait(SOON), Wake::HangUp);
        assert!(waiting.has_hung_up());
    }
}

#[test]
fn a_doorman_is_called_away() {
    let doorman = Doorman::new().expect("a doorman");
    doorman.call();
    assert_eq!(seen(&doorman).token, Doorman::CALLED);
    assert_eq!(seen(&doorman).token, Doorman::CALLED);
}

#[test]
fn a_process_is_told_from_another_that_has_its_pid_later() {
    let (pid, ticks) = (std::process::id(), own_start_ticks());
    assert!(ticks > 0 && is_alive(pid, ticks));
    assert!(!is_alive(pid, ticks + 1) && !is_alive(u32::MAX, ticks));
    assert!(consumed(pid, ticks, |_| false).is_some());
    assert_eq!(consumed(pid, ticks + 1, |_| false), None);
}

#[test]
fn the_clock_only_goes_on() {
    let before = monotonic_ns();
    std::thread::sleep(Duration::from_millis(2));
    assert!(monotonic_ns() > before);
    assert!(wall_ns() > 1_700_000_000_000_000_000);
}
