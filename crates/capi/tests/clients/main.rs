//! The clients in other languages: compiled, run, and held to the same guarantees.

mod c;
mod conformance;
mod cpp;
mod csharp;
mod documented;
mod installed;
mod nuget;
mod python;
mod python_capture;
mod python_lockstep;
mod python_package;
mod support;
