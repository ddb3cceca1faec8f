//! Rooms as they come: meters of every rhythm and every fault, guests at awkward times.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use roomwatt::engine::{
    Fact, RoomState, RoomStatus, Rules, StatusChange, Statuses, Stay, Thresholds,
};
use roomwatt::types::{LocalTime, Reading, RoomKey, WattHours};

use crate::player::Room;

/// One room's history.
#[derive(Clone, Debug)]
pub struct World {
    pub rules: Rules,
    /// In time order; some share a time.
    pub readings: Vec<Reading>,
    /// In the order of events, each once. At least one.
    pub stays: Vec<Stay>,
    /// In the order of time, each once.
    pub statuses: Vec<StatusChange>,
}

/// What a message of a world says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    Stay(Stay),
    Status(StatusChange),
}

impl Message {
    pub fn time(&self) -> LocalTime {
        match self {
            Message::Stay(stay) => stay.time(),
            Message::Status(change) => change.at,
        }
    }

    pub fn deliver(&self, room: &mut Room, stored: &[Reading], rules: &Rules) {
        match *self {
            Message::Stay(stay) => room.message(stay, stored, rules),
            Message::Status(change) => room.status(change, rules),
        };
    }
}

/// How a meter goes on for a while.
#[derive(Clone, Debug)]
struct Phase {
    quirk: Quirk,
    pace: Pace,
    load: Load,
    /// Wh more than the load, at each reading.
    extra: i64,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
enum Quirk {
    None,
    /// The meter is replaced; the new one shows this.
    Replaced(i64),
    /// This many wrong readings in a row, each of its own.
    Outliers(u8),
    /// This many that show the same.
    EqualOutliers(u8),
    /// One reading shows this much less than the one before.
    Falls(i64),
    /// Another row with the time of the last reading.
    Twin(i64),
    /// So many seconds beyond (or short of) the longest gap without a reading.
    Silent(i64),
}

/// Seconds between two readings, in lengths of the rules.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// `n` intervals, `tenths` of one, and seconds.
    Intervals(i64, i64, i64),
    /// The longest gap and seconds.
    Gap(i64),
    Seconds(i64),
}

/// Energy per interval.
#[derive(Clone, Copy, Debug)]
enum Load {
    None,
    /// The threshold of a vacant room times this, over four.
    Quarters(i64),
    MostPlausible,
    Wh(i64),
}

impl Pace {
    fn seconds(self, rules: &Rules) -> i64 {
        let (interval, tolerance) = (rules.interval_seconds, rules.tolerance_seconds());
        match self {
            Pace::Intervals(count, tenths, seconds) => {
                (count * interval + tenths * tolerance + seconds).max(0)
            }
            Pace::Gap(seconds) => rules.max_gap_seconds + seconds,
            Pace::Seconds(seconds) => seconds,
        }
    }
}

impl Load {
    fn wh(self, rules: &Rules) -> i64 {
        match self {
            Load::None => 0,
            Load::Quarters(quarters) => rules.thresholds.checkout.0 * quarters / 4,
            Load::MostPlausible => rules.max_plausible.0,
            Load::Wh(wh) => wh,
        }
    }
}

fn pace() -> impl Strategy<Value = Pace> {
    prop_oneof![
        8 => Just(Pace::Intervals(1, 0, 0)),
        // 27:00, 33:00, 57:00 and their neighbours
        4 => (1..=3i64, select(&[-1i64, 1][..]), -1..=1i64)
            .prop_map(|(n, tenths, s)| Pace::Intervals(n, tenths, s)),
        2 => (1..=4i64).prop_map(|n| Pace::Intervals(n, 0, 0)),
        1 => (-1..=1i64).prop_map(Pace::Gap),
        // readings within an interval
        3 => select(&[0, 1, 60, 5 * 60, 7 * 60, 12 * 60, 20 * 60, 45 * 60][..])
            .prop_map(Pace::Seconds),
        2 => (1..8_000i64).prop_map(Pace::Seconds),
    ]
}

fn load() -> impl Strategy<Value = Load> {
    prop_oneof![
        2 => Just(Load::None),
        2 => Just(Load::Quarters(4)),
        8 => (5..=16i64).prop_map(Load::Quarters),
        1 => Just(Load::MostPlausible),
        3 => (0..6_000i64).prop_map(Load::Wh),
    ]
}

fn quirk() -> impl Strategy<Value = Quirk> {
    prop_oneof![
        12 => Just(Quirk::None),
        2 => prop_oneof![Just(0), 0..100_000i64, Just(9_000_000)].prop_map(Quirk::Replaced),
        2 => (1..=3u8).prop_map(Quirk::Outliers),
        2 => (2..=4u8).prop_map(Quirk::EqualOutliers),
        1 => (18..=22i64).prop_map(Quirk::Falls),
        1 => (-3_000..3_000i64).prop_map(Quirk::Twin),
        2 => (-1..=1i64).prop_map(Quirk::Silent),
    ]
}

fn phase() -> impl Strategy<Value = Phase> {
    (quirk(), pace(), load(), 0..=1i64, 1..=9usize).prop_map(|(quirk, pace, load, extra, count)| {
        Phase {
            quirk,
            pace,
            load,
            extra,
            count,
        }
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    (
        select(&[30i64, 30, 30, 15, 60][..]),
        select(&[(120i64, 90i64), (120, 90), (90, 90), (120, 30), (120, 240)][..]),
        select(&[None, None, Some(50_000), Some(1_000_000)][..]),
        select(&[4u32, 4, 4, 1, 3][..]),
        select(&[12usize, 12, 0, 2][..]),
        select(&[(2_000i64, 1_500i64), (2_000, 1_500), (300, 300), (0, 0)][..]),
        select(&[0i64, 0, 60, 45][..]),
    )
        .prop_map(
            |(
                interval,
                (gap, silent_after),
                modulus,
                alert_periods,
                history_intervals,
                thresholds,
                cleaning_grace,
            )| Rules {
                interval_seconds: interval * 60,
                max_gap_seconds: gap * 60,
                silent_after_seconds: silent_after * 60,
                register_modulus: modulus.map(WattHours),
                alert_periods,
                history_intervals,
                cleaning_grace_seconds: cleaning_grace * 60,
                thresholds: Thresholds {
                    checkin: WattHours(thresholds.0),
                    checkout: WattHours(thresholds.1),
                },
                ..Rules::default()
            },
        )
}

/// Where a stay begins, as against a reading; check-in or check-out.
fn stay_place() -> impl Strategy<Value = (Index, Pace, bool)> {
    let offset = prop_oneof![
        3 => Just(Pace::Seconds(0)),
        2 => (-1..=1i64).prop_map(Pace::Seconds),
        2 => (-1..=1i64).prop_map(|s| Pace::Intervals(0, 1, s)),
        2 => (-1..=1i64).prop_map(|s| Pace::Intervals(1, 0, s)),
        2 => (0..7_300i64).prop_map(Pace::Seconds),
    ];
    (any::<Index>(), offset, any::<bool>())
}

/// A room's history under rules of any kind.
pub fn world() -> impl Strategy<Value = World> {
    let late_stays = vec(stay_place(), 0..=3);
    (rules(), vec(phase(), 3..=12), stay_place(), late_stays).prop_map(
        |(rules, phases, first, others)| {
            let readings = meter(&phases, &rules);
            let mut stays = vec![stay(first, &readings[..readings.len().min(4)], &rules)];
            stays.extend(
                others
                    .into_iter()
                    .map(|place| stay(place, &readings, &rules)),
            );
            stays.sort_by_key(Stay::order);
            stays.dedup_by_key(|stay| stay.order());
            World {
                rules,
                readings,
                stays,
                statuses: Vec::new(),
            }
        },
    )
}

/// Where a status begins, as against a reading, and which.
fn status_place() -> impl Strategy<Value = (Index, Pace, RoomStatusFor)> {
    let offset = prop_oneof![
        3 => Just(Pace::Seconds(0)),
        2 => (-1..=1i64).prop_map(Pace::Seconds),
        2 => (0..7_300i64).prop_map(Pace::Seconds),
    ];
    let status = prop_oneof![
        2 => prop::option::of(prop_oneof![Just(0), 1..20_000i64])
            .prop_map(RoomStatusFor::OutOfOrder),
        2 => Just(RoomStatusFor::Is(RoomStatus::InOrder)),
        2 => Just(RoomStatusFor::Is(RoomStatus::Dirty)),
        1 => Just(RoomStatusFor::Is(RoomStatus::Clean)),
    ];
    (any::<Index>(), offset, status)
}

/// A status whose end is so many seconds after its beginning.
#[derive(Clone, Copy, Debug)]
enum RoomStatusFor {
    OutOfOrder(Option<i64>),
    Is(RoomStatus),
}

/// A room's history in which its status changes, after its first stay has begun: before that it is
/// not remembered.
pub fn world_with_statuses() -> impl Strategy<Value = World> {
    (world(), vec(status_place(), 1..=6)).prop_map(|(mut world, places)| {
        let begin = world.stays[0].time();
        let changes = places.into_iter().map(|(at, offset, status)| {
            let readings = &world.readings;
            let at = at.get(readings).time.plus(offset.seconds(&world.rules));
            let at = at.max(begin.plus(1));
            let status = match status {
                RoomStatusFor::Is(status) => status,
                RoomStatusFor::OutOfOrder(seconds) => RoomStatus::OutOfOrder {
                    until: seconds.map(|seconds| at.plus(seconds)),
                },
            };
            StatusChange { at, status }
        });
        world.statuses = changes.collect();
        world.statuses.sort();
        world.statuses.dedup();
        world
    })
}

fn meter(phases: &[Phase], rules: &Rules) -> Vec<Reading> {
    let modulus = rules.register_modulus.map(|modulus| modulus.0);
    let shown = |register: i64| WattHours(modulus.map_or(register, |m| register.rem_euclid(m)));
    let mut time = LocalTime::from_ymd_hms(2023, 4, 10, 8, 0, 0).expect("a date");
    let mut register = modulus.map_or(1_000_000, |modulus| modulus - 9_000);
    let mut readings = Vec::new();
    for phase in phases {
        let mut count = phase.count;
        let (mut wrong, mut falls) = (0, None);
        match phase.quirk {
            Quirk::None => {}
            Quirk::Replaced(shows) => register = shows,
            Quirk::Outliers(outliers) | Quirk::EqualOutliers(outliers) => {
                wrong = usize::from(outliers);
                count += wrong;
            }
            Quirk::Falls(fall) => falls = Some(fall),
            Quirk::Twin(more) => readings.push(Reading {
                time,
                register: shown(register + more),
            }),
            Quirk::Silent(seconds) => time = time.plus(rules.max_gap_seconds + seconds),
        }
        let pace = phase.pace.seconds(rules);
        let energy = phase.load.wh(rules) * pace / rules.interval_seconds + phase.extra;
        for place in 0..count {
            time = time.plus(pace);
            register += energy;
            let off = if place < wrong {
                match phase.quirk {
                    Quirk::EqualOutliers(_) => 500_000 - energy * (place as i64 + 1),
                    // they lie 500 kWh apart, so that they don't confirm one another
                    _ => 500_000 * (place as i64 + 1),
                }
            } else {
                falls.take().map_or(0, |fall| -fall - energy)
            };
            readings.push(Reading {
                time,
                register: shown(register + off),
            });
        }
    }
    readings
}

fn stay((at, offset, check_in): (Index, Pace, bool), readings: &[Reading], rules: &Rules) -> Stay {
    let time = at.get(readings).time.plus(offset.seconds(rules));
    let odd = time.seconds() % 2 == 0;
    if check_in {
        Stay::Occupied {
            check_in: time,
            expected_checkout: odd.then(|| time.plus(86_400)),
        }
    } else {
        Stay::Vacant {
            // No stay of this world began then, or it would be about that one.
            actual_checkin: odd.then(|| time.plus(-400 * 86_400)),
            actual_checkout: time,
        }
    }
}

pub fn room_key() -> RoomKey {
    RoomKey::new("H001", "101")
}

impl World {
    /// How many readings there are at or before a time.
    pub fn until(&self, time: LocalTime) -> usize {
        self.readings.partition_point(|r| r.time <= time)
    }

    /// Every message at its time, one sweep before it, one in the end.
    pub fn in_time(&self) -> Room {
        let mut room = room();
        for message in self.messages() {
            let stored = &self.readings[..self.until(message.time())];
            room.sweep(stored, &self.rules);
            message.deliver(&mut room, stored, &self.rules);
        }
        room.sweep(&self.readings, &self.rules);
        room
    }

    /// All messages in the order of time.
    pub fn messages(&self) -> Vec<Message> {
        let stays = self.stays.iter().copied().map(Message::Stay);
        let statuses = self.statuses.iter().copied().map(Message::Status);
        let mut messages: Vec<Message> = stays.chain(statuses).collect();
        messages.sort_by_key(Message::time);
        messages
    }

    /// The room with the watch on one of its stays at its beginning, where all statuses are known.
    pub fn state(&self, stay: &Stay) -> RoomState {
        let mut state = RoomState::new(*stay, &self.rules);
        for before in self
            .stays
            .iter()
            .filter(|before| before.order() < stay.order())
        {
            state
                .occupancy
                .add(Fact::of(before), self.rules.match_seconds);
        }
        state.statuses = Statuses::of_past(self.statuses.iter().copied());
        state
    }

    /// Each watch with the readings it judges, in order.
    pub fn watches(&self) -> Vec<(Stay, &[Reading])> {
        let ends = self
            .stays
            .iter()
            .skip(1)
            .map(|next| self.until(next.time()));
        let ends = ends.chain([self.readings.len()]);
        let watches = self.stays.iter().zip(ends);
        watches
            .map(|(stay, end)| (*stay, &self.readings[..end]))
            .collect()
    }
}

/// A room that no message has named yet.
pub fn room() -> Room {
    Room::new(room_key())
}
