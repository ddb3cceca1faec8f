//! Which incidents are open when the state is taken over: an earlier version, or `init-db --adopt`,
//! may have begun or ended runs without recording them.

use std::collections::HashMap;

use crate::engine::{Incident, MeterTrouble, RoomState, Run, RunKey, Stay, meters_of};
use crate::store::{Plan, StateStore, StoreError};
use crate::types::{HotelId, LocalTime, RoomKey, counted};

/// What goes on, by the state that was taken over.
#[derive(Default)]
pub(super) struct GoingOn {
    /// The run that opened a room's incident, the room's stay, and the run that goes on.
    runs: Vec<(RunKey, Stay, Run)>,
    meters: HashMap<RoomKey, MeterTrouble>,
}

impl GoingOn {
    pub(super) fn add_room(&mut self, room: &RoomKey, state: &RoomState) {
        if let Some((opened_by, run)) = state.notified_run(room).zip(state.open_run()) {
            self.runs.push((opened_by, state.watch.stay, run));
        }
    }

    pub(super) fn add_meters(&mut self, hotel: &HotelId, trouble: MeterTrouble) {
        if trouble.is_open() {
            self.meters.insert(meters_of(hotel), trouble);
        }
    }

    /// Has the store record an incident for each run and each trouble that goes on without one, and
    /// the end of those of which nothing goes on, in one transaction. Gives all that are open then.
    ///
    /// # Errors
    /// Any [`StoreError`] of the database. It can be done again.
    pub(super) fn record(
        self,
        store: &mut dyn StateStore,
        now: LocalTime,
    ) -> Result<Vec<Incident>, StoreError> {
        let mut recorded: HashMap<RoomKey, Vec<Incident>> = HashMap::new();
        store.load_incidents(&mut |incident| {
            let place = incident.key.place.clone();
            recorded.entry(place).or_default().push(incident);
        })?;
        let mut take = |place: &RoomKey, is_its: &dyn Fn(&Incident) -> bool| {
            let of_place = recorded.get_mut(place)?;
            let at = of_place.iter().position(is_its)?;
            Some(of_place.swap_remove(at))
        };
        let (mut open, mut begun) = (Vec::new(), Vec::new());
        for (opened_by, stay, run) in &self.runs {
            match take(&opened_by.room, &|known| known.key.is_of(opened_by)) {
                Some(known) => open.push(known),
                None => {
                    let alert = store.first_alert(&opened_by.room, opened_by.since)?;
                    let opened_at = alert.unwrap_or(run.until);
                    begun.push(Incident::of_run(opened_by, stay, run, opened_at));
                }
            }
        }
        for (place, trouble) in self.meters {
            match take(&place, &|known| known.is_of_trouble(trouble)) {
                Some(known) => open.push(known),
                None => begun.extend(Incident::of_trouble(place, trouble, now)),
            }
        }
        let mut plan = Plan::default();
        let ended: Vec<Incident> = recorded.into_values().flatten().collect();
        let (began, closed) = (begun.len() as u64, ended.len() as u64);
        for incident in &begun {
            plan.incident_events.push(incident.found_open());
            plan.incidents.push(incident.clone());
        }
        for incident in ended {
            let (incident, event) = incident.close_not_recorded(now);
            plan.incident_events.push(event);
            plan.incidents.push(incident);
        }
        if !plan.is_empty() {
            store.commit(&plan)?;
            log::info!(
                "recorded {} of runs that go on, and closed {} of which nothing goes on: the \
                 version that ran before keeps none",
                counted(began, "incident"),
                counted(closed, "incident")
            );
        }
        open.append(&mut begun);
        Ok(open)
    }
}
