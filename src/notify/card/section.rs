//! One story on a card.

use crate::engine::{
    Closing, Compared, Handling, HotelNotice, HotelNoticeKind, MeterNotice, MeterNoticeKind,
    Notice, NoticeKind, RoomNotice, Rule, Stay, Unusual,
};
use crate::notify::story::{Status, Story};
use crate::types::{Kind, LocalTime, WattHours};

use super::chart::chart;
use super::content::{Field, Row, Section};
use super::numbers::{kilowatts, kwh_a_day, ranges, short};
use super::words::{Unusually, Words};

/// The card that a section is part of.
pub(super) struct Around<'a> {
    /// The hotel's name for the staff.
    pub(super) hotel: &'a str,
    /// Whether the card has several statuses.
    pub(super) is_mixed: bool,
    pub(super) price: Option<f64>,
}

/// The section of a story.
pub(super) fn section(words: &Words, story: &Story, around: &Around<'_>) -> Option<Section> {
    let hotel = words.field(words.hotel, around.hotel);
    let state = around.is_mixed.then(|| words.of(story).short);
    let mut heading: Vec<String> = state.into_iter().map(str::to_owned).collect();
    let (subject, mut rows) = match story.last()? {
        Notice::Room(notice) => {
            let room = notice.room.room_number.as_str();
            let occupancy = occupancy(words, notice);
            let power = (words.kilowatts)(&kilowatts(notice));
            heading.extend([room, occupancy].map(str::to_owned));
            // The power is in the heading only while the room is abnormal.
            let is_abnormal = matches!(story.status, Status::Alert | Status::Reminder);
            heading.extend(is_abnormal.then(|| power.clone()));
            let name = match notice.kind {
                NoticeKind::Alert | NoticeKind::Reminder => words.power,
                NoticeKind::Recovered => words.power_over,
                NoticeKind::Closed(why) => {
                    heading.push((words.closed_by)(notice.stay.kind(), why).to_owned());
                    words.power_over
                }
            };
            let mut state = occupancy.to_owned();
            if let NoticeKind::Closed(why @ Closing::OutOfOrder { .. }) = notice.kind {
                state.push_str(words.between_states);
                state.push_str((words.closed_by)(notice.stay.kind(), why));
            }
            let subject = vec![
                Row::Fields(vec![hotel, words.field(words.room, room)]),
                Row::Fields(vec![
                    words.field(words.state, state),
                    words.field(name, power),
                ]),
            ];
            (subject, room_rows(words, notice, story, around))
        }
        Notice::Meters(notice) => {
            if heading.is_empty() {
                heading.push(words.of(story).long.to_owned());
            }
            (vec![single(hotel)], meter_rows(words, notice))
        }
        Notice::Hotel(notice) => {
            if heading.is_empty() {
                heading.push(words.of(story).long.to_owned());
            }
            (vec![single(hotel)], common_rows(words, notice, around))
        }
    };
    add_handling(words, story.last()?.handling(), &mut rows);
    Some(Section {
        heading: format!("{} {}", mark(story.status), heading.join(" · ")),
        subject,
        rows,
        number: format!("{} {}", words.number, ranges(story.ids())),
    })
}

/// The mark by which the eye finds it among others.
fn mark(status: Status) -> &'static str {
    match status {
        Status::Alert => "🔴",
        Status::Reminder => "🟠",
        Status::Silent
        | Status::Frozen
        | Status::Rise
        | Status::Level
        | Status::Unclear
        | Status::Closed => "🟡",
        Status::NewStay | Status::Ended => "⚪",
        Status::Recovered | Status::Reporting | Status::Moving => "🟢",
    }
}

/// Whether the room is occupied or vacant by now.
fn occupancy(words: &Words, notice: &RoomNotice) -> &'static str {
    let kind = match notice.kind {
        NoticeKind::Closed(Closing::NewStay { kind, .. }) => kind,
        _ => notice.stay.kind(),
    };
    match kind {
        Kind::Checkin => words.occupied,
        Kind::Checkout => words.vacant,
    }
}

fn time(time: LocalTime) -> String {
    time.day_hour_minute()
}

/// A time span; the day is shown once where both are the same.
fn span(words: &Words, from: LocalTime, to: LocalTime) -> String {
    let (first, last) = (time(from), time(to));
    let clock = last.split_once(' ').filter(|_| from.date() == to.date());
    (words.from_to)(&first, clock.map_or(&*last, |(_, clock)| clock))
}

fn room_rows(words: &Words, notice: &RoomNotice, story: &Story, around: &Around<'_>) -> Vec<Row> {
    let seconds = notice.run_seconds();
    let (long, since) = ((words.duration)(seconds), time(notice.since));
    let run = match notice.kind {
        NoticeKind::Alert | NoticeKind::Reminder => {
            let run = (words.run_of)(&long, notice.periods, &since);
            words.field(words.run, run)
        }
        NoticeKind::Recovered | NoticeKind::Closed(_) => {
            let span = span(words, notice.since, notice.since.plus(seconds));
            let run = (words.run_over_of)(&long, notice.periods, &span);
            words.field(words.run_over, run)
        }
    };
    let mut rows = vec![single(run)];
    // The threshold is for the new length of the interval.
    if notice.kind != NoticeKind::Closed(Closing::IntervalChanged) {
        let kwh = notice.energy.0 as f64 / 1000.0;
        let rate = short(kwh * notice.interval_seconds as f64 / seconds as f64);
        let threshold = notice.threshold.to_string();
        let rate = match notice.rule {
            Rule::Fixed => (words.rate_of)(&rate, &threshold),
            Rule::Baseline => format!("{rate} kWh"),
        };
        let minutes = notice.interval_seconds / 60;
        rows.push(single(words.field((words.rate)(minutes), rate)));
    }
    let goes_on = matches!(notice.kind, NoticeKind::Alert | NoticeKind::Reminder);
    if goes_on && let Some(unusual) = &notice.unusual {
        rows.push(single(
            words.field(words.why, why(words, notice, unusual, &long)),
        ));
    }
    if goes_on && notice.rule == Rule::Fixed && notice.incident.is_some() {
        let passed = (words.passed_threshold)(&notice.threshold.to_string());
        rows.push(single(words.field(words.why, passed)));
    }
    let energy = notice.energy.to_string();
    let energy = match around.price {
        None => format!("{energy} kWh"),
        Some(price) => {
            let cost = format!("¥{:.2}", notice.energy.0 as f64 / 1000.0 * price);
            (words.energy_and_cost)(&energy, &cost)
        }
    };
    rows.push(single(words.field(words.energy, energy)));
    rows.push(Row::Fields(match notice.kind {
        NoticeKind::Closed(Closing::NewStay { kind, at }) => {
            let old = notice.stay.kind();
            let names = [old, kind].map(|kind| words.begin(kind));
            let [old, new] = match names {
                [old, new] if old == new => (words.old_and_new)(old),
                names => names.map(str::to_owned),
            };
            vec![
                words.field(old, time(notice.stay.time())),
                words.field(new, time(at)),
            ]
        }
        _ => stay(words, &notice.stay),
    }));
    rows.push(Row::Chart(chart(words, notice)));
    match notice.kind {
        NoticeKind::Alert | NoticeKind::Reminder => {
            rows.push(single(words.field(words.detected, time(notice.detected))));
        }
        NoticeKind::Recovered => {
            rows.push(single(
                words.field(words.normal_since, time(notice.detected)),
            ));
        }
        NoticeKind::Closed(Closing::Gap) => {
            let gap = span(words, notice.since.plus(seconds), notice.detected);
            rows.push(single(words.field(words.no_readings, gap)));
        }
        NoticeKind::Closed(_) => {}
    }
    if story.status == Status::Unclear {
        rows.push(single(words.field(words.now, words.now_unknown)));
    }
    rows
}

/// Who takes care of it, or did, and until when it was snoozed. What has lapsed comes first: it is
/// why the card is sent.
fn add_handling(words: &Words, handling: Option<&Handling>, rows: &mut Vec<Row>) {
    let Some(handling) = handling else { return };
    let lapsed_at = handling.lapsed_at;
    let acknowledged = handling.acknowledged.as_ref().map(|it| {
        let by = match lapsed_at {
            Some(lapsed) => (words.handled_before)(&it.by, &(words.duration)(lapsed.since(it.at))),
            None => (words.handled_by)(&it.by, &time(it.at)),
        };
        single(words.field(words.handled, by))
    });
    let snoozed = handling.snoozed_until.map(|until| {
        let said = match lapsed_at {
            Some(_) => words.snooze_lapsed,
            None => words.snoozed_until,
        };
        single(words.field(words.snoozed, said(&time(until))))
    });
    let place = lapsed_at.map_or(rows.len(), |_| 0);
    rows.splice(place..place, acknowledged.into_iter().chain(snoozed));
}

/// Why the baseline rule finds a room's use unusual.
fn why(words: &Words, notice: &RoomNotice, unusual: &Unusual, long: &str) -> String {
    let minutes = notice.interval_seconds / 60;
    let kwh = |energy: WattHours| short(energy.0 as f64 / 1000.0);
    let (base, mean) = (
        kwh(unusual.base),
        notice.energy.0 / i64::from(notice.periods.max(1)),
    );
    match unusual.compared {
        Compared::Vacant { others } => {
            let others = others.map(|of| (of.rooms, kwh(of.low), kwh(of.high)));
            (words.unusual_vacant)(&Unusually {
                long,
                minutes,
                used: &kwh(WattHours(mean)),
                base: &base,
                others: { others.as_ref() }.map(|(rooms, low, high)| (*rooms, &**low, &**high)),
                level: "",
            })
        }
        Compared::Occupied { held, level } => (words.unusual_occupied)(&Unusually {
            long,
            minutes,
            used: &kwh(held),
            base: &base,
            others: None,
            level: &kwh(level),
        }),
    }
}

fn single(field: Field) -> Row {
    Row::Fields(vec![field])
}

fn stay(words: &Words, stay: &Stay) -> Vec<Field> {
    let times = match *stay {
        Stay::Occupied {
            check_in,
            expected_checkout,
        } => [
            (words.check_in, Some(check_in)),
            (words.expected_checkout, expected_checkout),
        ],
        Stay::Vacant {
            actual_checkin,
            actual_checkout,
        } => [
            (words.check_in, actual_checkin),
            (words.check_out, Some(actual_checkout)),
        ],
    };
    let times = times.into_iter();
    times
        .filter_map(|(name, at)| Some(words.field(name, time(at?))))
        .collect()
}

fn meter_rows(words: &Words, notice: &MeterNotice) -> Vec<Row> {
    let (count, since, named) = match notice.kind {
        MeterNoticeKind::Silent => (words.silent_meters, words.last_reading, words.silent_rooms),
        MeterNoticeKind::Reporting => (words.silent_meters, words.silent_since, words.silent_rooms),
        MeterNoticeKind::Frozen | MeterNoticeKind::Moving => {
            (words.frozen_meters, words.frozen_since, words.frozen_rooms)
        }
    };
    let mut rows = Vec::new();
    // Since a start it may not be known yet which ones go on to be.
    let is_known = |it: &Handling| it.lapsed_at.is_none();
    if notice.silent > 0 || notice.handling.as_deref().is_none_or(is_known) {
        let meters = (words.meters_of)(notice.silent, notice.watched);
        rows.push(single(words.field(count, meters)));
    }
    let mut times = Vec::new();
    match (notice.kind, notice.since) {
        (MeterNoticeKind::Reporting, None) => {}
        (_, at) => times.push(words.field(since, at.map_or(words.never.to_owned(), time))),
    }
    times.push(words.field(words.detected, time(notice.detected)));
    rows.push(Row::Fields(times));
    if !notice.rooms.is_empty() {
        let mut rooms = words.joined(&notice.rooms);
        let silent = notice.silent as usize;
        if notice.rooms.len() < silent {
            rooms = (words.first_of)(&rooms, silent);
        }
        rows.push(single(words.field(named, rooms)));
    }
    rows
}

/// The rows about what vacant rooms have in common.
fn common_rows(words: &Words, notice: &HotelNotice, around: &Around<'_>) -> Vec<Row> {
    let detected = words.field(words.detected, time(notice.detected));
    let rooms = (words.rooms_of_vacant)(notice.rooms(), notice.vacant);
    let rooms = words.field(words.vacant_rooms, rooms);
    match notice.kind {
        HotelNoticeKind::Rise => {
            let began = words.field(words.began, time(notice.since));
            vec![single(rooms), Row::Fields(vec![began, detected])]
        }
        HotelNoticeKind::Level => {
            let kwh = kwh_a_day(notice);
            let energy = match around.price {
                None => format!("{kwh:.0} kWh"),
                Some(price) => {
                    (words.energy_and_cost)(&format!("{kwh:.0}"), &format!("¥{:.0}", kwh * price))
                }
            };
            let level = short(notice.common.0 as f64 / 1000.0);
            let level = (words.more_each)(notice.interval_seconds / 60, &level);
            let level = words.field(words.common_level_is, level);
            let energy = words.field(words.more_each_day, energy);
            vec![
                single(rooms),
                Row::Fields(vec![level, energy]),
                single(detected),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::sample;

    #[test]
    fn energies_are_scaled_to_the_interval() {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let mut slow = sample::room_notice(NoticeKind::Alert, 1, now);
        slow.detected = slow.since.plus(4 * 50 * 60);
        slow.energy = WattHours(4 * 2_600);
        let words = super::super::words::words(crate::config::Language::En);
        let story = Story::of(1, Notice::Room(slow));
        let around = Around {
            hotel: "H1",
            is_mixed: false,
            price: None,
        };
        let section = section(words, &story, &around).expect("a notice");
        let text = section
            .lines()
            .flatten()
            .collect::<Vec<String>>()
            .join("\n");
        for part in [
            "Average power: 3.1 kW\n",
            "Abnormal for: 3 h 20 min (4 intervals), since ",
            "Per 30 min: 1.56 kWh (threshold 1.5 kWh)",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
    }
}
