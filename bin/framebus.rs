//! The `framebus` command.
fn main() {}
