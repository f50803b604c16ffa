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

#[test]
fn the_page_has_an_entry_for_every_finding() {
    let kinds = [
        "stuck-consumer",
        "dead-consumer",
        "slow-consumer",
        "starved",
        "producer-stalled",
        "producer-gone",
        "unlinked-segment",
        "shm-nearly-full",
        "trigger-backlog",
        "layout-mismatch",
    ];
    for kind in kinds {
        assert!(PAGE.contains(&format!("### {kind}\n")), "{kind}");
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
