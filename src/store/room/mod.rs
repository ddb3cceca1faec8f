//! Converts a room's state to and from its row of `room_state`, in every store. The whole state is
//! JSON; the other columns repeat parts of it for operators' own SQL, and are never read.

mod v1;

use crate::engine::{RoomState, Run};
use crate::types::{LocalTime, RoomKey};

use super::StoreError;

/// The layout of the JSON that is written. Every earlier layout can be read, and a row gets this
/// one when it is next written.
///
/// | version | since | content |
/// |---|---|---|
/// | 1 | 0.1 | only the watch, with long names; in MySQL made from columns by a migration |
/// | 2 | after 0.1 | [`RoomState`] |
pub const VERSION: i64 = 2;

/// The columns of `room_state` beside its key.
pub const COLUMNS: [&str; 9] = [
    "msg_type",
    "stay_time",
    "seen_time",
    "run_since",
    "run_periods",
    "run_wh",
    "run_told",
    "version",
    "state",
];

/// A row without its key and its [`VERSION`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The kind of the watch.
    pub msg_type: &'static str,
    /// When the stay began.
    pub stay_time: LocalTime,
    /// The time of the last reading.
    pub seen_time: Option<LocalTime>,
    /// The run that goes on.
    pub run: Option<Run>,
    /// The whole state as JSON.
    pub state: String,
}

impl Row {
    /// The row for a state.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], which can't happen: the state is plain values.
    pub fn of(state: &RoomState) -> Result<Row, StoreError> {
        let watch = &state.watch;
        let json = serde_json::to_string(state);
        Ok(Row {
            msg_type: watch.stay.kind().as_str(),
            stay_time: watch.stay.time(),
            seen_time: watch.fold.seen,
            run: watch.fold.run,
            state: json.map_err(|error| StoreError::Unreadable(error.to_string()))?,
        })
    }
}

/// Parses a room's state from JSON in the layout `version`.
///
/// # Errors
/// [`StoreError::NewerState`] for a layout of a later version, and [`StoreError::Unreadable`] for
/// JSON that no version has written.
pub fn read(room: &RoomKey, version: i64, json: &str) -> Result<RoomState, StoreError> {
    let state = match version {
        1 => serde_json::from_str(json).map(v1::Watch::upgraded),
        VERSION => serde_json::from_str(json),
        _ => {
            return Err(StoreError::NewerState {
                room: room.clone(),
                version,
                known: VERSION,
            });
        }
    };
    state.map_err(|error| {
        StoreError::Unreadable(format!(
            "the state of room {room} in room_state can't be read: {error}; restore it from a \
             backup, or delete the row: the room is watched again from its next message on"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> RoomKey {
        RoomKey::new("H001", "101")
    }

    const V2: &str = r#"{"n":3,"w":{"s":["checkin",1681127880,1681300800],
        "i":[1681127400,1000],"f":{"s":[1681135200,3000],"x":[1681135260,9],
        "t":1681135260,"r":{"p":4,"e":2000,"t":1681128000,"u":1681135200,"n":4},
        "m":{"t":1681135200,"p":1800}},"b":[1800,40],"h":[1800,500,7200,null],"v":1800},
        "o":{"f":[["a",1681127880,null,null,1681300800]]}}"#;

    /// Rows outlive the version that wrote them, so a change of the layout needs a new number.
    #[test]
    fn states_of_every_layout_are_read_and_written_in_the_current_one() {
        let v1 = r#"{"number":3,"stay":{"kind":"checkin","check_in":"2023-04-10 11:58:00",
            "expected_checkout":"2023-04-12 12:00:00"},
            "initial":{"time":"2023-04-10 11:50:00","register":1000},
            "fold":{"sample":{"time":"2023-04-10 14:00:00","register":3000},
            "suspect":{"time":"2023-04-10 14:01:00","register":9},"seen":"2023-04-10 14:01:00",
            "run":{"periods":4,"energy":2000,"since":"2023-04-10 12:00:00","told":4},
            "movement":{"at":"2023-04-10 14:00:00","pause":1800}},
            "before":[{"seconds":1800,"energy":40}],
            "history":[{"seconds":1800,"energy":500},{"seconds":7200,"energy":null}],
            "interval_seconds":1800}"#;
        // From 0.1: no number, no movement, no intervals before the stay.
        let v1_first = r#"{"stay":{"kind":"checkout","actual_checkin":null,
            "actual_checkout":"2023-04-10 11:58:00"},"initial":null,
            "fold":{"sample":null,"suspect":null,"seen":null,"run":null},
            "history":[],"interval_seconds":1800}"#;
        let v2_first = r#"{"n":0,"w":{"s":["checkout",1681127880,null],"f":{},"v":1800},
            "o":{"f":[["d",1681127880,null,null,null]]}}"#;
        let v2_of_many = r#"{"n":9,"w":{"s":["checkin",1681127880,null],"f":{},"v":1800},
            "o":{"f":[["a",1681127880,"a1",1681120000,null],["d",1681127000,"b2",1681126000,null],
            ["e",1681300800,"a1",1681127880,null]],
            "b":[1681000000,[["b2",1680900000,null,1680990000,1680990000]],
            ["checkin",1680900000,1680990000],1680900000]},
            "s":[["o",1681127890,1681130000],["o",1681127900,null],["i",1681128000,null],
            ["d",1681128010,null],["c",1681128020,null]]}"#;
        for (version, written, as_now) in [
            (1, v1, V2),
            (1, v1_first, v2_first),
            (2, V2, V2),
            (2, v2_first, v2_first),
            (2, v2_of_many, v2_of_many),
        ] {
            let state = read(&room(), version, written).expect("it can be read");
            let again = Row::of(&state).expect("JSON").state;
            let again: serde_json::Value = serde_json::from_str(&again).expect("JSON");
            let as_now: serde_json::Value = serde_json::from_str(as_now).expect("JSON");
            assert_eq!((again, VERSION), (as_now, 2), "{written}");
        }
    }

    /// A field that was ignored would be lost with the next write.
    #[test]
    fn unknown_layouts_and_fields_are_refused_with_the_room_and_a_remedy() {
        for version in [0, 3] {
            let newer = read(&room(), version, V2).expect_err("another layout");
            let text = newer.to_string();
            for part in ["H001/101", &format!("layout {version}"), "install"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(newer.needs_operator() && !newer.is_transient());
        }
        // An unknown field in the state, its watch, its fold, its run and its movement.
        for place in [
            "\"n\":3",
            "\"s\":[\"",
            "\"s\":[1",
            "\"p\":4",
            "\"t\":1681135200",
        ] {
            let with_more = V2.replacen(place, &format!("\"later\":1,{place}"), 1);
            let error = read(&room(), VERSION, &with_more).expect_err("a field of a later version");
            let text = error.to_string();
            for part in ["H001/101", "unknown field `later`", "backup"] {
                assert!(text.contains(part), "{place}: {part}: {text}");
            }
        }
        for (written, wrong, why) in [
            ("1681127880", "99999999999999", "year"),
            ("7200,null", "7200", "incomplete"),
            ("7200,null", "null,7200", "incomplete"),
        ] {
            let damaged = V2.replace(written, wrong);
            let error = read(&room(), VERSION, &damaged).expect_err(wrong);
            assert!(error.to_string().contains(why), "{wrong}: {error}");
        }
    }
}
