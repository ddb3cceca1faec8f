//! A row of the property management system's list of rooms.

use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber, Zone};

use super::super::StayId;
use super::super::message::{key_part, time};
use super::super::refusal::{Refusal, excerpt, missing};
use super::{PmsRoom, PmsState};

/// The columns of the list.
pub const PMS_FIELDS: [&str; 6] = [
    "hotel_id",
    "room_number",
    "state",
    "since",
    "expected_checkout_time",
    "stay_id",
];

/// How the list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PmsFormat {
    pub zone: Zone,
    pub now: LocalTime,
    /// The clock of the property management system may be so far ahead. Seconds.
    pub max_ahead_seconds: i64,
}

impl PmsFormat {
    /// Reads the texts of [`PMS_FIELDS`]; and whether an expected check-out had to be ignored,
    /// because it is not after the check-in.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn row(&self, row: [&str; 6]) -> Result<(PmsRoom, bool), Refusal> {
        let names = PMS_FIELDS;
        let [hotel, room, state, since, expected, id] = row;
        let hotel_id = key_part(names[0], hotel, HotelId::MAX_CHARS)?;
        let room_number = key_part(names[1], room, RoomNumber::MAX_CHARS)?;
        for (field, text) in [(names[2], state), (names[3], since)] {
            if text.trim().is_empty() {
                return Err(missing(field));
            }
        }
        let since = time(self.zone, names[3], since)?;
        if since.since(self.now) > self.max_ahead_seconds {
            return Err(Refusal::Future {
                field: names[3].to_owned(),
                time: since,
                now: self.now,
            });
        }
        let given = |text: &&str| !text.trim().is_empty();
        let mut is_ignored = false;
        let state = match state.trim() {
            "occupied" => {
                let expected = Some(expected).filter(given);
                let expected = expected.map(|text| time(self.zone, names[4], text));
                let expected = expected.transpose()?;
                let id = Some(id).filter(given);
                let id = id.map(|text| key_part(names[5], text, StayId::MAX_CHARS));
                let after = expected.filter(|expected| *expected > since);
                is_ignored = after != expected;
                PmsState::Occupied {
                    id: id.transpose()?.map(StayId::new),
                    expected: after,
                }
            }
            "vacant" => PmsState::Vacant,
            "out_of_order" => PmsState::OutOfOrder,
            other => {
                return Err(Refusal::NotAState {
                    field: names[2].to_owned(),
                    value: excerpt(other),
                });
            }
        };
        let room = PmsRoom {
            room: RoomKey::new(hotel_id, room_number),
            state,
            since,
        };
        Ok((room, is_ignored))
    }
}
