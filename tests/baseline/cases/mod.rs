//! Examples for the edges of each step: the numbers in the comments are worked with a pencil.

mod account;
mod coarse;
mod common;
mod floors;
mod hotel;
mod occupied;
mod peers;

use roomwatt::types::{LocalTime, RoomNumber, WattHours};

use crate::evaluate;
use crate::oracle::{
    AccountStep, Evaluation, Event, Hotel, Interval, Kind, Level, NoticeKind, RoomNotice, Rules,
    Working,
};

const HALF_HOUR: i64 = 1800;

/// The beginning of every example, at which a frame and six hours begin: 2024-01-01 00:00:00.
const START: i64 = 1_704_067_200;

/// A time so many half hours after the beginning.
fn at(half_hours: i64) -> LocalTime {
    LocalTime::from_seconds(START + half_hours * HALF_HOUR).expect("a time")
}

/// The frame of an interval that ends so many half hours after the beginning.
fn frame(half_hours: i64) -> i64 {
    START / HALF_HOUR + half_hours
}

/// Writes the events of a room one after the other. It begins vacant, with a fine meter, at
/// [`START`], where its stay begins, too.
#[derive(Clone)]
struct Story {
    now: LocalTime,
    kind: Kind,
    watch: u64,
    stay_time: LocalTime,
    fine: bool,
    interval_seconds: i64,
    events: Vec<Event>,
}

fn story() -> Story {
    Story {
        now: at(0),
        kind: Kind::Vacant,
        watch: 1,
        stay_time: at(0),
        fine: true,
        interval_seconds: HALF_HOUR,
        events: Vec::new(),
    }
}

/// One that begins occupied.
fn occupied_story() -> Story {
    Story {
        kind: Kind::Occupied,
        ..story()
    }
}

impl Story {
    fn stay(self, kind: Kind) -> Story {
        Story {
            kind,
            watch: self.watch + 1,
            stay_time: self.now,
            ..self
        }
    }

    fn vacant(self) -> Story {
        self.stay(Kind::Vacant)
    }

    fn occupied(self) -> Story {
        self.stay(Kind::Occupied)
    }

    fn coarse(self) -> Story {
        Story {
            fine: false,
            ..self
        }
    }

    fn fine(self) -> Story {
        Story { fine: true, ..self }
    }

    /// The stay began so many seconds before now.
    fn began_before(self, seconds: i64) -> Story {
        Story {
            stay_time: self.now.plus(-seconds),
            ..self
        }
    }

    /// An interval of so many periods with this energy in all.
    fn long(mut self, periods: u32, wh: i64) -> Story {
        let seconds = i64::from(periods) * self.interval_seconds;
        let ended = self.now.plus(seconds);
        self.events.push(Event::Interval(Interval {
            kind: self.kind,
            watch: self.watch,
            stay_time: self.stay_time,
            opened: self.now,
            ended,
            periods,
            seconds,
            energy: WattHours(wh),
            fine: self.fine,
        }));
        Story { now: ended, ..self }
    }

    /// An interval of one period that takes other than half an hour.
    fn of_seconds(self, seconds: i64, wh: i64) -> Story {
        let now = self.now;
        let mut story = self.long(1, wh);
        story.now = now.plus(seconds);
        if let Some(Event::Interval(interval)) = story.events.last_mut() {
            interval.seconds = seconds;
            interval.ended = story.now;
        }
        story
    }

    /// Intervals of one period with this energy each.
    fn uses(self, intervals: usize, wh: i64) -> Story {
        (0..intervals).fold(self, |story, _| story.long(1, wh))
    }

    /// Intervals of one period with these energies.
    fn each<const N: usize>(self, wh: [i64; N]) -> Story {
        wh.into_iter().fold(self, |story, wh| story.long(1, wh))
    }

    /// Nothing was judged for so many half hours.
    fn gap(mut self, half_hours: i64) -> Story {
        self.events.push(Event::Break);
        self.now = self.now.plus(half_hours * HALF_HOUR);
        self
    }

    fn across(mut self) -> Story {
        self.events.push(Event::AcrossStay);
        self
    }

    /// Nothing for so many half hours, and nothing that is known of it.
    fn pause(self, half_hours: i64) -> Story {
        let now = self.now.plus(half_hours * HALF_HOUR);
        Story { now, ..self }
    }
}

fn room(number: usize) -> RoomNumber {
    RoomNumber::new(&format!("{number:03}"))
}

/// Rooms 001, 002 and so on.
fn hotel(stories: impl IntoIterator<Item = Story>) -> Hotel {
    let rooms = stories.into_iter().enumerate();
    Hotel {
        rooms: rooms
            .map(|(at, story)| (room(at + 1), story.events))
            .collect(),
    }
}

fn evaluated(stories: impl IntoIterator<Item = Story>) -> Evaluation {
    evaluate(&Rules::default(), &hotel(stories))
}

/// The workings of room 001, in time order.
fn first_of(stories: impl IntoIterator<Item = Story>) -> Vec<Working> {
    of_room(1, &evaluated(stories))
}

fn of_room(number: usize, evaluation: &Evaluation) -> Vec<Working> {
    let workings = evaluation.workings.iter();
    let of_room = workings.filter(|working| working.room == room(number));
    of_room.cloned().collect()
}

/// The workings of a room that has no others beside it.
fn alone(story: Story) -> Vec<Working> {
    first_of([story])
}

/// Of the last interval.
fn last(workings: Vec<Working>) -> Working {
    workings.into_iter().next_back().expect("an interval")
}

fn accounts(workings: &[Working]) -> Vec<AccountStep> {
    let steps = workings
        .iter()
        .filter_map(|working| working.account.clone());
    steps.collect()
}

/// S after each interval.
fn excesses(workings: &[Working]) -> Vec<i64> {
    let steps = accounts(workings).into_iter();
    steps.map(|step| step.after.excess).collect()
}

fn level(working: &Working) -> Level {
    working.level.clone().expect("an occupied room")
}

/// The place of each interval that caused a notice, from 1 on, with the notice's kind.
fn notices(workings: &[Working]) -> Vec<(usize, NoticeKind)> {
    let numbered = workings.iter().zip(1..);
    let notices = numbered.filter_map(|(working, number)| {
        let notice = working.notice.as_ref()?;
        Some((number, notice.kind))
    });
    notices.collect()
}

fn notice(workings: &[Working], number: usize) -> RoomNotice {
    workings[number - 1].notice.clone().expect("a notice")
}

/// A room that contributes this vacant floor and, at half hour `until`, this excess: it was vacant
/// for six half hours at its floor, and is vacant since.
fn peer(floor: i64, excess: i64, until: i64) -> Story {
    let story = story().uses(6, floor).vacant();
    let quiet = usize::try_from(until - 7).expect("later than the seventh half hour");
    story.uses(quiet, floor).uses(1, floor + excess)
}
