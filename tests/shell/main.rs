//! The verbs, as a shell and a script use them: real processes, real exit codes.

mod bench;
mod buses;
mod cameras;
mod configuration;
mod containers;
mod dependencies;
mod encrypted;
mod examples;
mod films;
mod harness;
mod inputs;
mod packages;
mod planes;
mod recipes;
mod recordings;
mod screen;
mod seed;
mod service;
mod sinks;
mod verbs;
mod windows;
