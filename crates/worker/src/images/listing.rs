//! Which files a sequence has.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use framebus::source::{NumberedName, SourceError, SourceSpec};

use super::order::Order;
use super::{EXTENSIONS, is_image};
use crate::check::cannot_read;

/// Where the files of a sequence are found.
pub(super) enum Listing {
    One(PathBuf),
    /// Those with a number in their name.
    Many(Pattern),
    /// Those that match a pattern of the shell.
    Matches(String),
    /// All images of a directory.
    All(PathBuf),
}

/// A file, and where it is in the sequence.
pub(super) type Placed = (Order, PathBuf);

/// `img_%04d.png` in a directory, taken apart.
pub(super) struct Pattern {
    shown: String,
    directory: PathBuf,
    before: String,
    after: String,
    /// How many digits a number has at least.
    digits: usize,
}

impl Listing {
    pub(super) fn of(spec: &SourceSpec) -> Result<Listing, SourceError> {
        match spec {
            SourceSpec::Images(path) if path.is_dir() => Ok(Listing::All(path.clone())),
            SourceSpec::Images(path) => match path.to_str() {
                Some(text) if NumberedName::of(text).is_none() => Ok(Listing::Matches(text.into())),
                _ => Pattern::of(path).map(Listing::Many),
            },
            SourceSpec::File(path) => Ok(Listing::One(path.clone())),
            _ => unusable(format!("{spec} is not an image")),
        }
    }

    /// Lists the files in their order.
    pub(super) fn files(&self) -> Result<Vec<Placed>, SourceError> {
        match self {
            Listing::One(path) => {
                fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
                Ok(vec![(Order::of_number(0), path.clone())])
            }
            Listing::Many(pattern) => pattern.files(),
            Listing::Matches(pattern) => matches(pattern),
            Listing::All(directory) => images_in(directory),
        }
    }
}

/// The files that match a pattern.
fn matches(pattern: &str) -> Result<Vec<Placed>, SourceError> {
    let found = glob::glob(pattern).or_else(|error| {
        let why = error.msg;
        unusable(format!("the images {pattern} cannot be opened: {why}"))
    })?;
    let mut files = Vec::new();
    for path in found {
        let path = path.map_err(|error| cannot_read(error.path(), error.error()))?;
        if path.is_file() {
            files.push((Order::of_path(&path), path));
        }
    }
    files.sort();
    if files.is_empty() {
        return unusable(format!(
            "no file matches {pattern}; check the directory and the name"
        ));
    }
    Ok(files)
}

/// The images of a directory, by their names.
fn images_in(directory: &Path) -> Result<Vec<Placed>, SourceError> {
    let failed = |error| cannot_read(directory, &error);
    let mut files = Vec::new();
    let mut others = 0;
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map_or(b"".as_slice(), OsStr::as_bytes);
        if is_image(&path) && path.is_file() && !name.starts_with(b".") {
            files.push((Order::of_path(&path), path));
        } else {
            others += 1;
        }
    }
    files.sort();
    if files.is_empty() {
        let shown = directory.display();
        return unusable(match others {
            0 => format!("the directory {shown} is empty: there is no image in it"),
            _ => format!(
                "the directory {shown} has no image in it: no file ends with {} or another name of images",
                EXTENSIONS[..4].join(", ")
            ),
        });
    }
    Ok(files)
}

impl Pattern {
    fn of(path: &Path) -> Result<Pattern, SourceError> {
        let shown = path.display().to_string();
        let Some(parts) = path.to_str().and_then(NumberedName::of) else {
            return unusable(format!(
                "the images {shown} cannot be opened: their name has no number such as %04d"
            ));
        };
        let name = path.file_name().map_or(b"".as_slice(), OsStr::as_bytes);
        let number = &name[parts.before.len()..name.len() - parts.after.len()];
        let digits = number.iter().filter(|byte| byte.is_ascii_digit());
        let digits = digits.fold(0, |sum, digit| 10 * sum + usize::from(digit - b'0'));
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Pattern {
            directory,
            before: parts.before.to_owned(),
            after: parts.after.to_owned(),
            digits,
            shown,
        })
    }

    fn files(&self) -> Result<Vec<Placed>, SourceError> {
        let failed = |error| cannot_read(&self.directory, &error);
        let mut files = Vec::new();
        let mut other_digits = None;
        for entry in fs::read_dir(&self.directory).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(digits) = self.digits_of(name.as_bytes()) else {
                continue;
            };
            // A larger number than that counts nothing.
            let Ok(number) = digits.parse() else {
                continue;
            };
            if self.is_written(digits) {
                files.push((Order::of_number(number), self.directory.join(&name)));
            } else {
                other_digits = other_digits.into_iter().chain([name]).min();
            }
        }
        files.sort();
        match other_digits {
            _ if !files.is_empty() => Ok(files),
            Some(name) => unusable(format!(
                "no image matches {}, but {} does with other digits: give {}%d{}",
                self.shown,
                name.to_string_lossy(),
                self.before,
                self.after
            )),
            None => unusable(format!(
                "no image matches {}; check the directory and the name",
                self.shown
            )),
        }
    }

    /// The digits of a name that has the rest of the pattern.
    fn digits_of<'a>(&self, name: &'a [u8]) -> Option<&'a str> {
        let digits = name
            .strip_prefix(self.before.as_bytes())?
            .strip_suffix(self.after.as_bytes())?;
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        std::str::from_utf8(digits).ok().filter(|_| is_number)
    }

    /// Whether a number is written as the pattern says: `%04d` has 4 digits, or more without a zero; `%d` takes any.
    fn is_written(&self, digits: &str) -> bool {
        self.digits <= 1
            || digits.len() == self.digits
            || digits.len() > self.digits && !digits.starts_with('0')
    }
}

fn unusable<T>(text: String) -> Result<T, SourceError> {
    Err(SourceError::Unusable(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(pattern: &str, files: &[&str]) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().expect("a directory");
        for name in files {
            fs::write(directory.path().join(name), "").expect("a file");
        }
        let spec = SourceSpec::Images(directory.path().join(pattern));
        let listing = Listing::of(&spec).map_err(|error| error.to_string())?;
        let files = listing.files().map_err(|error| error.to_string())?;
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into());
        Ok(files.iter().filter_map(|(_, path)| name(path)).collect())
    }

    #[test]
    fn files_come_by_number_whatever_the_first_is_and_over_gaps() {
        let found = names(
            "img_%d.png",
            &[
                "img_10.png",
                "img_9.png",
                "img_0007.png",
                "img_x.png",
                "img_.png",
                "img_5.jpg",
            ],
        );
        let wanted = ["img_0007.png", "img_9.png", "img_10.png"];
        assert_eq!(found.expect("images"), wanted);
    }

    #[test]
    fn a_directory_and_a_pattern_are_in_natural_order() {
        let files = ["b2.png", "b10.JPG", "a.png", "notes.txt", ".b1.png"];
        let wanted = ["a.png", "b2.png", "b10.JPG"];
        assert_eq!(names("", &files).expect("images"), wanted);
        let wanted = ["b2.png", "b10.JPG"];
        assert_eq!(names("b[0-9]*", &files).expect("images"), wanted);
        let said = names("c*.png", &files).expect_err("none");
        assert!(said.contains("no file matches"), "{said}");
        let said = names("", &[]).expect_err("none");
        assert!(said.contains("is empty"), "{said}");
        let said = names("", &["notes.txt"]).expect_err("none");
        assert!(said.contains("has no image in it"), "{said}");
    }

    #[test]
    fn padded_numbers_have_as_many_digits_as_the_pattern_says_or_more() {
        let files = ["a0001.png", "a10000.png", "a2.png", "a00003.png"];
        let found = names("a%04d.png", &files);
        assert_eq!(found.expect("images"), ["a0001.png", "a10000.png"]);
        let said = names("a%04d.png", &["a2.png"]).expect_err("other digits");
        assert!(
            said.contains("but a2.png does with other digits: give a%d.png"),
            "{said}"
        );
        let said = names("a%04d.png", &[]).expect_err("none");
        assert!(said.contains("no image matches"), "{said}");
    }
}
