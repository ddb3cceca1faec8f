//! What the staff reads, in its languages.

mod en;
mod zh;

use crate::config::Language;
use crate::engine::{Closing, MeterNoticeKind, Notice};
use crate::notify::story::{Status, Story};
use crate::types::{Kind, RoomNumber};

use super::content::Field;

/// A language's words. What takes arguments is a function, because languages order them otherwise.
pub(super) struct Words {
    pub(super) alert: Name,
    pub(super) reminder: Name,
    pub(super) unclear: Name,
    pub(super) closed: Name,
    pub(super) new_stay: Name,
    pub(super) ended: Name,
    pub(super) recovered: Name,
    pub(super) silent: Name,
    pub(super) silent_over: Name,
    pub(super) heard: Name,
    pub(super) frozen: Name,
    pub(super) frozen_over: Name,
    pub(super) moving: Name,
    pub(super) test: &'static str,
    /// Before the name of a state: rooms of one kind, or of both; one, or several.
    pub(super) rooms_that: fn(Option<Kind>, bool) -> &'static str,
    /// After it, before the hotel.
    pub(super) before_hotel: &'static str,
    pub(super) kilowatts: fn(&str) -> String,
    /// Of several rooms.
    pub(super) most_kilowatts: fn(&str) -> String,

    pub(super) look_into_vacant: &'static str,
    pub(super) look_into_occupied: &'static str,
    pub(super) look_into_both: &'static str,
    pub(super) worst_first: &'static str,
    pub(super) was_over: &'static str,
    pub(super) may_go_on: &'static str,
    /// Of rooms of which it is not known whether they are normal again, for different reasons.
    pub(super) closed_below: &'static str,
    pub(super) new_stays_below: &'static str,
    pub(super) nothing_to_do: &'static str,
    pub(super) check_gateway: &'static str,
    pub(super) some_are_silent: &'static str,
    pub(super) all_are_heard: &'static str,
    pub(super) check_repeating: &'static str,
    pub(super) some_are_frozen: &'static str,
    pub(super) all_are_moving: &'static str,
    pub(super) only_a_test: &'static str,
    /// Why a run is no longer followed, in a title.
    pub(super) closed_by: fn(Kind, Closing) -> &'static str,
    /// The same as a sentence, with what to do; the kind of the stay it was in.
    pub(super) closing: fn(Kind, Closing) -> String,

    pub(super) hotel: &'static str,
    pub(super) room: &'static str,
    pub(super) state: &'static str,
    pub(super) occupied: &'static str,
    pub(super) vacant: &'static str,
    /// Seconds.
    pub(super) duration: fn(i64) -> String,
    pub(super) run: &'static str,
    /// How long, periods, since.
    pub(super) run_of: fn(&str, u32, &str) -> String,
    pub(super) run_over: &'static str,
    /// How long, periods, from when to when.
    pub(super) run_over_of: fn(&str, u32, &str) -> String,
    pub(super) energy: &'static str,
    /// kWh, cost.
    pub(super) energy_and_cost: fn(&str, &str) -> String,
    /// Minutes of an interval.
    pub(super) rate: fn(i64) -> String,
    /// kWh per interval, threshold.
    pub(super) rate_of: fn(&str, &str) -> String,
    pub(super) power: &'static str,
    /// Of a run that has ended.
    pub(super) power_over: &'static str,
    pub(super) check_in: &'static str,
    pub(super) expected_checkout: &'static str,
    pub(super) check_out: &'static str,
    /// Minutes of a block, kWh of the highest.
    pub(super) trend: fn(i64, &str) -> String,
    /// After a chart: what marks among its bars mean.
    pub(super) legend: fn(&str) -> String,
    /// Where the stay began.
    pub(super) bar_is: fn(Kind) -> &'static str,
    pub(super) dot_is: &'static str,
    pub(super) detected: &'static str,
    pub(super) normal_since: &'static str,
    pub(super) no_readings: &'static str,
    /// Names of two times of one name, of which the second takes the place of the first.
    pub(super) old_and_new: fn(&str) -> [String; 2],
    /// From, to.
    pub(super) from_to: fn(&str, &str) -> String,
    pub(super) now: &'static str,
    pub(super) now_unknown: &'static str,

    pub(super) silent_meters: &'static str,
    pub(super) frozen_meters: &'static str,
    /// Meters that are silent or frozen, watched meters.
    pub(super) meters_of: fn(u32, u32) -> String,
    pub(super) last_reading: &'static str,
    pub(super) silent_since: &'static str,
    pub(super) never: &'static str,
    pub(super) silent_rooms: &'static str,
    pub(super) frozen_since: &'static str,
    pub(super) frozen_rooms: &'static str,

    pub(super) colon: &'static str,
    pub(super) number: &'static str,
    /// Rooms, their number.
    pub(super) rooms_of: fn(&str, usize) -> String,
    /// The first of more, how many there are.
    pub(super) first_of: fn(&str, usize) -> String,
    pub(super) between_names: &'static str,
    pub(super) between_states: &'static str,
    /// So many other things than those named.
    pub(super) others: fn(usize) -> String,
}

/// The name of a state.
pub(super) struct Name {
    /// After what it is the state of.
    pub(super) long: &'static str,
    /// Among others.
    pub(super) short: &'static str,
}

pub(super) fn words(language: Language) -> &'static Words {
    match language {
        Language::Zh => &zh::WORDS,
        Language::En => &en::WORDS,
    }
}

impl Words {
    pub(super) fn of(&self, story: &Story) -> &Name {
        match story.status {
            Status::Alert => &self.alert,
            Status::Reminder => &self.reminder,
            Status::Unclear => &self.unclear,
            Status::Closed => &self.closed,
            Status::NewStay => &self.new_stay,
            Status::Ended => match story.last() {
                Some(Notice::Meters(notice)) => match notice.kind {
                    MeterNoticeKind::Silent | MeterNoticeKind::Heard => &self.silent_over,
                    MeterNoticeKind::Frozen | MeterNoticeKind::Moving => &self.frozen_over,
                },
                Some(Notice::Room(_)) | None => &self.ended,
            },
            Status::Recovered => &self.recovered,
            Status::Silent => &self.silent,
            Status::Heard => &self.heard,
            Status::Frozen => &self.frozen,
            Status::Moving => &self.moving,
        }
    }

    pub(super) fn field(&self, name: impl Into<String>, value: impl Into<String>) -> Field {
        Field {
            name: name.into(),
            colon: self.colon,
            value: value.into(),
        }
    }

    /// What the time is called at which a stay begins.
    pub(super) fn begin(&self, kind: Kind) -> &'static str {
        match kind {
            Kind::Checkin => self.check_in,
            Kind::Checkout => self.check_out,
        }
    }

    pub(super) fn joined<'a>(&self, rooms: impl IntoIterator<Item = &'a RoomNumber>) -> String {
        let names: Vec<&str> = rooms.into_iter().map(RoomNumber::as_str).collect();
        names.join(self.between_names)
    }
}

/// To the nearest minute.
fn hours_and_minutes(seconds: i64) -> (i64, i64) {
    let minutes = (seconds + 30) / 60;
    (minutes / 60, minutes % 60)
}
