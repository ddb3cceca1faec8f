use crossbeam_channel::Sender;

use crate::engine::{MeterTrouble, RoomState};
use crate::store::{Ownership, Plan, StateStore, Store, StoreError};
use crate::types::{HotelId, RoomKey};

/// A store that tells what it fails with. The owner would wait until that is mended, on a clock
/// that stands still meanwhile: for ever.
pub(super) struct Witness {
    pub(super) store: Box<dyn StateStore>,
    /// Has room for one.
    pub(super) failed: Sender<StoreError>,
}

impl Witness {
    fn see<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &done {
            // One is enough.
            let _ = self.failed.try_send(error.clone());
        }
        done
    }
}

impl Store for Witness {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let done = self.store.commit(plan);
        self.see(done)
    }

    fn forget(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let done = self.store.forget(keep_days);
        self.see(done)
    }
}

impl StateStore for Witness {
    fn take_over(&mut self) -> Result<Ownership, StoreError> {
        self.store.take_over()
    }

    fn load_rooms(&mut self, take: &mut dyn FnMut(RoomKey, RoomState)) -> Result<(), StoreError> {
        self.store.load_rooms(take)
    }

    fn load_meter_troubles(
        &mut self,
        take: &mut dyn FnMut(HotelId, MeterTrouble),
    ) -> Result<(), StoreError> {
        self.store.load_meter_troubles(take)
    }
}
