//! The incidents that a batch changes.

use std::collections::HashMap;

use crate::engine::{ActRefused, Incident, IncidentEvent, IncidentKey, Notice};
use crate::rooms::Rooms;
use crate::types::{LocalTime, RoomKey};

use super::ActRequest;

/// The incidents that a batch changes, each as it is after the batch.
#[derive(Default)]
pub(super) struct ChangedIncidents {
    changed: Vec<Incident>,
    /// The places in the list, by room.
    by_place: HashMap<RoomKey, Vec<usize>>,
    events: Vec<IncidentEvent>,
}

impl ChangedIncidents {
    /// Takes a notice: it opens an incident, is one more event of it, or ends it. That of the end
    /// says who had taken care of it: nothing else that is kept in memory does by then.
    pub(super) fn take(&mut self, notice: &mut Notice, rooms: &Rooms) {
        let Some(place) = Incident::place(notice) else {
            return;
        };
        let at = self.find(&place, rooms, |it| it.is_open() && it.has(notice));
        let open = at.map(|at| self.changed[at].clone());
        let Some((after, event)) = Incident::follow(open, notice) else {
            return;
        };
        if !after.is_open() {
            notice.set_handling(after.handling());
        }
        self.add(at, after, event);
    }

    /// Takes what somebody does to an incident that is stored like this. One that this batch has
    /// changed is taken as it is by now.
    pub(super) fn act(
        &mut self,
        request: &ActRequest,
        stored: Incident,
        rooms: &Rooms,
        now: LocalTime,
    ) -> Result<(), ActRefused> {
        let is_done = |event: &IncidentEvent| {
            event.request_id.as_deref() == Some(request.request_id.as_str())
        };
        if self.events.iter().any(is_done) {
            return Ok(());
        }
        let at = self.find(&stored.key.place, rooms, |it| it.key == stored.key);
        let before = at.map_or(stored, |at| self.changed[at].clone());
        let (after, mut event) = before.acted(&request.act, &request.by, now)?;
        event.request_id = Some(request.request_id.clone());
        self.add(at, after, event);
        Ok(())
    }

    /// Takes what becomes of an incident by time alone.
    pub(super) fn take_due(&mut self, after: Incident, event: IncidentEvent, rooms: &Rooms) {
        let place = &after.key.place;
        let at = self.find(place, rooms, |it| it.key == after.key);
        self.add(at, after, event);
    }

    /// Where an incident of this place is in the list, with the one that is open before the batch.
    fn find(
        &mut self,
        place: &RoomKey,
        rooms: &Rooms,
        is_it: impl Fn(&Incident) -> bool,
    ) -> Option<usize> {
        if !self.by_place.contains_key(place) {
            let known = rooms.incident(place);
            let first = self.changed.len();
            self.changed.extend(known);
            let here = (first..self.changed.len()).collect();
            self.by_place.insert(place.clone(), here);
        }
        let mut here = self.by_place.get(place)?.iter().copied();
        here.find(|at| is_it(&self.changed[*at]))
    }

    /// Takes what has become of the incident that is there in the list, or of a new one.
    fn add(&mut self, at: Option<usize>, after: Incident, event: IncidentEvent) {
        self.events.push(event);
        match at {
            Some(at) => self.changed[at] = after,
            None => {
                let here = self.by_place.entry(after.key.place.clone()).or_default();
                here.push(self.changed.len());
                self.changed.push(after);
            }
        }
    }

    /// An incident that is stored like this, as it is by now.
    pub(super) fn current<'a>(&'a self, stored: &'a Incident) -> &'a Incident {
        let here = self.by_place.get(&stored.key.place).into_iter().flatten();
        let mut changed = here.filter_map(|at| self.changed.get(*at));
        changed.find(|it| it.key == stored.key).unwrap_or(stored)
    }

    /// The last event of this incident is what somebody wanted.
    pub(super) fn was_closed_by(&mut self, incident: &IncidentKey, request: &ActRequest) {
        let mut from_last = self.events.iter_mut().rev();
        if let Some(event) = from_last.find(|event| event.incident == *incident) {
            event.by = Some(request.by.clone());
            event.request_id = Some(request.request_id.clone());
        }
    }

    /// What is to be written: each incident once, and what became of them.
    pub(super) fn finish(self) -> (Vec<Incident>, Vec<IncidentEvent>) {
        (self.changed, self.events)
    }
}
