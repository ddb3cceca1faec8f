//! The texts for the staff, in its languages.

mod en;
mod zh;

use crate::config::Language;
use crate::engine::{Closing, HotelNotice, MeterNoticeKind, Notice};
use crate::notify::story::{Status, Story};
use crate::types::{Kind, RoomNumber, WattHours};

use super::content::Field;
use super::numbers::short;

/// The texts of a language. Those with arguments are functions, because languages order them
/// differently.
pub(super) struct Words {
    pub(super) alert: Name,
    pub(super) reminder: Name,
    pub(super) unclear: Name,
    pub(super) closed: Name,
    pub(super) new_stay: Name,
    pub(super) ended: Name,
    pub(super) recovered: Name,
    pub(super) silent: Name,
    /// Somebody had acknowledged or snoozed it.
    pub(super) silent_still: Name,
    pub(super) silent_over: Name,
    pub(super) reporting: Name,
    pub(super) frozen: Name,
    pub(super) frozen_still: Name,
    pub(super) frozen_over: Name,
    pub(super) moving: Name,
    pub(super) rise: Name,
    pub(super) level: Name,
    pub(super) test: &'static str,
    /// Before the name of a status: rooms of one kind, or of both; one, or several.
    pub(super) rooms_that: fn(Option<Kind>, bool) -> &'static str,
    /// After it, before the hotel.
    pub(super) before_hotel: &'static str,
    pub(super) kilowatts: fn(&str) -> String,
    /// For several rooms.
    pub(super) most_kilowatts: fn(&str) -> String,

    pub(super) look_into_vacant: &'static str,
    pub(super) look_into_occupied: &'static str,
    pub(super) look_into_both: &'static str,
    pub(super) worst_first: &'static str,
    pub(super) was_over: &'static str,
    pub(super) may_go_on: &'static str,
    /// For rooms of which it is unknown, for different reasons, whether they have recovered.
    pub(super) closed_below: &'static str,
    pub(super) new_stays_below: &'static str,
    pub(super) nothing_to_do: &'static str,
    pub(super) check_gateway: &'static str,
    pub(super) some_are_silent: &'static str,
    pub(super) all_report: &'static str,
    pub(super) check_repeating: &'static str,
    pub(super) some_are_frozen: &'static str,
    pub(super) all_are_moving: &'static str,
    /// Many vacant rooms began to use more: what it may be, and what follows.
    pub(super) common_rise: fn(&InCommon) -> String,
    /// Many vacant rooms use more than by themselves: what can't be seen, and what to do.
    pub(super) common_level: fn(&InCommon) -> String,
    pub(super) only_a_test: &'static str,
    /// Why a run is no longer followed, in a title.
    pub(super) closed_by: fn(Kind, Closing) -> &'static str,
    /// The same as a sentence, with what to do; the argument is the kind of its stay.
    pub(super) closing: fn(Kind, Closing) -> String,

    pub(super) hotel: &'static str,
    pub(super) room: &'static str,
    pub(super) state: &'static str,
    pub(super) occupied: &'static str,
    pub(super) vacant: &'static str,
    /// Argument: seconds.
    pub(super) duration: fn(i64) -> String,
    pub(super) run: &'static str,
    /// Arguments: duration, periods, since when.
    pub(super) run_of: fn(&str, u32, &str) -> String,
    pub(super) run_over: &'static str,
    /// Arguments: duration, periods, from when to when.
    pub(super) run_over_of: fn(&str, u32, &str) -> String,
    pub(super) energy: &'static str,
    /// Arguments: kWh, cost.
    pub(super) energy_and_cost: fn(&str, &str) -> String,
    /// Argument: minutes of an interval.
    pub(super) rate: fn(i64) -> String,
    /// Arguments: kWh per interval, threshold.
    pub(super) rate_of: fn(&str, &str) -> String,
    pub(super) why: &'static str,
    /// Why the use of a vacant room is unusual.
    pub(super) unusual_vacant: fn(&Unusually<'_>) -> String,
    /// The same of an occupied room.
    pub(super) unusual_occupied: fn(&Unusually<'_>) -> String,
    /// An unusual use that the staff knows of has passed the threshold, too; argument: that.
    pub(super) passed_threshold: fn(&str) -> String,
    pub(super) power: &'static str,
    /// For a run that has ended.
    pub(super) power_over: &'static str,
    pub(super) check_in: &'static str,
    pub(super) expected_checkout: &'static str,
    pub(super) check_out: &'static str,
    /// Arguments: minutes of a bar, kWh of the highest one.
    pub(super) trend: fn(i64, &str) -> String,
    /// After a chart: the meaning of the marks among its bars.
    pub(super) legend: fn(&str) -> String,
    /// The mark where the stay began.
    pub(super) bar_is: fn(Kind) -> &'static str,
    pub(super) dot_is: &'static str,
    pub(super) detected: &'static str,
    pub(super) normal_since: &'static str,
    pub(super) no_readings: &'static str,
    /// Names of two times that would have the same name: the old one and the new one.
    pub(super) old_and_new: fn(&str) -> [String; 2],
    /// Arguments: from, to.
    pub(super) from_to: fn(&str, &str) -> String,
    pub(super) now: &'static str,
    pub(super) now_unknown: &'static str,
    /// Who takes care of it.
    pub(super) handled: &'static str,
    /// Arguments: by whom, since when.
    pub(super) handled_by: fn(&str, &str) -> String,
    /// The same of what goes on although it has lapsed; arguments: by whom, how long before.
    pub(super) handled_before: fn(&str, &str) -> String,
    /// It was snoozed.
    pub(super) snoozed: &'static str,
    /// What is over; argument: until when it was.
    pub(super) snoozed_until: fn(&str) -> String,
    /// What goes on; argument: until when it was.
    pub(super) snooze_lapsed: fn(&str) -> String,

    pub(super) silent_meters: &'static str,
    pub(super) frozen_meters: &'static str,
    /// Arguments: silent or frozen meters, watched meters.
    pub(super) meters_of: fn(u32, u32) -> String,
    pub(super) last_reading: &'static str,
    pub(super) silent_since: &'static str,
    pub(super) never: &'static str,
    pub(super) silent_rooms: &'static str,
    pub(super) frozen_since: &'static str,
    pub(super) frozen_rooms: &'static str,

    pub(super) vacant_rooms: &'static str,
    /// Arguments: some vacant rooms, all of them.
    pub(super) rooms_of_vacant: fn(u32, u32) -> String,
    pub(super) began: &'static str,
    pub(super) common_level_is: &'static str,
    /// Arguments: minutes of an interval, kWh.
    pub(super) more_each: fn(i64, &str) -> String,
    pub(super) more_each_day: &'static str,
    /// Argument: kWh.
    pub(super) more_a_day: fn(&str) -> String,

    pub(super) colon: &'static str,
    pub(super) number: &'static str,
    /// Arguments: rooms, their number.
    pub(super) rooms_of: fn(&str, usize) -> String,
    /// Arguments: the first of several, how many there are.
    pub(super) first_of: fn(&str, usize) -> String,
    pub(super) between_names: &'static str,
    pub(super) between_states: &'static str,
    /// Argument: how many others are not named.
    pub(super) others: fn(usize) -> String,
}

/// What a sentence about an unusual use says. Energies are kWh per interval.
pub(super) struct Unusually<'a> {
    /// How long it has gone on.
    pub(super) long: &'a str,
    /// The length of an interval, in minutes.
    pub(super) minutes: i64,
    /// What is used, or of an occupied room the least of it.
    pub(super) used: &'a str,
    /// What the room uses by itself.
    pub(super) base: &'a str,
    /// How many other vacant rooms there are, and what they use: from, to.
    pub(super) others: Option<(u32, &'a str, &'a str)>,
    /// What nine of ten rooms have not held above their bases.
    pub(super) level: &'a str,
}

/// What a sentence about what vacant rooms have in common says.
pub(super) struct InCommon {
    /// The rooms that began to use more, or use much more.
    pub(super) rooms: u32,
    /// All vacant rooms.
    pub(super) vacant: u32,
    pub(super) since: String,
    /// The length of an interval, in minutes.
    pub(super) minutes: i64,
    /// In kWh per interval: what they use more than they need at least, and up to which it looks
    /// normal.
    pub(super) more: String,
    pub(super) tolerated: String,
}

impl InCommon {
    pub(super) fn of(notice: &HotelNotice) -> InCommon {
        let kwh = |energy: WattHours| short(energy.0 as f64 / 1000.0);
        InCommon {
            rooms: notice.rooms(),
            vacant: notice.vacant,
            since: notice.since.day_hour_minute(),
            minutes: notice.interval_seconds / 60,
            more: kwh(notice.high_from),
            tolerated: kwh(notice.tolerated),
        }
    }
}

/// Two numbers with this between them; one where they are the same.
fn range(low: &str, between: &str, high: &str) -> String {
    match low == high {
        true => low.to_owned(),
        false => format!("{low}{between}{high}"),
    }
}

/// The name of a status.
pub(super) struct Name {
    /// After the rooms it is about.
    pub(super) long: &'static str,
    /// Among other statuses.
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
                    MeterNoticeKind::Silent | MeterNoticeKind::Reporting => &self.silent_over,
                    MeterNoticeKind::Frozen | MeterNoticeKind::Moving => &self.frozen_over,
                },
                Some(Notice::Room(_) | Notice::Hotel(_)) | None => &self.ended,
            },
            Status::Recovered => &self.recovered,
            Status::Silent if story.is_of_lapse() => &self.silent_still,
            Status::Silent => &self.silent,
            Status::Reporting => &self.reporting,
            Status::Frozen if story.is_of_lapse() => &self.frozen_still,
            Status::Frozen => &self.frozen,
            Status::Moving => &self.moving,
            Status::Rise => &self.rise,
            Status::Level => &self.level,
        }
    }

    pub(super) fn field(&self, name: impl Into<String>, value: impl Into<String>) -> Field {
        Field {
            name: name.into(),
            colon: self.colon,
            value: value.into(),
        }
    }

    /// The name of the time at which a stay begins.
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

/// Hours and minutes, rounded to the nearest minute.
fn hours_and_minutes(seconds: i64) -> (i64, i64) {
    let minutes = (seconds + 30) / 60;
    (minutes / 60, minutes % 60)
}
