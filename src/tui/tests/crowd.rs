//! One consumer, a dozen, sixty; few slots and many: who is in trouble is seen at every size.

use framebus::observe::{Consumer, ConsumerState, Finding, Severity, Slot, SlotState};
use insta::assert_snapshot;

use super::*;

/// The bus of the fixture with this many consumers and five slots more, or six. From a dozen on the last but one hangs, and the one
/// before it is slow.
fn crowd(count: u8) -> Snapshot {
    let mut now = fixture::live();
    let worker = now.consumers[1].clone();
    let consumer = |index: u8| Consumer {
        index,
        name: format!("north-gate-worker-{index}"),
        pid: 5000 + u32::from(index),
        state: ConsumerState::Waiting,
        slot: None,
        held_ms: None,
        held_sequence: None,
        ..worker.clone()
    };
    now.consumers = (0..count).map(consumer).collect();
    let free = |slot: u8| Slot {
        slot,
        state: SlotState::Free,
        references: 0,
        sequence: Some(120_000 + u64::from(slot)),
        age_ms: Some(900.0),
        holders: vec![],
    };
    now.slots = (0..count + 5 + u8::from(count > 50)).map(free).collect();
    now.slots[1].state = SlotState::Latest;
    if count >= 12 {
        let (slow, stuck) = (count - 3, count - 2);
        now.consumers[usize::from(slow)].state = ConsumerState::Slow;
        now.consumers[usize::from(slow)].busy_per_period = Some(2.9);
        let hangs = &mut now.consumers[usize::from(stuck)];
        (hangs.state, hangs.slot, hangs.held_ms) = (ConsumerState::Stuck, Some(3), Some(9_000.0));
        now.slots[3].state = SlotState::Held;
        now.slots[3].references = 1;
        now.slots[3].holders = vec![stuck];
        now.findings = vec![Finding {
            kind: "stuck-consumer".into(),
            severity: Severity::Warning,
            consumer: Some(stuck),
            text: format!("{stuck} north-gate-worker-{stuck} has held slot 3 for 9.0 s"),
        }];
    }
    now.slots_free = now
        .slots
        .iter()
        .filter(|slot| slot.state == SlotState::Free)
        .count() as u32;
    now
}

const SIZES: [(u16, u16); 5] = [(60, 15), (80, 24), (100, 30), (120, 40), (200, 60)];

#[test]
fn the_overview_with_one_four_a_dozen_and_sixty_consumers() {
    for count in [1, 4, 12, 60] {
        let model = model(crowd(count));
        for (width, height) in SIZES {
            let text = draw(&model, width, height);
            assert_snapshot!(format!("crowd_{count}_{width}x{height}"), text);
        }
    }
}

#[test]
fn the_slots_of_few_and_of_many_consumers() {
    for count in [1, 60] {
        let mut model = model(crowd(count));
        type_in(&mut model, "3");
        for (width, height) in SIZES {
            let text = draw(&model, width, height);
            let slots = model.shown().map_or(0, |now| now.slots.len());
            assert_snapshot!(format!("slots_{slots}_{width}x{height}"), text);
        }
    }
}

#[test]
fn at_every_size_the_stuck_one_is_the_first_row_and_the_slow_one_the_second() {
    for count in [12, 60] {
        let model = model(crowd(count));
        for (width, height) in SIZES {
            let text = draw(&model, width, height);
            let mut rows = text.lines().skip_while(|line| !line.contains("S ID NAME"));
            let (stuck, slow) = (rows.nth(1).expect("a row"), rows.next().expect("a row"));
            assert!(stuck.contains(&format!("K {:>2} ", count - 2)), "{text}");
            assert!(slow.contains(&format!("S {:>2} ", count - 3)), "{text}");
        }
    }
}

#[test]
fn at_80_columns_triggers_and_cpu_are_on_the_first_screen() {
    let text = draw(&model(crowd(60)), 80, 24);
    assert!(text.contains("TRIG/s") && text.contains("CPU%"), "{text}");
}

#[test]
fn names_that_belong_together_are_told_apart() {
    let text = draw(&model(crowd(60)), 60, 15);
    assert!(text.contains("-58 ") && text.contains("-57 "), "{text}");
}
