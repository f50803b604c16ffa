//! The OpenCV sources, on footage that the tests make themselves.

mod end_to_end;
mod errors;
mod files;
mod footage;
mod pipelines;
mod streams;
