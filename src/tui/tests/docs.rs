//! `docs/top.md` names what there is.

use super::super::keys::{KEYS, Screen};

const PAGE: &str = include_str!("../../../docs/top.md");

#[test]
fn the_page_names_every_key() {
    for binding in KEYS {
        for label in binding.label.split(' ') {
            assert!(
                PAGE.contains(&format!("`{label}`")),
                "{label} ({})",
                binding.help
            );
        }
    }
}

use framebus::observe::FINDING_KINDS as KINDS;

#[test]
fn the_page_has_an_entry_for_every_finding() {
    for kind in KINDS {
        assert!(PAGE.contains(&format!("### {kind}\n")), "{kind}");
    }
}

#[test]
fn every_kind_that_the_findings_are_made_of_is_known_here() {
    let source = include_str!("../../../crates/framebus/src/observe/findings.rs");
    let starts = source
        .split("add(")
        .chain(source.split("Some(("))
        .map(str::trim_start);
    let made = starts.filter_map(|rest| rest.strip_prefix('"')?.split('"').next());
    let made: Vec<_> = made.collect();
    assert!(made.len() >= KINDS.len(), "{made:?}");
    for kind in made {
        assert!(KINDS.contains(&kind), "{kind}");
    }
}

#[test]
fn the_page_describes_every_screen() {
    for screen in Screen::ALL {
        assert!(
            PAGE.contains(&format!("| {} |", screen.name())),
            "{screen:?}"
        );
    }
}
