//! The headless worker.
fn main() {}
