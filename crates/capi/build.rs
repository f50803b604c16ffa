//! Gives the shared library the name that programs ask the loader for: its number is the major version, as
//! bin/install-capi links it and CMake is told.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        let major = env!("CARGO_PKG_VERSION_MAJOR");
        println!("cargo::rustc-cdylib-link-arg=-Wl,-soname,libframebus.so.{major}");
    }
}
