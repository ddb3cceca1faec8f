use std::collections::HashMap;

use crate::types::{HotelId, Kind, RoomKey, WattHours};

use super::{BaselineMode, BaselineRules};

/// The rules by which rooms are judged. The configuration guarantees that every length is positive
/// and that `max_gap_seconds` is at least an interval plus its tolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Length of an interval in seconds (`check_interval_minutes`).
    pub interval_seconds: i64,
    /// The longest time between two readings that is still judged, in seconds (`max_gap_minutes`).
    pub max_gap_seconds: i64,
    /// The most energy that a room can use in one interval (`max_plausible_kwh`).
    pub max_plausible: WattHours,
    /// Where the meters' registers roll over to zero (`register_modulus_kwh`).
    pub register_modulus: Option<WattHours>,
    /// Abnormal periods in a row that cause an alert (`continuous_alert_count`).
    pub alert_periods: u32,
    /// Intervals that a notice shows (`max_history_size`).
    pub history_intervals: usize,
    /// Seconds without a reading after which a meter is silent, without a movement of its register
    /// after which it may be frozen, and of exactly zero use after which a room has recovered
    /// (`silent_after_minutes`).
    pub silent_after_seconds: i64,
    /// Times at most this many seconds apart name the same stay (`match_minutes`).
    pub match_seconds: i64,
    /// An interval of a vacant room that ends at most this many seconds after the departure, or
    /// after the room was reported dirty, may be cleaning; 0: none is (`cleaning_grace_minutes`).
    pub cleaning_grace_seconds: i64,
    /// The thresholds of all rooms without an override.
    pub thresholds: Thresholds,
    /// Overrides per hotel.
    pub hotel_thresholds: HashMap<HotelId, Thresholds<Option<WattHours>>>,
    /// Overrides per room; they take precedence over the hotel's.
    pub room_thresholds: HashMap<RoomKey, Thresholds<Option<WattHours>>>,
    /// The rule without a threshold (`[baseline]`).
    pub baseline: BaselineRules,
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
    /// How far the time between two readings may be off: a tenth of the interval, in seconds.
    pub fn tolerance_seconds(&self) -> i64 {
        self.interval_seconds / 10
    }

    /// The shortest time between two readings that counts as an interval, in seconds.
    pub fn shortest_interval_seconds(&self) -> i64 {
        self.interval_seconds - self.tolerance_seconds()
    }

    /// The same rules, with one threshold for all rooms, occupied or vacant.
    pub fn with_threshold(&self, threshold: WattHours) -> Rules {
        Rules {
            thresholds: Thresholds {
                checkin: threshold,
                checkout: threshold,
            },
            hotel_thresholds: HashMap::new(),
            room_thresholds: HashMap::new(),
            ..*self
        }
    }

    /// The threshold of a room, in energy per interval: its override, else its hotel's, else the
    /// general one.
    pub fn threshold(&self, room: &RoomKey, kind: Kind) -> WattHours {
        let own = self.room_thresholds.get(room).and_then(|t| t.of(kind));
        own.unwrap_or_else(|| self.threshold_of_hotel(&room.hotel_id, kind))
    }

    /// The threshold of a hotel's rooms without one of their own: the hotel's, else the general
    /// one.
    pub fn threshold_of_hotel(&self, hotel: &HotelId, kind: Kind) -> WattHours {
        let own = self.hotel_thresholds.get(hotel).and_then(|t| t.of(kind));
        own.unwrap_or_else(|| self.thresholds.of(kind))
    }
}

/// The values of the original program, which had no baseline rule.
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
            cleaning_grace_seconds: 0,
            thresholds: Thresholds {
                checkin: WattHours(2_000),
                checkout: WattHours(1_500),
            },
            hotel_thresholds: HashMap::new(),
            room_thresholds: HashMap::new(),
            baseline: BaselineRules {
                mode: BaselineMode::Off,
                ..BaselineRules::default()
            },
        }
    }
}
