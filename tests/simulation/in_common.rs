//! What the vacant rooms of a hotel have in common.

use std::collections::BTreeSet;

use roomwatt::engine::baseline::HotelMemory;
use roomwatt::engine::{HotelNotice, HotelNoticeKind};
use roomwatt::owner::{FoundOfHotel, Input};
use roomwatt::types::{HotelId, WattHours};

use crate::Simulation;
use crate::world::start;

impl Simulation {
    /// What was found and not written is found once more, and nothing else.
    pub fn find_the_rest_in_common(&mut self) {
        self.find_in_common(false);
        self.take();
        if !self.modes.can_be_on() {
            let world = self.world.lock();
            let rise = HotelNoticeKind::Rise.as_str();
            let found: BTreeSet<_> = world.in_common.iter().map(|since| (rise, *since)).collect();
            assert_eq!(world.notified_of_hotels, found, "each is notified once");
        }
    }

    /// A sweep finds that the vacant rooms of the hotel have begun to use more: again, if it is not
    /// remembered that it was found. `again`: they may do so once more. Where the baseline rule may
    /// be on, it finds that by itself; a calm hotel is about its rooms alone.
    pub fn find_in_common(&mut self, again: bool) {
        if self.modes.can_be_on() || self.is_calm {
            return;
        }
        let waiting = |input: &Input| matches!(input, Input::Hotels(_));
        let hotel = HotelId::new("H001");
        let Some(known) = self.now.rooms.hotels().remove(&hotel) else {
            return;
        };
        if self.now.inputs().iter().any(waiting) {
            return;
        }
        let since = {
            let mut world = self.world.lock();
            let is_known = known.memory.rise == world.in_common.last().copied();
            if is_known && again {
                let next = start().plus(world.in_common.len() as i64 * 1_800);
                world.in_common.push(next);
            } else if is_known {
                return;
            }
            world.in_common[world.in_common.len() - 1]
        };
        let notice = HotelNotice {
            kind: HotelNoticeKind::Rise,
            hotel_id: hotel.clone(),
            detected: since,
            since,
            rose: 3,
            vacant: 3,
            common: WattHours(0),
            tolerated: WattHours(0),
            high: 0,
            high_from: WattHours(200),
            total: WattHours(0),
            interval_seconds: 1_800,
        };
        let memory = HotelMemory {
            rise: Some(since),
            ..known.memory
        };
        self.now.send(Input::Hotels(vec![FoundOfHotel {
            hotel,
            memory: Some(memory),
            frames: Vec::new(),
            notices: vec![notice],
        }]));
    }
}
