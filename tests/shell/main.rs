//! The verbs, as a shell and a script use them: real processes, real exit codes.

mod configuration;
mod containers;
mod examples;
mod harness;
mod recipes;
mod recordings;
mod service;
mod sinks;
mod verbs;
