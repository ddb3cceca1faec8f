//! The incidents that a batch changes.

use std::collections::HashMap;

use crate::engine::{Incident, IncidentEvent, Notice};
use crate::rooms::Rooms;
use crate::types::RoomKey;

/// The incidents that a batch changes, each as it is after the batch.
#[derive(Default)]
pub(super) struct ChangedIncidents {
    changed: Vec<Incident>,
    /// The places in the list, by room.
    by_place: HashMap<RoomKey, Vec<usize>>,
    events: Vec<IncidentEvent>,
}

impl ChangedIncidents {
    /// Takes a notice: it opens an incident, is one more event of it, or ends it.
    pub(super) fn take(&mut self, notice: &Notice, rooms: &Rooms) {
        let Some(place) = Incident::place(notice) else {
            return;
        };
        let here = self.by_place.entry(place).or_insert_with_key(|place| {
            // With the one that is open before the batch.
            let known = rooms.incident(place);
            let first = self.changed.len();
            self.changed.extend(known);
            (first..self.changed.len()).collect()
        });
        let is_its = |at: &usize| self.changed[*at].is_open() && self.changed[*at].has(notice);
        let at = here.iter().copied().find(is_its);
        let open = at.map(|at| self.changed[at].clone());
        let Some((after, event)) = Incident::follow(open, notice) else {
            return;
        };
        self.events.push(event);
        match at {
            Some(at) => self.changed[at] = after,
            None => {
                here.push(self.changed.len());
                self.changed.push(after);
            }
        }
    }

    /// What is to be written: each incident once, and what became of them.
    pub(super) fn finish(self) -> (Vec<Incident>, Vec<IncidentEvent>) {
        (self.changed, self.events)
    }
}
