//! What the cameras see and how the buses are, over HTTP, for a browser and for programs that know cameras with addresses.
//!
//! # What is guaranteed
//!
//! - It observes: no index, no lease, no lock, and a request can change nothing.
//! - One JPEG is made of a frame for each size, quality and colour, whoever watches; while nobody watches, nothing is read.
//! - A viewer gets the newest frame that there is when it has taken the one before, never a queue.
//! - Who may ask what is in [`Gate`].
//!
//! | file | what |
//! |---|---|
//! | `gate` | hosts, origins, the token |
//! | `query` | `?fps=5&width=320` |
//! | `route` | what an address means |
//! | `cameras`, `eye` | which buses are watched, and the thread that looks at each |
//! | `want` | a picture that is wanted, and those who want it |
//! | `shot`, `shrink` | a picture as JPEG |
//! | `looker` | the thread that takes snapshots |
//! | `health` | whether the buses are well |
//! | `site` | puts these together |

mod cameras;
mod eye;
mod gate;
mod health;
mod looker;
mod query;
mod route;
mod shot;
mod shrink;
mod site;
mod want;

pub(crate) use gate::{Gate, read_token};
pub(crate) use site::{Settings, serve};
