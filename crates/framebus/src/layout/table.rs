//! `docs/layout.md`, rendered from the structures themselves.

use std::fmt::Write;

use super::macros::Field;
use super::{
    ABI_MAJOR, ABI_MINOR, ClaimRecord, ConsumerRecord, Format, Header, Histogram, PlaneEntry,
    RECORD_PITCH, Shape, SlotHeader, Table2,
};

/// Renders the layout of a segment as Markdown: the text of `docs/layout.md`.
#[must_use]
pub fn layout_document() -> String {
    let mut text = format!(
        "<!-- Generated from crates/framebus/src/layout by `cargo test`; do not edit. -->\n\n\
         # Layout of a segment, version {ABI_MAJOR}.{ABI_MINOR}\n\n\
         One POSIX shared-memory object a bus, `/framebus.<bus>`. Little-endian. Consumer records and images start on\n\
         multiples of `record_pitch` ({RECORD_PITCH}), so that they do on every machine's pages; rows are packed, as OpenCV's\n\
         are. Readers take offsets, counts and pitches from the header and never derive them.\n\n\
         | region | offset | written by | mapped by a consumer | mapped by an observer |\n\
         |---|---|---|---|---|\n\
         | Table 2, then the header | 0, 512 | producer | read-only | read-only |\n\
         | slot headers | `slots_offset` | producer | read-only | read-only |\n\
         | claim records | `claims_offset` | producer | read-only | read-only |\n\
         | consumer records | `records_offset` + index * `record_pitch` | consumer i writes record i; the producer clears it once i \
         is gone | read-only, its own record read-write | read-only |\n\
         | plane p, for each of `plane_count` | `planes[p].offset` + slot * `planes[p].pitch` | producer | read-only | read-only |\n\n\
         ## Formats of planes\n\n\
         | fourcc | `--planes` | stride | rows |\n\
         |---|---|---|---|\n"
    );
    for format in Format::all() {
        let (stride, rows) = match format.shape() {
            Some(Shape::Packed(1)) => ("width".to_owned(), "height"),
            Some(Shape::Packed(bytes)) => (format!("{bytes} * width"), "height"),
            Some(Shape::Luma420) => ("width".to_owned(), "height * 3 / 2"),
            Some(Shape::Bytes) | None => ("width, the most bytes of a frame".to_owned(), "1"),
        };
        let name = format.name().unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{}` | `{name}` | {stride} | {rows} |",
            format.fourcc()
        );
    }
    structure(
        &mut text,
        "Table 2",
        size_of::<Table2>(),
        0,
        Table2::ABOUT,
        Table2::FIELDS,
    );
    structure(
        &mut text,
        "Header",
        size_of::<Header>(),
        size_of::<Table2>(),
        Header::ABOUT,
        Header::FIELDS,
    );
    structure(
        &mut text,
        "Plane",
        size_of::<PlaneEntry>(),
        0,
        PlaneEntry::ABOUT,
        PlaneEntry::FIELDS,
    );
    structure(
        &mut text,
        "Slot header",
        size_of::<SlotHeader>(),
        0,
        SlotHeader::ABOUT,
        SlotHeader::FIELDS,
    );
    structure(
        &mut text,
        "Claim record",
        size_of::<ClaimRecord>(),
        0,
        ClaimRecord::ABOUT,
        ClaimRecord::FIELDS,
    );
    structure(
        &mut text,
        "Consumer record",
        size_of::<ConsumerRecord>(),
        0,
        ConsumerRecord::ABOUT,
        ConsumerRecord::FIELDS,
    );
    structure(
        &mut text,
        "Histogram",
        size_of::<Histogram>(),
        0,
        Histogram::ABOUT,
        Histogram::FIELDS,
    );
    text.push_str(
        "\nBuckets: `units = ns >> 5`; below 8 the bucket is `units`; else with `e = floor(log2(units))` it is\n\
         `8 * (e - 2) + ((units >> (e - 3)) & 7)`, at most 231.\n",
    );
    text.push_str(include_str!("seed.md"));
    text
}

fn structure(
    text: &mut String,
    name: &str,
    size: usize,
    base: usize,
    about: &[&str],
    fields: &[Field],
) {
    let sentence: String = about.concat();
    let _ = writeln!(
        text,
        "\n## {name}: {size} bytes\n\n{}\n\n| offset | bytes | type | name | meaning |\n|---|---|---|---|---|",
        sentence.trim()
    );
    for field in fields {
        let doc: String = field.doc.concat();
        let kind = kind(field.kind);
        let _ = writeln!(
            text,
            "| {} | {} | {kind} | `{}` | {} |",
            base + field.offset,
            field.size,
            field.name,
            doc.trim()
        );
    }
}

/// Turns a Rust type into the words of a table: `[AtomicU8; 255]` → `u8[255]`.
fn kind(rust: &str) -> String {
    let plain = rust
        .replace("Atomic", "")
        .replace('U', "u")
        .replace("I32", "i32");
    if let Some((element, count)) = plain.trim_matches(['[', ']']).split_once("; ") {
        return format!("{element}[{count}]")
            .replace("BuCKETS", &super::BUCKETS.to_string())
            .replace("Planes::MAX", &super::Planes::MAX.to_string());
    }
    match plain
        .strip_prefix("Text<")
        .and_then(|rest| rest.strip_suffix('>'))
    {
        Some(count) => format!("text[{count}]"),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    /// Holds the committed page equal to the code; `UPDATE_GOLDEN=1 cargo test` rewrites it.
    #[test]
    fn the_layout_page_is_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/layout.md");
        let rendered = super::layout_document();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &rendered).expect("docs/layout.md can be written");
        }
        let committed = std::fs::read_to_string(path).expect("docs/layout.md");
        assert!(
            committed == rendered,
            "docs/layout.md has drifted: run UPDATE_GOLDEN=1 cargo test layout_page"
        );
    }
}
