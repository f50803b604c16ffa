use std::fs;
use std::io::Read;
use std::thread;

use super::*;
use crate::sink::testing::{piped, read_all};

/// More than any pipe holds.
const LARGE: usize = 3 << 20;

fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|i| u8::try_from(i % 251).expect("a byte"))
        .collect()
}

/// Blocks of an output that polls before each small write, as where a pipe cannot be opened again.
fn small_writes(output: &mut Output) {
    if let Way::Polled(flow) = &mut output.way {
        flow.write_little();
    }
}

#[test]
fn a_reader_gets_every_byte() {
    for small in [false, true] {
        let (mut output, reader, _stop) = piped();
        if small {
            small_writes(&mut output);
        }
        output.expect_frames_of(LARGE);
        let frame = pattern(LARGE);
        let thread = thread::spawn(move || read_all(reader));
        output
            .write_frame(&[&frame[..1000], &frame[1000..]])
            .expect("written");
        output.finish().expect("finished");
        drop(output);
        assert!(
            thread.join().expect("reader") == frame,
            "small writes: {small}"
        );
    }
}

#[test]
fn a_pipe_that_nobody_reads_does_not_keep_from_stopping() {
    for small in [false, true] {
        let (mut output, _reader, stop) = piped();
        output.grace_ns = 0;
        if small {
            small_writes(&mut output);
        }
        let thread = thread::spawn(move || output.write_frame(&[&pattern(LARGE)]));
        stop.set();
        assert!(matches!(
            thread.join().expect("writer"),
            Err(SinkError::Stopped)
        ));
    }
}

#[test]
fn a_reader_that_reads_gets_the_whole_frame_after_a_request_to_stop() {
    let (mut output, reader, stop) = piped();
    output.grace_ns = u64::MAX;
    stop.set();
    let thread = thread::spawn(move || read_all(reader));
    output.write_frame(&[&pattern(LARGE)]).expect("written");
    drop(output);
    assert!(thread.join().expect("reader") == pattern(LARGE));
}

#[test]
fn a_reader_that_closes_ends_the_wait() {
    let (mut output, mut reader, _stop) = piped();
    let thread = thread::spawn(move || output.write_frame(&[&pattern(LARGE)]));
    reader.read_exact(&mut [0; 10]).expect("some bytes");
    drop(reader);
    assert!(matches!(
        thread.join().expect("writer"),
        Err(SinkError::Closed)
    ));
}

#[test]
fn the_pipe_of_others_stays_blocking() {
    let stop = Stop::new().expect("eventfd");
    let (_reader, writer) = std::io::pipe().expect("pipe");
    let theirs = writer.try_clone().expect("a second descriptor");
    let _output = Output::from_fd(writer.into(), "the pipe", &stop).expect("output");
    let flags = rustix::fs::fcntl_getfl(&theirs).expect("flags");
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn a_file_ends_with_a_whole_frame_after_an_error() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("frames");
    let stop = Stop::new().expect("eventfd");
    let mut output = Output::file(&path, &stop).expect("output");
    output.write_frame(&[b"first", b"frame"]).expect("written");
    output.write_part(b"half a fr").expect("written");
    output.cut_partial_frame();
    assert_eq!(fs::read(&path).expect("file"), b"firstframe");
    output
        .write_frame(&[b"second"])
        .expect("the disk has room again");
    output.finish().expect("finished");
    assert_eq!(fs::read(&path).expect("file"), b"firstframesecond");
}

#[test]
fn what_others_wrote_to_the_file_stays() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("frames");
    fs::write(&path, "theirs,").expect("file");
    let stop = Stop::new().expect("eventfd");
    let file = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("appended as with >>");
    let mut output = Output::from_fd(file.into(), "the file", &stop).expect("output");
    output.write_part(b"half").expect("written");
    output.cut_partial_frame();
    assert_eq!(fs::read(&path).expect("file"), b"theirs,");
    output.write_part(b"half").expect("written");
    let mut other = fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .expect("another writer");
    other.write_all(b",more").expect("written");
    output.cut_partial_frame();
    assert_eq!(fs::read(&path).expect("file"), b"theirs,half,more");
}

#[test]
fn a_full_disk_is_an_error_with_the_name_of_the_file() {
    let stop = Stop::new().expect("eventfd");
    let mut output = Output::file(Path::new("/dev/full"), &stop).expect("output");
    let error = output.write_frame(&[b"frame"]).expect_err("full");
    assert!(matches!(&error, SinkError::Write { target, source }
        if target == "/dev/full" && source.kind() == io::ErrorKind::StorageFull));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_at_once() {
    let stop = Stop::new().expect("eventfd");
    let directory = tempfile::tempdir().expect("directory");
    for path in [directory.path(), &directory.path().join("missing/file")] {
        assert!(
            matches!(Output::file(path, &stop), Err(SinkError::Write { .. })),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_named_pipe_is_waited_on_until_it_has_a_reader() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("fifo");
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        &path,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .expect("fifo");
    let stop = Stop::new().expect("eventfd");
    let reading = path.clone();
    let thread = thread::spawn(move || read_all(File::open(reading).expect("fifo")));
    let mut output = Output::file(&path, &stop).expect("a reader");
    output.write_frame(&[&pattern(LARGE)]).expect("written");
    drop(output);
    assert!(thread.join().expect("reader") == pattern(LARGE));
    stop.set();
    assert!(matches!(
        Output::file(&path, &stop),
        Err(SinkError::Stopped)
    ));
}

#[test]
fn a_terminal_is_refused() {
    let stop = Stop::new().expect("eventfd");
    let output = Output::file(Path::new("/dev/ptmx"), &stop).expect("a new terminal");
    let error = output
        .refuse_terminal("raw frames")
        .expect_err("refused")
        .to_string();
    assert!(
        error.starts_with("refusing to write raw frames to a terminal; redirect"),
        "{error}"
    );
}

#[test]
fn a_new_file_without_a_frame_is_removed_and_an_old_one_is_not() {
    let directory = tempfile::tempdir().expect("directory");
    let stop = Stop::new().expect("eventfd");
    let (new, old) = (directory.path().join("new"), directory.path().join("old"));
    fs::write(&old, "old").expect("written");
    for path in [&new, &old] {
        drop(Output::file(path, &stop).expect("output"));
    }
    assert!(!new.exists());
    assert_eq!(fs::read(&old).expect("still there"), b"");
    let mut output = Output::file(&new, &stop).expect("output");
    output.write_frame(&[b"frame"]).expect("written");
    drop(output);
    assert_eq!(fs::read(&new).expect("a file"), b"frame");
    fs::remove_file(&new).expect("removed");
    let output = Output::file(&new, &stop).expect("output");
    fs::remove_file(&new).expect("removed");
    fs::write(&new, "").expect("somebody else's");
    drop(output);
    assert!(new.exists());
}
