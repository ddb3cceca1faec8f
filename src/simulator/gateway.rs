use crate::types::{HotelId, LocalTime};

use super::HOUR;
use super::chance::Chance;
use super::guests::midnight;

/// A time in which a hotel's gateway forwards nothing.
#[derive(Clone, Copy)]
pub(super) struct GatewayOutage {
    from: LocalTime,
    pub(super) until: LocalTime,
    /// Whether its readings are lost; otherwise they come when the outage is over.
    pub(super) lost: bool,
}

impl GatewayOutage {
    /// The outage of a hotel on a day, if there is one; it ends before midnight.
    pub(super) fn of_day(
        seed: u64,
        hotel: &HotelId,
        time: LocalTime,
        likely: f64,
    ) -> Option<GatewayOutage> {
        let today = midnight(time);
        let mut chance = Chance::new(seed, &["outage", hotel.as_str(), &today.date()]);
        if !chance.happens(likely) {
            return None;
        }
        let from = today.plus(chance.between(HOUR..=17 * HOUR));
        Some(GatewayOutage {
            from,
            until: from.plus(chance.between(HOUR..=6 * HOUR)),
            lost: chance.happens(0.5),
        })
    }

    pub(super) fn covers(&self, time: LocalTime) -> bool {
        self.from <= time && time < self.until
    }
}
