//! The worker's sources, on footage that the tests make themselves.

mod decoded;
mod end_to_end;
mod errors;
mod files;
mod footage;
mod images;
mod mutated;
mod opencvs_gray;
mod parts;
mod pipelines;
mod planes;
mod produced;
mod streams;
