//! A plane that somebody needs and that a bus has not.

use thiserror::Error;

use super::BusName;
use crate::layout::{Layout, Plane, PlaneSpec};

/// A bus has not the planes that somebody needs of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "bus {bus} has no plane{s} {missing}: it has {there}; start its producer with --planes {all}",
    s = if .wanted.len() == 1 { "" } else { "s" },
    missing = names(.wanted, ", "),
    there = if .there.is_empty() { "none in every slot".to_owned() } else { names(.there, ", ") },
    all = names(.there.iter().chain(.wanted), ","),
)]
#[non_exhaustive]
pub struct NoPlane {
    /// The bus.
    pub bus: BusName,
    /// What it has not.
    pub wanted: Vec<PlaneSpec>,
    /// What it has, in every slot.
    pub there: Vec<PlaneSpec>,
}

pub(super) fn names<'a>(specs: impl IntoIterator<Item = &'a PlaneSpec>, between: &str) -> String {
    let names: Vec<String> = specs.into_iter().map(ToString::to_string).collect();
    names.join(between)
}

impl NoPlane {
    pub(super) fn new(bus: &BusName, layout: &Layout, wanted: Vec<PlaneSpec>) -> NoPlane {
        let in_every_slot = |plane: &&Plane| !plane.one_for_all;
        let planes = layout.planes.iter().filter(in_every_slot);
        NoPlane {
            bus: bus.clone(),
            wanted,
            there: planes
                .filter_map(|plane| PlaneSpec::of(plane, layout.geometry))
                .collect(),
        }
    }

    /// Looks whether there is all that somebody needs.
    pub(super) fn check(
        bus: &BusName,
        layout: &Layout,
        needs: &[PlaneSpec],
    ) -> Result<(), NoPlane> {
        let is_missing = |spec: &&PlaneSpec| layout.planes.find(spec, layout.geometry).is_none();
        let wanted: Vec<PlaneSpec> = needs.iter().filter(is_missing).copied().collect();
        if wanted.is_empty() {
            return Ok(());
        }
        Err(NoPlane::new(bus, layout, wanted))
    }
}
