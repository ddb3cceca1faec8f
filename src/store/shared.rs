//! Reports rooms that guests without ids seem to share; part of the check of either store.

use crate::engine::{RoomState, Rules};
use crate::finding::{Finding, Level, Report};
use crate::types::{RoomKey, counted};

use super::StoreError;

/// What the findings are about.
pub(super) const ABOUT: &str = "shared rooms";

/// The most rooms that the finding lists.
const LISTED: usize = 10;

/// Reports how many rooms guests without ids seem to share. `load` passes the state of every room.
pub(super) fn report_rooms(
    rules: &Rules,
    report: Report<'_>,
    load: impl FnOnce(&mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError>,
) {
    let mut shared: Vec<RoomKey> = Vec::new();
    let loaded = load(&mut |room, state| {
        if state.occupancy.seems_shared(rules.match_seconds) {
            shared.push(room);
        }
    });
    match loaded {
        Ok(()) => {}
        // The service would not start with it.
        Err(error @ (StoreError::Unreadable(_) | StoreError::NewerState { .. })) => {
            return report(Finding::new(Level::Wrong, ABOUT, error.to_string()));
        }
        // Another part of the check reports a missing table, column or right with its remedy.
        Err(_) => return,
    }
    if shared.is_empty() {
        return;
    }
    shared.sort_unstable();
    let listed = shared.iter().take(LISTED).map(|room| format!("\"{room}\""));
    let listed: Vec<String> = listed.collect();
    let more = match shared.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let says = format!(
        "in {} guests without stay_id seem to have been in at the same time: there the later one \
         is taken for the only one, and one check-out for the last: {}{more}",
        counted(shared.len(), "room"),
        listed.join(", ")
    );
    report(Finding::new(Level::Warning, ABOUT, says).remedy(
        "have the property management system send stay_id with every check-in and check-out \
         (message_fields.stay_id names the field)",
    ));
}
