//! The segment as anybody sees it who knows only `docs/layout.md`: bytes of a file.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;

/// A field of a structure in the layout page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) structure: String,
    pub(crate) name: String,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

pub(crate) const HEADER: &str = "Header";
const PLANE: &str = "Plane";
const SLOT: &str = "Slot header";
const CLAIM: &str = "Claim record";
const RECORD: &str = "Consumer record";

/// Every field of the layout page.
pub(crate) fn fields() -> &'static [Field] {
    static FIELDS: LazyLock<Vec<Field>> =
        LazyLock::new(|| parse(include_str!("../../../docs/layout.md")));
    &FIELDS
}

fn parse(page: &str) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut structure = "";
    for line in page.lines() {
        if let Some((name, _)) = line
            .strip_prefix("## ")
            .and_then(|rest| rest.split_once(": "))
        {
            structure = name;
        }
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if let [_, offset, len, _, name, ..] = cells[..]
            && let (Ok(offset), Ok(len)) = (offset.parse(), len.parse())
        {
            fields.push(Field {
                structure: structure.to_owned(),
                name: name.trim_matches('`').to_owned(),
                offset,
                len,
            });
        }
    }
    fields
}

fn place(structure: &str, name: &str) -> &'static Field {
    type ByName = HashMap<(&'static str, &'static str), &'static Field>;
    static PLACES: LazyLock<ByName> = LazyLock::new(|| {
        let key = |field: &'static Field| (field.structure.as_str(), field.name.as_str());
        fields().iter().map(|field| (key(field), field)).collect()
    });
    PLACES
        .get(&(structure, name))
        .unwrap_or_else(|| panic!("the layout page has no {structure} {name}"))
}

/// A file whose numbers are read by their offset.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) File);

impl Raw {
    /// Reads a little-endian number of up to 8 bytes.
    pub(crate) fn number(&self, offset: u64, len: usize) -> u64 {
        let mut bytes = [0; 8];
        self.0
            .read_exact_at(&mut bytes[..len], offset)
            .expect("bytes of the segment");
        u64::from_le_bytes(bytes)
    }

    pub(crate) fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0
            .read_exact_at(&mut bytes, offset)
            .expect("bytes of the segment");
        bytes
    }
}

/// A segment's file; it goes on meaning the same segment when the name means another.
#[derive(Debug)]
pub(crate) struct RawSegment {
    pub(crate) raw: Raw,
}

impl RawSegment {
    /// Opens it for reading; fails when there is none, or it has no header yet.
    pub(crate) fn open(path: &Path) -> io::Result<RawSegment> {
        let file = File::open(path)?;
        let segment = RawSegment { raw: Raw(file) };
        if segment.raw.0.metadata()?.len() < 4096 || segment.header("abi") == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(segment)
    }

    /// Opens the file once more, for damaging it.
    pub(crate) fn writable(path: &Path) -> File {
        OpenOptions::new()
            .write(true)
            .open(path)
            .expect("a segment")
    }

    pub(crate) fn header(&self, name: &str) -> u64 {
        self.at(HEADER, 0, name)
    }

    pub(crate) fn slot(&self, slot: u8, name: &str) -> u64 {
        let base = self.header("slots_offset") + u64::from(slot) * self.header("slot_len");
        self.at(SLOT, base, name)
    }

    pub(crate) fn claim(&self, index: u8, name: &str) -> u64 {
        let base = self.header("claims_offset") + u64::from(index) * self.header("claim_len");
        self.at(CLAIM, base, name)
    }

    pub(crate) fn record(&self, index: u8, name: &str) -> u64 {
        self.at(RECORD, self.record_offset(index), name)
    }

    pub(crate) fn record_offset(&self, index: u8) -> u64 {
        self.header("records_offset") + u64::from(index) * self.header("record_pitch")
    }

    /// A field of a plane in the header's table.
    pub(crate) fn plane(&self, plane: u64, name: &str) -> u64 {
        let table = place(HEADER, "planes").offset;
        self.at(PLANE, table + plane * self.header("plane_len"), name)
    }

    fn at(&self, structure: &str, base: u64, name: &str) -> u64 {
        let field = place(structure, name);
        self.raw.number(base + field.offset, field.len)
    }
}
