//! The header is generated and committed.

use std::path::Path;

/// Holds the committed header equal to the code; `UPDATE_GOLDEN=1 cargo test -p framebus-capi --test header` rewrites it.
#[test]
fn the_header_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
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
