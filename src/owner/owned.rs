//! The state of the instance that owns it.

use std::sync::Arc;

use crate::rooms::Rooms;
use crate::store::{Ownership, StateStore, StoreError};

/// What an instance has that owns the state: the right to write it, and all of it in memory.
pub struct OwnedState<S = Box<dyn StateStore>> {
    pub store: S,
    pub rooms: Arc<Rooms>,
    pub ownership: Ownership,
}

impl OwnedState {
    /// Makes this instance the owner of the state, and loads it.
    ///
    /// # Errors
    /// Any [`StoreError`] of the database.
    pub fn take_over(mut store: Box<dyn StateStore>) -> Result<OwnedState, StoreError> {
        let ownership = store.take_over()?;
        let rooms = Rooms::default();
        store.load_rooms(&mut |room, watch| rooms.adopt([(room, watch)]))?;
        store.load_meter_troubles(&mut |hotel, trouble| rooms.has_trouble(hotel, trouble))?;
        Ok(OwnedState {
            store,
            rooms: Arc::new(rooms),
            ownership,
        })
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
