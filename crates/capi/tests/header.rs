//! The header is generated and committed.

use std::path::Path;

use framebus::layout::Format;

/// Holds the committed header equal to the code; `UPDATE_GOLDEN=1 cargo test -p framebus-capi --test header` rewrites it.
#[test]
fn the_header_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut config =
        cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    config.after_includes = Some(formats());
    // The modules are found from there.
    let builder = cbindgen::Builder::new()
        .with_config(config)
        .with_src(root.join("src/lib.rs"));
    let mut generated = Vec::new();
    builder.generate().expect("a header").write(&mut generated);
    let path = root.join("include/framebus.h");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &generated).expect("include/framebus.h can be written");
    }
    let committed = std::fs::read(&path).expect("include/framebus.h");
    assert!(
        committed == generated,
        "include/framebus.h has drifted: run UPDATE_GOLDEN=1 cargo test -p framebus-capi --test header"
    );
}

/// What the constant of a format is called: FRAMEBUS_FORMAT_NV12.
fn constant(format: Format) -> String {
    format!("FRAMEBUS_FORMAT_{}", name(format).to_uppercase())
}

fn name(format: Format) -> &'static str {
    format.name().expect("a format of the table has a name")
}

/// The formats of the Rust table, for the header.
fn formats() -> String {
    let mut text = "\n// Formats of planes, each a fourcc.\n".to_owned();
    for format in Format::all() {
        let (name, word) = (constant(format), format.word());
        text += &format!("#define {name} 0x{word:08x}u // {}\n", format.fourcc());
    }
    text
}

/// Holds a part of a file equal to what the Rust table says, or writes it there; nothing else names the formats.
fn hold(path: &str, begin: &str, end: &str, formats: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let text = std::fs::read_to_string(&path).expect("the file");
    let (before, rest) = text
        .split_once(begin)
        .expect("the beginning of the formats");
    let (committed, after) = rest.split_once(end).expect("the end of the formats");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = format!("{before}{begin}{formats}{end}{after}");
        std::fs::write(&path, text).expect("written");
        return;
    }
    assert_eq!(
        committed,
        formats,
        "{} has other formats than Format::all(): run UPDATE_GOLDEN=1 cargo test -p framebus-capi --test header",
        path.display()
    );
}

#[test]
fn the_formats_of_cpp_are_those_of_the_table() {
    let mut formats = String::new();
    for format in Format::all() {
        let (name, constant) = (name(format), constant(format));
        formats += &format!("constexpr std::uint32_t {name} = {constant};\n");
    }
    hold(
        "clients/cpp/include/framebus.hpp",
        "namespace format {\n",
        "} // namespace format\n",
        &formats,
    );
}

#[test]
fn the_formats_of_csharp_are_those_of_the_table() {
    let mut formats = String::new();
    for format in Format::all() {
        let name = name(format);
        let pascal = name[..1].to_uppercase() + &name[1..];
        let (fourcc, word) = (format.fourcc(), format.word());
        formats += &format!(
            "        /// <summary>\"{name}\": the fourcc {}.</summary>\n        public const uint {pascal} = 0x{word:08x};\n",
            fourcc.trim_end()
        );
    }
    hold(
        "clients/csharp/src/Format.cs",
        "    public static class Format\n    {\n",
        "    }\n",
        &formats,
    );
}
