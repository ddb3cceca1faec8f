//! An oracle of the baseline rule, written from the rule's text and from nothing else.
//!
//! It is plain and slow on purpose: it keeps everything of a hotel from its beginning to its end
//! where the rule says how little is enough. All numbers are integers, all divisions floor. Energy
//! is Wh, a rate is Wh per interval. Where the text can be read in two ways, a comment that begins
//! with "Reading:" says which one was taken.
#![allow(dead_code, unused_imports)] // each test binary uses its own share

mod hotel;
mod room;

use std::collections::BTreeMap;

use roomwatt::types::{LocalTime, RoomNumber, WattHours};

pub use hotel::{Contribution, HotelNotice, HotelNoticeKind, Peers};
pub use room::{Account, Level, Room};

use hotel::HotelNotices;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The length of an interval and of a frame.
    ///
    /// Reading: with another length x is the energy per that length, and frames and the account
    /// are counted in it, but no constant is scaled: 350 Wh, 48 frames and six periods are these
    /// numbers at any length, 5400 seconds and the six hours of the level ring stay what they are.
    pub interval_seconds: i64,
    pub allowance_wh: i64,
    pub alarm_wh: i64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            interval_seconds: 1800,
            allowance_wh: 100,
            alarm_wh: 800,
        }
    }
}

impl Rules {
    /// The frame of an interval that ended at this time.
    pub fn frame(&self, ended: LocalTime) -> i64 {
        ended.seconds().div_euclid(self.interval_seconds)
    }
}

/// The events of each room, in time order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hotel {
    pub rooms: BTreeMap<RoomNumber, Vec<Event>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Vacant,
    Occupied,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Interval(Interval),
    /// A gap, a changed meter, or another interval length.
    Break,
    /// An interval that began before the stay, and so was not judged.
    AcrossStay,
}

/// An interval that the fixed rule has judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub kind: Kind,
    /// Which of the room's watches judged it. Each watch is one stay, so another number than that
    /// of the interval before ends the stay, whether the kind is another one or the same.
    pub watch: u64,
    pub stay_time: LocalTime,
    pub opened: LocalTime,
    pub ended: LocalTime,
    pub periods: u32,
    pub seconds: i64,
    pub energy: WattHours,
    /// Whether the register has ever shown a fraction of a kWh, as of the last reading.
    pub fine: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rule {
    VacantAccount,
    OccupiedLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    Alert,
    Reminder,
    Recovered,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomNotice {
    pub room: RoomNumber,
    /// The end of the interval that caused it.
    pub ended: LocalTime,
    pub kind: NoticeKind,
    pub rule: Rule,
    pub since: LocalTime,
    pub periods: i64,
    pub energy: WattHours,
}

/// How an interval was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Working {
    pub room: RoomNumber,
    pub ended: LocalTime,
    pub kind: Kind,
    pub fine: bool,
    pub frame: i64,
    /// x: the energy per interval.
    pub x: i64,
    /// E: the excesses of the other vacant rooms two frames ago, sorted.
    pub others: Vec<i64>,
    pub hot: bool,
    /// D, of E.
    pub common_excess: i64,
    /// hb.
    pub hotel_base: i64,
    /// V and O.
    pub vacant_floor: Option<i64>,
    pub occupied_floor: Option<i64>,
    /// B.
    pub base: i64,
    /// Of a vacant room.
    pub account: Option<AccountStep>,
    /// Of an occupied room.
    pub level: Option<Level>,
    pub contribution: Option<Contribution>,
    pub notice: Option<RoomNotice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStep {
    /// T: what the room may use above its base.
    pub allowed: i64,
    /// e, of all periods of the interval.
    pub step: i64,
    pub held: bool,
    /// The account after it.
    pub after: Account,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// One of each interval, in the order in which they are evaluated.
    pub workings: Vec<Working>,
    pub hotel_notices: Vec<HotelNotice>,
}

impl Evaluation {
    /// In the order in which the intervals are evaluated.
    pub fn room_notices(&self) -> Vec<RoomNotice> {
        let notices = self.workings.iter().map(|working| working.notice.clone());
        notices.flatten().collect()
    }
}

/// Evaluates a hotel from its beginning to its end. Every interval is on time: no contribution is
/// missing because it came late.
pub fn evaluate(rules: &Rules, hotel: &Hotel) -> Evaluation {
    let mut rooms: BTreeMap<&RoomNumber, Room> = BTreeMap::new();
    // Of all frames: the rule keeps four a room, and no more than two frames back are looked at.
    let mut contributions: BTreeMap<i64, Vec<Contribution>> = BTreeMap::new();
    let mut hotel_notices = HotelNotices::default();
    let mut workings = Vec::new();
    let mut last_frame = None;
    for turn in turns(rules, hotel) {
        let of_frame = contributions.get(&(turn.frame - 2));
        let peers = Peers(of_frame.map(Vec::as_slice).unwrap_or_default());
        // Reading: a frame is looked at for the hotel's notices when an interval looks at it, that
        // is, if any room of the hotel has an interval two frames later.
        if last_frame != Some(turn.frame) {
            last_frame = Some(turn.frame);
            hotel_notices.look_at(turn.frame - 2, &peers, rules);
        }
        let room = rooms.entry(turn.room).or_default();
        for event in turn.before {
            match event {
                Event::Break => room.break_off(),
                Event::AcrossStay => room.clear_block(),
                Event::Interval(_) => unreachable!("an interval has a turn of its own"),
            }
        }
        let working = room.take(turn.room, turn.frame, turn.interval, &peers, rules);
        if let Some(contribution) = working.contribution.clone() {
            let of_frame = contributions.entry(turn.frame).or_default();
            of_frame.push(contribution);
        }
        workings.push(working);
    }
    Evaluation {
        workings,
        hotel_notices: hotel_notices.notices,
    }
}

/// An interval, with what happened in its room between the one before and it.
struct Turn<'a> {
    frame: i64,
    room: &'a RoomNumber,
    before: Vec<&'a Event>,
    interval: &'a Interval,
}

/// In the order (frame, room, time). What isn't an interval belongs to the frame of the interval
/// that follows it in its room; where none follows it changes nothing that can be seen.
fn turns<'a>(rules: &Rules, hotel: &'a Hotel) -> Vec<Turn<'a>> {
    let mut turns = Vec::new();
    for (room, events) in &hotel.rooms {
        let mut before = Vec::new();
        for event in events {
            let Event::Interval(interval) = event else {
                before.push(event);
                continue;
            };
            turns.push(Turn {
                frame: rules.frame(interval.ended),
                room,
                before: std::mem::take(&mut before),
                interval,
            });
        }
    }
    turns.sort_by_key(|turn| (turn.frame, turn.room, turn.interval.ended));
    turns
}
