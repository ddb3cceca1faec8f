use crossbeam_channel::Sender;

use crate::engine::{HotelState, Incident, KeptBody, MeterTrouble, RoomState, Rules};
use crate::store::{Ownership, Plan, StateStore, Store, StoreError};
use crate::types::{HotelId, LocalTime, RoomKey};

/// A store that reports its errors to the demonstration. The owner would wait until the store works
/// again, by a clock that stands still meanwhile, so without an end.
pub(super) struct Witness {
    pub(super) store: Box<dyn StateStore>,
    /// Where the first error goes; has room for one.
    pub(super) failed: Sender<StoreError>,
}

impl Witness {
    fn report<T>(&mut self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        if let Err(error) = &done {
            // The first error is enough.
            let _ = self.failed.try_send(error.clone());
        }
        done
    }
}

impl Store for Witness {
    fn commit(&mut self, plan: &Plan) -> Result<(), StoreError> {
        let done = self.store.commit(plan);
        self.report(done)
    }

    fn delete_old(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let done = self.store.delete_old(keep_days);
        self.report(done)
    }

    fn delete_incidents(&mut self, keep_days: u32) -> Result<u64, StoreError> {
        let done = self.store.delete_incidents(keep_days);
        self.report(done)
    }

    fn incident(
        &mut self,
        id: u64,
        request_id: &str,
    ) -> Result<Option<(Incident, bool)>, StoreError> {
        let found = self.store.incident(id, request_id);
        self.report(found)
    }

    fn reduce_old(&mut self, reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        let done = self.store.reduce_old(reduce);
        self.report(done)
    }

    fn record_thresholds(&mut self, rules: &Rules, since: LocalTime) -> Result<u64, StoreError> {
        let done = self.store.record_thresholds(rules, since);
        self.report(done)
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

    fn load_hotels(&mut self, take: &mut dyn FnMut(HotelId, HotelState)) -> Result<(), StoreError> {
        self.store.load_hotels(take)
    }

    fn load_incidents(&mut self, take: &mut dyn FnMut(Incident)) -> Result<(), StoreError> {
        self.store.load_incidents(take)
    }

    fn first_alert(
        &mut self,
        room: &RoomKey,
        after: LocalTime,
    ) -> Result<Option<LocalTime>, StoreError> {
        self.store.first_alert(room, after)
    }
}
