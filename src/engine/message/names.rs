//! The names of a message's fields.

/// Whichever kinds of messages have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldNames {
    pub hotel_id: String,
    pub room_number: String,
    pub msg_type: String,
    pub stay_id: String,
    pub check_in_time: String,
    pub expected_checkout_time: String,
    pub actual_checkin_time: String,
    pub actual_checkout_time: String,
    pub old_hotel_id: String,
    pub old_room_number: String,
    pub move_time: String,
    pub cancel_time: String,
    pub status: String,
    pub status_time: String,
    pub until: String,
}

impl FieldNames {
    pub(super) fn all(&self) -> [&str; 15] {
        self.by_key().map(|(_, name)| name.as_str())
    }

    /// Each with its key in the configuration.
    pub fn by_key(&self) -> [(&'static str, &String); 15] {
        let FieldNames {
            hotel_id,
            room_number,
            msg_type,
            stay_id,
            check_in_time,
            expected_checkout_time,
            actual_checkin_time,
            actual_checkout_time,
            old_hotel_id,
            old_room_number,
            move_time,
            cancel_time,
            status,
            status_time,
            until,
        } = self;
        [
            ("hotel_id", hotel_id),
            ("room_number", room_number),
            ("msgType", msg_type),
            ("stay_id", stay_id),
            ("check_in_time", check_in_time),
            ("expected_checkout_time", expected_checkout_time),
            ("actual_checkin_time", actual_checkin_time),
            ("actual_checkout_time", actual_checkout_time),
            ("old_hotel_id", old_hotel_id),
            ("old_room_number", old_room_number),
            ("move_time", move_time),
            ("cancel_time", cancel_time),
            ("status", status),
            ("status_time", status_time),
            ("until", until),
        ]
    }
}

impl Default for FieldNames {
    fn default() -> FieldNames {
        FieldNames {
            hotel_id: "hotel_id".into(),
            room_number: "room_number".into(),
            msg_type: "msgType".into(),
            stay_id: "stay_id".into(),
            check_in_time: "check_in_time".into(),
            expected_checkout_time: "expected_checkout_time".into(),
            actual_checkin_time: "actual_checkin_time".into(),
            actual_checkout_time: "actual_checkout_time".into(),
            old_hotel_id: "old_hotel_id".into(),
            old_room_number: "old_room_number".into(),
            move_time: "move_time".into(),
            cancel_time: "cancel_time".into(),
            status: "status".into(),
            status_time: "status_time".into(),
            until: "until".into(),
        }
    }
}
