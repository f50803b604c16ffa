//! The verbs, as a shell and a script use them: real processes, real exit codes.

mod bench;
mod cameras;
mod configuration;
mod containers;
mod examples;
mod harness;
mod inputs;
mod packages;
mod recipes;
mod recordings;
mod screen;
mod service;
mod sinks;
mod verbs;
mod windows;
