use serde_json::{Map, Value};

use crate::types::RoomKey;

use super::{MessageFormat, Stay};

impl MessageFormat {
    /// The body of the message that tells of a stay: what [`MessageFormat::parse`] reads.
    pub fn write(&self, room: &RoomKey, stay: &Stay) -> String {
        let names = &self.fields;
        let (code, times) = match *stay {
            Stay::Occupied {
                check_in,
                expected_checkout,
            } => (
                &self.types.checkin,
                [
                    (&names.check_in_time, Some(check_in)),
                    (&names.expected_checkout_time, expected_checkout),
                ],
            ),
            Stay::Vacant {
                actual_checkin,
                actual_checkout,
            } => (
                &self.types.checkout,
                [
                    (&names.actual_checkin_time, actual_checkin),
                    (&names.actual_checkout_time, Some(actual_checkout)),
                ],
            ),
        };
        let words = [
            (&names.hotel_id, room.hotel_id.as_str()),
            (&names.room_number, room.room_number.as_str()),
            (&names.msg_type, code.as_str()),
        ];
        let words = words.map(|(name, word)| (name.clone(), Value::from(word)));
        let times = times
            .into_iter()
            .filter_map(|(name, time)| Some((name.clone(), Value::from(time?.to_string()))));
        Value::Object(Map::from_iter(words.into_iter().chain(times))).to_string()
    }
}
