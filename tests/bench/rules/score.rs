//! What alerts are worth, against the truth of a made-up hotel.
//!
//! - A *waste* is an appliance of [`LEAST`] or more that was left on in a room in which nobody is.
//!   It is found when the room has an alert after its beginning and no later than a given time.
//!   Those that end sooner can't be found in time and are not counted, nor are those that had begun
//!   before the story.
//! - A *false alarm* is an alert of a room that messages say is vacant, in whose run (from the
//!   sample that opened it) no trouble was on, and nobody was in. What somebody uses who has
//!   checked out and stays on, or never checked in, is no waste, but no meter can tell it from one,
//!   and the staff may want to know of it: alerts of it are counted by themselves.
//! - In an occupied room a *trouble* that goes on for long enough is found by any alert until soon
//!   after its end; an alert in whose run none was on is false.
//!
//! Smaller wastes count in neither: it would be right to find them, and nobody demands it.

use roomwatt::engine::Stay;
use roomwatt::simulator::{RoomHistory, Trouble};
use roomwatt::types::{Kind, LocalTime};

/// What a waste uses in half an hour at least, in Wh.
const LEAST: i64 = 300;
/// How long a trouble in an occupied room goes on at least to be counted, in seconds.
pub const LONG: i64 = 3 * 3_600;
/// What a trouble has used may be judged so long after its end, in seconds.
const AFTERWARDS: i64 = 1_800;

/// An alert of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What messages said of the room.
    pub kind: Kind,
    /// When the sample that opened the run was read, and the reading that caused the alert.
    pub since: LocalTime,
    pub detected: LocalTime,
}

/// Times from one on, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: LocalTime,
    pub until: LocalTime,
}

impl Span {
    pub fn has(&self, time: LocalTime) -> bool {
        self.from <= time && time < self.until
    }

    /// The seconds of it between two times.
    fn seconds_between(&self, from: LocalTime, until: LocalTime) -> i64 {
        until.min(self.until).since(from.max(self.from)).max(0)
    }
}

/// How many of all were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub found: u64,
    pub all: u64,
}

impl Found {
    pub fn add(&mut self, is_found: bool) {
        self.found += u64::from(is_found);
        self.all += 1;
    }

    pub fn merge(&mut self, other: Found) {
        self.found += other.found;
        self.all += other.all;
    }

    /// The share that was found.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.all as f64
    }
}

/// False alarms, and the time in which there could have been some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct False {
    pub alarms: u64,
    pub seconds: i64,
}

impl False {
    pub fn merge(&mut self, other: False) {
        self.alarms += other.alarms;
        self.seconds += other.seconds;
    }

    /// In a hundred days of one room.
    pub fn per_hundred_days(&self) -> f64 {
        self.alarms as f64 * 100.0 * 86_400.0 / self.seconds as f64
    }
}

/// The wastes that count, if they are to be found within so many seconds: those that begin in the
/// span, after the story's beginning, and go on for that long before its end.
pub fn wastes(
    room: &RoomHistory,
    span: Span,
    story: Span,
    seconds: i64,
) -> impl Iterator<Item = &Trouble> {
    room.troubles.iter().filter(move |trouble| {
        trouble.kind == Kind::Checkout
            && trouble.per_half_hour.0 >= LEAST
            && span.has(trouble.from)
            && trouble.from > story.from
            && trouble.from.plus(seconds) <= trouble.until.min(story.until)
    })
}

/// Whether a waste is found within so many seconds of its beginning.
pub fn is_found(waste: &Trouble, alerts: &[Alert], seconds: i64) -> bool {
    let last = waste.from.plus(seconds);
    let mut alerts = alerts.iter();
    alerts.any(|alert| {
        alert.kind == Kind::Checkout && waste.from < alert.detected && alert.detected <= last
    })
}

/// The troubles of an occupied room that count: those that begin in the span, after the story's
/// beginning, and go on for at least so many seconds before its end.
pub fn misuses(
    room: &RoomHistory,
    span: Span,
    story: Span,
    seconds: i64,
) -> impl Iterator<Item = &Trouble> {
    room.troubles.iter().filter(move |trouble| {
        trouble.kind == Kind::Checkin
            && span.has(trouble.from)
            && trouble.from > story.from
            && trouble.from.plus(seconds) <= trouble.until.min(story.until)
    })
}

/// Whether a trouble of an occupied room is found at all.
pub fn is_found_at_all(misuse: &Trouble, alerts: &[Alert]) -> bool {
    let last = misuse.until.plus(AFTERWARDS);
    let mut alerts = alerts.iter();
    alerts.any(|alert| {
        alert.kind == Kind::Checkin && misuse.from < alert.detected && alert.detected <= last
    })
}

/// Whether nothing was wasted or misused while the run of an alert went on.
pub fn is_false(alert: &Alert, room: &RoomHistory) -> bool {
    let mut troubles = room.troubles.iter();
    !troubles.any(|trouble| trouble.from < alert.detected && alert.since < trouble.until)
}

/// The false alarms of a room in the span, in the times for which messages say that it is vacant,
/// or occupied.
pub fn false_alarms(
    room: &RoomHistory,
    stays: &[Stay],
    alerts: &[Alert],
    kind: Kind,
    span: Span,
) -> False {
    let until = |at: usize| stays.get(at + 1).map_or(span.until, Stay::time);
    let of_kind = { stays.iter().enumerate() }.filter(|(_, stay)| stay.kind() == kind);
    let seconds = of_kind.map(|(at, stay)| span.seconds_between(stay.time(), until(at)));
    let alarms = { alerts.iter() }
        .filter(|alert| alert.kind == kind && span.has(alert.detected))
        .filter(|alert| is_false(alert, room));
    False {
        seconds: seconds.sum(),
        alarms: alarms.count() as u64,
    }
}
