//! Reads the body of an outbox row. Rows outlive the version that wrote them.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::Notice;

/// Parses the body of a row, whichever version wrote it.
///
/// # Errors
/// Why it can't be read, worded for an operator.
pub(super) fn notice_of(body: &str) -> Result<Notice, String> {
    let unreadable = |error: serde_json::Error| format!("its body can't be read: {error}");
    let mut body: Value = serde_json::from_str(body).map_err(unreadable)?;
    if let Some(fields) = body.as_object_mut()
        && !fields.contains_key("about")
    {
        // Version 0.1 wrote no `about`. A notice about a room has its hotel inside the room's key.
        let about = match fields.contains_key("hotel_id") {
            true => "meters",
            false => "room",
        };
        fields.insert("about".to_owned(), about.into());
    }
    Notice::deserialize(&body).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 0.1 wrote it.
    const OF_ROOM: &str = r#"{"kind":"alert","room":{"hotel_id":"H001","room_number":"101"},
        "stay":{"kind":"checkout","actual_checkin":null,"actual_checkout":"2023-04-10 11:58:00"},
        "detected":"2023-04-10 14:00:00","since":"2023-04-10 12:00:00","periods":4,"energy":9600,
        "threshold":1500,"interval_seconds":1800,
        "history":[{"seconds":1800,"energy":2400},{"seconds":7200,"energy":null}]}"#;

    #[test]
    fn bodies_of_every_version_are_read_and_get_a_tag_when_written() {
        let of_meters = r#"{"kind":"silent","hotel_id":"H001","detected":"2023-04-10 14:00:00",
            "since":null,"silent":5,"watched":8,"rooms":["101","102"]}"#;
        let closed = |why: &str| {
            let kind = format!("{{\"closed\":{why}}}");
            OF_ROOM.replace("\"alert\"", &kind).replace(
                "\"periods\"",
                concat!(
                    r#""until":"2023-04-10 14:00:00","#,
                    r#""before":[{"seconds":1800,"energy":40}],"periods""#
                ),
            )
        };
        let [gap, meter, interval] =
            [r#""gap""#, r#""meter_changed""#, r#""interval_changed""#].map(closed);
        let stay = closed(r#"{"new_stay":{"kind":"checkin","at":"2023-04-10 14:00:00"}}"#);
        let counted = OF_ROOM.replace("\"stay\"", "\"watch\":3,\"stay\"");
        for (body, about, kind) in [
            (OF_ROOM, "room", "alert"),
            (&counted, "room", "alert"),
            (of_meters, "meters", "silent"),
            (&gap, "room", "closed"),
            (&meter, "room", "closed"),
            (&interval, "room", "closed"),
            (&stay, "room", "closed"),
        ] {
            let read = notice_of(body).expect("it can be read");
            assert_eq!((read.hotel_id().as_str(), read.kind()), ("H001", kind));
            let written = serde_json::to_string(&read).expect("JSON");
            assert_eq!(notice_of(&written).as_ref(), Ok(&read));
            // A version that ignores `about` finds all other fields unchanged.
            let mut written: Value = serde_json::from_str(&written).expect("JSON");
            let fields = written.as_object_mut().expect("an object");
            assert_eq!(fields.remove("about"), Some(about.into()));
            let body: Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(written, body);
        }
    }

    #[test]
    fn the_error_says_why_a_body_can_not_be_read() {
        let with = |fields: &str| OF_ROOM.replacen('{', &format!("{{{fields},"), 1);
        for (body, why) in [
            ("no notice".to_owned(), "expected ident at line 1 column 2"),
            ("[]".to_owned(), "missing field `about`"),
            ("{}".to_owned(), "missing field `kind`"),
            (
                with(r#""about":"incident""#),
                "unknown variant `incident`, expected one of `room`, `meters`, `hotel`",
            ),
            (with(r#""about":"meters""#), "unknown variant `alert`"),
            (
                OF_ROOM.replace("alert", "escalated"),
                "unknown variant `escalated`, expected one of `alert`",
            ),
            (
                OF_ROOM.replace("\"periods\":4,", ""),
                "missing field `periods`",
            ),
        ] {
            let reason = notice_of(&body).expect_err("it can't be read");
            let expected = format!("its body can't be read: {why}");
            assert!(reason.starts_with(&expected), "{reason}");
        }
    }
}
