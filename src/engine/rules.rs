use std::collections::HashMap;

use crate::types::{HotelId, Kind, RoomKey, WattHours};

/// What a room is judged by. Checked by the configuration: every length is positive,
/// `max_gap_seconds` is at least an interval and its tolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Length of an interval in seconds (`check_interval_minutes`).
    pub interval_seconds: i64,
    /// Beyond this time between two readings nobody knows what happened (`max_gap_minutes`).
    pub max_gap_seconds: i64,
    /// The most a room can use in one interval (`max_plausible_kwh`).
    pub max_plausible: WattHours,
    /// Where the meters' registers wrap to zero (`register_modulus_kwh`).
    pub register_modulus: Option<WattHours>,
    /// Periods in a row that make an alert (`continuous_alert_count`).
    pub alert_periods: u32,
    /// Intervals a notice shows (`max_history_size`).
    pub history_intervals: usize,
    /// A meter without a reading for so long is silent, one whose register does not move may be
    /// frozen, and exactly nothing used for so long is a recovery. Seconds
    /// (`silent_after_minutes`).
    pub silent_after_seconds: i64,
    /// Times within so many seconds of one another name the same stay (`match_minutes`).
    pub match_seconds: i64,
    /// Thresholds of rooms without one of their own.
    pub thresholds: Thresholds,
    /// Thresholds per hotel.
    pub hotel_thresholds: HashMap<HotelId, Thresholds<Option<WattHours>>>,
    /// Thresholds per room; they win over the hotel's.
    pub room_thresholds: HashMap<RoomKey, Thresholds<Option<WattHours>>>,
}

/// Energy per interval above which an interval is abnormal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thresholds<T = WattHours> {
    pub checkin: T,
    pub checkout: T,
}

impl<T: Copy> Thresholds<T> {
    fn of(&self, kind: Kind) -> T {
        match kind {
            Kind::Checkin => self.checkin,
            Kind::Checkout => self.checkout,
        }
    }
}

impl Rules {
    /// A tenth of the interval, in seconds: how far a meter's rhythm may be off.
    pub fn tolerance_seconds(&self) -> i64 {
        self.interval_seconds / 10
    }

    /// The least time between two readings that makes an interval, in seconds.
    pub fn shortest_interval_seconds(&self) -> i64 {
        self.interval_seconds - self.tolerance_seconds()
    }

    /// The threshold of a room: its own, else its hotel's, else the general one.
    pub fn threshold(&self, room: &RoomKey, kind: Kind) -> WattHours {
        let own = self.room_thresholds.get(room).and_then(|t| t.of(kind));
        let hotel = || self.hotel_thresholds.get(&room.hotel_id)?.of(kind);
        own.or_else(hotel)
            .unwrap_or_else(|| self.thresholds.of(kind))
    }
}

/// The original's values.
impl Default for Rules {
    fn default() -> Rules {
        Rules {
            interval_seconds: 30 * 60,
            max_gap_seconds: 120 * 60,
            max_plausible: WattHours(20_000),
            register_modulus: None,
            alert_periods: 4,
            history_intervals: 12,
            silent_after_seconds: 90 * 60,
            match_seconds: 10 * 60,
            thresholds: Thresholds {
                checkin: WattHours(2_000),
                checkout: WattHours(1_500),
            },
            hotel_thresholds: HashMap::new(),
            room_thresholds: HashMap::new(),
        }
    }
}
