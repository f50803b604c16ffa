//! Table 2, for whoever knows only that.

use crate::lease::Ticket;
use crate::shm::Regions;
use crate::sync::Ordering::Relaxed;

/// Brings Table 2 up to date for anybody who knows only that.
pub(super) fn keep_table2(regions: &Regions, latest_slot: u8) {
    let layout = regions.layout();
    let mut users = [0u8; 256];
    for consumer in 0..layout.consumers {
        if let Some(ticket) = Ticket::unpack(regions.record(consumer).lease.load(Relaxed)) {
            users[usize::from(ticket.slot)] += 1;
        }
    }
    let table2 = regions.table2();
    for (cell, count) in table2
        .shared_buffers_idx_in_use
        .iter()
        .zip(users)
        .take(layout.slots.into())
    {
        if cell.load(Relaxed) != count {
            cell.store(count, Relaxed);
        }
    }
    table2
        .shared_latest_cam_buffer_idx
        .store(latest_slot, Relaxed);
}
