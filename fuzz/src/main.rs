//! libFuzzer's program. `FRAMEBUS_FUZZ_TARGET` names the target; `bin/fuzz` says how it is built and run.

#![no_main]
// The macro exports a function by its name, which counts as unsafe.
#![allow(unsafe_code)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| framebus_fuzz::target().run(data));
