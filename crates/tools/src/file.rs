//! Files that are read: only what is a file, and never more of it than it may have.
//!
//! A name that a person gives may be that of a pipe, a terminal or `/dev/zero`. Opening or reading one of these as if it
//! were a file waits, or eats memory, for ever; so the kind is looked at before and after opening, opening does not wait,
//! and there is a bound on what is read.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use crate::system::{is_null, open_at_once, what_it_is};

/// Opens a regular file for reading. Never waits: what is no regular file is refused.
///
/// # Errors
/// As `open` does, and with a text such as "it is a pipe, not a file".
pub fn open(path: &Path) -> io::Result<File> {
    expect_file(&fs::metadata(path)?)?;
    let file = open_at_once(path)?;
    // The name may be another file's by now.
    expect_file(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `most` bytes.
///
/// # Errors
/// As [`open`] and `read` do, and when it has more bytes.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let len = file.metadata()?.len();
    if len > most {
        return Err(too_long(most));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
    // It may grow while it is read.
    file.take(most + 1).read_to_end(&mut bytes)?;
    bounded(bytes, most)
}

/// Reads a text of at most `most` bytes; that of `/dev/null` is empty. Not from a pipe: it could be read only once, and a
/// configuration is read by `framebus` and by the worker that it hands over to.
///
/// # Errors
/// As [`read`] does, and when it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = match is_null(path)? {
        true => Vec::new(),
        false => read(path, most)?,
    };
    String::from_utf8(bytes).map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text"))
}

fn expect_file(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let what = match kind {
        _ if kind.is_file() => return Ok(()),
        _ if kind.is_dir() => "a directory",
        _ => what_it_is(kind),
    };
    let text = format!("it is {what}, not a file");
    Err(io::Error::new(ErrorKind::InvalidInput, text))
}

fn bounded(bytes: Vec<u8>, most: u64) -> io::Result<Vec<u8>> {
    if bytes.len() as u64 > most {
        return Err(too_long(most));
    }
    Ok(bytes)
}

fn too_long(most: u64) -> io::Error {
    let text = format!("it has more than {most} bytes");
    io::Error::new(ErrorKind::FileTooLarge, text)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    fn fifo(path: &Path) {
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
    }

    fn refusal<T: std::fmt::Debug>(result: io::Result<T>) -> String {
        result.expect_err("refused").to_string()
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("pipe");
        fifo(&path);
        assert_eq!(refusal(open(&path)), "it is a pipe, not a file");
        let device = Path::new("/dev/zero");
        assert_eq!(refusal(open(device)), "it is a device, not a file");
        assert_eq!(refusal(read_text(device, 9)), "it is a device, not a file");
        assert_eq!(
            refusal(read(directory.path(), 9)),
            "it is a directory, not a file"
        );
        assert_eq!(
            read_text(Path::new("/dev/null"), 9).expect("nothing"),
            String::new()
        );
    }

    #[test]
    fn nothing_is_read_beyond_the_bound() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a");
        fs::write(&path, "123456789").expect("write");
        assert_eq!(read_text(&path, 9).expect("a text"), "123456789");
        assert_eq!(refusal(read(&path, 8)), "it has more than 8 bytes");
        fs::write(&path, b"\xff").expect("write");
        assert_eq!(refusal(read_text(&path, 8)), "it is no text");
    }
}
