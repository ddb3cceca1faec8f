//! The state of the instance that owns it.

use std::sync::Arc;

use crate::rooms::Rooms;
use crate::store::{Ownership, StateStore, StoreError};
use crate::types::LocalTime;

use super::recorded::GoingOn;

/// What an instance has that owns the state: the right to write it, and all of it in memory.
pub struct OwnedState<S = Box<dyn StateStore>> {
    pub(super) store: S,
    pub(super) rooms: Arc<Rooms>,
    pub(super) ownership: Ownership,
}

impl<S> OwnedState<S> {
    /// What was loaded from a store of which this instance has taken `ownership`.
    pub fn new(store: S, rooms: Rooms, ownership: Ownership) -> OwnedState<S> {
        rooms.set_judged(ownership.position);
        OwnedState {
            store,
            rooms: Arc::new(rooms),
            ownership,
        }
    }

    pub fn rooms(&self) -> &Arc<Rooms> {
        &self.rooms
    }

    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }
}

impl OwnedState {
    /// Makes this instance the owner of the state, and loads it. `now` is when.
    ///
    /// # Errors
    /// Any [`StoreError`] of the database.
    pub fn take_over(
        mut store: Box<dyn StateStore>,
        now: LocalTime,
    ) -> Result<OwnedState, StoreError> {
        let ownership = store.take_over()?;
        let (rooms, mut going_on) = (Rooms::default(), GoingOn::default());
        store.load_rooms(&mut |room, state| {
            going_on.add_room(&room, &state);
            rooms.adopt([(room, state)]);
        })?;
        store.load_meter_troubles(&mut |hotel, trouble| {
            going_on.add_meters(&hotel, trouble);
            rooms.set_trouble(hotel, trouble);
        })?;
        store.load_hotels(&mut |hotel, state| rooms.set_hotel(hotel, state))?;
        rooms.adopt_incidents(going_on.record(&mut *store, now)?);
        Ok(OwnedState::new(store, rooms, ownership))
    }

    /// The same, with `wrap` around its store.
    pub fn wrapped(
        self,
        wrap: impl FnOnce(Box<dyn StateStore>) -> Box<dyn StateStore>,
    ) -> OwnedState {
        OwnedState {
            store: wrap(self.store),
            ..self
        }
    }
}
