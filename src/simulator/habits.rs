/// What guests and staff do that messages say otherwise, late, or not at all: how likely it is, and
/// what it uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habits {
    /// Per guest: comes in the morning, perhaps before the last one was checked out.
    pub early_arrivals: f64,
    /// Per departure: the system checks the guest out by itself, shortly after the planned time and
    /// with that time, although the guest left at another one. The next guest may be in by then.
    pub express_checkouts: f64,
    /// Per departure: the guest stays in the room for up to four hours after the check-out.
    pub late_checkouts: f64,
    /// Per stay: a second guest shares the room, and one of both leaves earlier.
    pub shared_rooms: f64,
    /// Per stay: the guest moves to the room next door, if that is vacant for long enough.
    pub moves: f64,
    /// Per stay of two nights or more: the last night was booked on the last morning.
    pub extensions: f64,
    /// Per vacancy: a check-in into the wrong room, which is undone within a quarter of an hour.
    pub undone_checkins: f64,
    /// Per vacancy: somebody stays for a night without a check-in.
    pub unknown_guests: f64,
    /// Per vacancy: the room is out of order for some hours or days, and is repaired.
    pub out_of_order: f64,
    /// Per vacancy: somebody of the staff uses the room for half an hour to an hour and a half.
    pub staff_visits: f64,
    /// Per vacancy: cleaning takes up to two hours, instead of half an hour.
    pub long_cleanings: f64,
    /// What such a cleaning uses, in Wh a half hour, from and to.
    pub long_cleaning_wh: (i64, i64),
    /// Share of the hotels whose messages have ids of stays.
    pub stay_ids: f64,
    /// Share of the hotels whose messages say when a room is dirty and when it is clean.
    pub cleaning_messages: f64,
}

/// Lamps all the time, a vacuum cleaner part of it. A usual cleaning, which takes half an hour,
/// uses 200 to 500 Wh.
const LONG_CLEANING_WH: (i64, i64) = (100, 300);

impl Habits {
    /// Messages say all, at once and truly.
    pub fn none() -> Habits {
        Habits {
            early_arrivals: 0.0,
            express_checkouts: 0.0,
            late_checkouts: 0.0,
            shared_rooms: 0.0,
            moves: 0.0,
            extensions: 0.0,
            undone_checkins: 0.0,
            unknown_guests: 0.0,
            out_of_order: 0.0,
            staff_visits: 0.0,
            long_cleanings: 0.0,
            long_cleaning_wh: LONG_CLEANING_WH,
            stay_ids: 0.0,
            cleaning_messages: 0.0,
        }
    }

    /// All of them, as often as an ordinary hotel has them.
    pub fn usual() -> Habits {
        Habits {
            early_arrivals: 0.08,
            express_checkouts: 0.15,
            late_checkouts: 0.05,
            shared_rooms: 0.08,
            moves: 0.1,
            extensions: 0.06,
            undone_checkins: 0.02,
            unknown_guests: 0.01,
            out_of_order: 0.02,
            staff_visits: 0.03,
            long_cleanings: 0.1,
            long_cleaning_wh: LONG_CLEANING_WH,
            stay_ids: 0.5,
            cleaning_messages: 0.5,
        }
    }
}
