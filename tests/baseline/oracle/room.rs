//! One room: its floors, its account while it is vacant, its level while it is occupied.

use std::collections::BTreeMap;

use roomwatt::types::{LocalTime, RoomNumber, WattHours};

use super::hotel::{Contribution, Peers, percentile};
use super::{AccountStep, Interval, Kind, NoticeKind, RoomNotice, Rule, Rules, Working};

const ONSET_AFTER_SECONDS: i64 = 5400;
const RING_BLOCK_SECONDS: i64 = 6 * 3600;
/// How many of the last y are held.
const HOLD: usize = 6;

#[derive(Clone, Debug, Default)]
pub struct Room {
    /// Of all vacancies and of all occupied stays; the last three count.
    vacant_floors: Vec<i64>,
    occupied_floors: Vec<i64>,
    /// The greatest m of each six hours since 1970.
    levels: BTreeMap<i64, i64>,
    occupied_periods: i64,
    /// The last frame that it contributed to.
    contributed: Option<i64>,
    stay: Option<Stay>,
}

#[derive(Clone, Debug)]
struct Stay {
    watch: u64,
    kind: Kind,
    low: Option<i64>,
    periods: i64,
    block_energy: i64,
    block_periods: i64,
    account: Account,
    hold: Vec<i64>,
    /// The alert about the level, until it is armed again.
    level_alert: Option<RoomNotice>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// S.
    pub excess: i64,
    pub periods: i64,
    pub energy: i64,
    /// None of an account that never was above zero.
    pub since: Option<LocalTime>,
    pub quiet: i64,
    /// The periods that it had when it was last notified of.
    pub told: Option<i64>,
    /// A frame.
    pub onset: Option<i64>,
    pub common: bool,
}

/// How an interval of an occupied room was evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    pub y: i64,
    /// m.
    pub least: Option<i64>,
    /// Q and the limit, of at least five levels.
    pub limit: Option<(i64, i64)>,
    /// An alert was given and it isn't armed again.
    pub told: bool,
}

/// What there is to know of an interval before its kind matters.
struct Seen<'a> {
    room: &'a RoomNumber,
    frame: i64,
    interval: &'a Interval,
    periods: i64,
    x: i64,
    base: i64,
    common_excess: i64,
}

impl Room {
    /// Reading: what had been alerted about ends without a recovery here, and so it does where the
    /// stay ends.
    pub fn break_off(&mut self) {
        if let Some(stay) = &mut self.stay {
            stay.account = Account::default();
            stay.hold.clear();
            stay.level_alert = None;
        }
        self.clear_block();
    }

    pub fn clear_block(&mut self) {
        if let Some(stay) = &mut self.stay {
            stay.block_energy = 0;
            stay.block_periods = 0;
        }
    }

    pub fn take(
        &mut self,
        room: &RoomNumber,
        frame: i64,
        interval: &Interval,
        peers: &Peers<'_>,
        rules: &Rules,
    ) -> Working {
        let mut stay = match self.stay.take() {
            Some(stay) if stay.watch == interval.watch => stay,
            earlier => {
                earlier.into_iter().for_each(|stay| self.end(stay));
                Stay::new(interval)
            }
        };
        assert_eq!(stay.kind, interval.kind, "a watch is of one kind");

        // Step 1.
        stay.add_to_block(interval);

        // Step 2.
        let others = peers.excesses_without(room);
        let hot = peers.hot();
        let common_excess = peers.common_excess(&others);
        let hotel_base = peers.hotel_base();

        // Step 3. Reading: the floors are those of stays that have ended; the low of the stay that
        // goes on is none of them yet.
        let vacant_floor = middle_of_last_three(&self.vacant_floors);
        let occupied_floor = middle_of_last_three(&self.occupied_floors);
        let base = match (vacant_floor, occupied_floor) {
            (Some(vacant), Some(occupied)) => vacant.min(occupied),
            (Some(floor), None) | (None, Some(floor)) => floor.min(hotel_base + 100),
            (None, None) => hotel_base,
        };

        let seen = Seen {
            room,
            frame,
            interval,
            periods: i64::from(interval.periods),
            x: (interval.energy.0 * rules.interval_seconds).div_euclid(interval.seconds),
            base,
            common_excess,
        };
        let (mut account, mut level, notice);
        (account, level) = (None, None);
        match interval.kind {
            Kind::Vacant => {
                let (step, of_account) = stay.account.add(&seen, hot, rules);
                (account, notice) = (Some(step), of_account);
            }
            Kind::Occupied => {
                self.occupied_periods += seen.periods;
                let (of_level, notice_of_level) = stay.add_to_hold(&seen, &peers.levels(), rules);
                if let Some(least) = of_level.least {
                    let entry = self
                        .levels
                        .entry(six_hours(interval.ended))
                        .or_insert(least);
                    *entry = least.max(*entry);
                }
                (level, notice) = (Some(of_level), notice_of_level);
            }
        }

        // Step 6.
        let mut contribution = None;
        if self.contributed != Some(frame) {
            self.contributed = Some(frame);
            let is_peer = interval.kind == Kind::Vacant && interval.fine;
            let excess = (seen.x - base).max(0).div_euclid(25).min(63) * 25;
            contribution = Some(Contribution {
                room: room.clone(),
                excess: is_peer.then_some(excess),
                // Reading: of the account after this interval.
                rose: is_peer && stay.account.rose(frame),
                vacant_floor: vacant_floor.filter(|_| interval.fine),
                level: self.contributed_level(interval.ended),
            });
        }
        self.stay = Some(stay);
        Working {
            room: room.clone(),
            ended: interval.ended,
            kind: interval.kind,
            fine: interval.fine,
            frame,
            x: seen.x,
            others,
            hot,
            common_excess,
            hotel_base,
            vacant_floor,
            occupied_floor,
            base,
            account,
            level,
            contribution,
            notice,
        }
    }

    fn end(&mut self, stay: Stay) {
        if stay.periods >= 6 {
            let floors = match stay.kind {
                Kind::Vacant => &mut self.vacant_floors,
                Kind::Occupied => &mut self.occupied_floors,
            };
            floors.extend(stay.low);
        }
    }

    /// Reading: an interval of a coarse meter contributes a level, too, if one is known from when
    /// the meter was fine.
    fn contributed_level(&self, ended: LocalTime) -> Option<i64> {
        let now = six_hours(ended);
        let greatest = self
            .levels
            .range(now - 7..=now)
            .map(|(_, level)| *level)
            .max()?;
        (self.occupied_periods >= 12).then_some(greatest.div_euclid(50) * 50)
    }
}

/// Reading: a time at which six hours begin belongs to these.
fn six_hours(time: LocalTime) -> i64 {
    time.seconds().div_euclid(RING_BLOCK_SECONDS)
}

/// V or O: of fewer than three floors the lower one.
fn middle_of_last_three(floors: &[i64]) -> Option<i64> {
    let mut last = floors[floors.len().saturating_sub(3)..].to_vec();
    last.sort_unstable();
    match last[..] {
        [_, middle, _] => Some(middle),
        _ => last.first().copied(),
    }
}

impl Stay {
    fn new(interval: &Interval) -> Stay {
        Stay {
            watch: interval.watch,
            kind: interval.kind,
            low: None,
            periods: 0,
            block_energy: 0,
            block_periods: 0,
            account: Account::default(),
            hold: Vec::new(),
            level_alert: None,
        }
    }

    fn add_to_block(&mut self, interval: &Interval) {
        let periods = i64::from(interval.periods);
        self.block_energy += interval.energy.0;
        self.block_periods += periods;
        self.periods += periods;
        if self.block_periods >= if interval.fine { 2 } else { 12 } {
            let mean = self.block_energy.div_euclid(self.block_periods);
            self.low = Some(self.low.map_or(mean, |low| low.min(mean)));
            self.block_energy = 0;
            self.block_periods = 0;
        }
    }

    /// Step 5, but for the ring.
    fn add_to_hold(
        &mut self,
        seen: &Seen<'_>,
        levels: &[i64],
        rules: &Rules,
    ) -> (Level, Option<RoomNotice>) {
        let y = (seen.x - seen.base).max(0);
        self.hold.extend((0..seen.periods).map(|_| y));
        self.hold.drain(..self.hold.len().saturating_sub(HOLD));
        let is_known = seen.interval.fine && self.hold.len() == HOLD;
        let least = self.hold.iter().copied().min().filter(|_| is_known);

        let mut notice = None;
        let limit = (levels.len() >= 5).then(|| {
            let usual = percentile(levels, 90).max(500);
            (usual, (usual * 15).div_euclid(10).max(usual + 300))
        });
        if let Some((usual, limit)) = limit {
            let is_above = least.is_some_and(|least| least > limit);
            if is_above && usual <= 1500 && self.level_alert.is_none() {
                let alert = RoomNotice {
                    room: seen.room.clone(),
                    ended: seen.interval.ended,
                    kind: NoticeKind::Alert,
                    rule: Rule::OccupiedLevel,
                    since: seen.interval.ended.plus(-6 * rules.interval_seconds),
                    periods: 6,
                    energy: WattHours(self.hold.iter().sum::<i64>() + 6 * seen.base),
                };
                self.level_alert = Some(alert.clone());
                notice = Some(alert);
            }
            // Reading: an interval of a coarse meter arms it as well.
            if y <= limit.div_euclid(2)
                && let Some(alert) = self.level_alert.take()
            {
                // Reading: a recovery carries the start, periods and energy of its alert.
                notice = Some(RoomNotice {
                    ended: seen.interval.ended,
                    kind: NoticeKind::Recovered,
                    ..alert
                });
            }
        }
        let told = self.level_alert.is_some();
        let level = Level {
            y,
            least,
            limit,
            told,
        };
        (level, notice)
    }
}

impl Account {
    /// Step 4. The meter is coarse or fine as this interval says, whatever it was before.
    fn add(
        &mut self,
        seen: &Seen<'_>,
        hot: bool,
        rules: &Rules,
    ) -> (AccountStep, Option<RoomNotice>) {
        let Interval {
            opened,
            stay_time,
            fine,
            ..
        } = *seen.interval;
        let allowed = (seen.common_excess * 15)
            .div_euclid(10)
            .max(rules.allowance_wh);
        let step = if fine {
            (seen.x - seen.base - allowed).min(350)
        } else {
            seen.x.min(1000) - seen.base - allowed
        };
        let step = step * seen.periods;

        if self.excess == 0 && step > 0 {
            let known = opened.since(stay_time) >= ONSET_AFTER_SECONDS;
            *self = Account {
                excess: 0,
                periods: 0,
                energy: 0,
                since: Some(opened),
                quiet: 0,
                told: None,
                onset: known.then_some(seen.frame),
                common: false,
            };
        }
        let most = if fine { rules.alarm_wh + 700 } else { 3700 };
        self.excess = (self.excess + step).clamp(0, most);
        if self.excess > 0 {
            self.periods += seen.periods;
            self.energy += seen.x * seen.periods;
        }
        if step < 0 {
            self.quiet += seen.periods;
            if self.quiet >= 2 && fine {
                self.excess = 0;
            }
        } else {
            self.quiet = 0;
        }

        let mut notice = None;
        if self.excess == 0 {
            if self.told.is_some() {
                // Reading: with the account as it stands. The interval that ends it is in it if S
                // was above zero before two quiet periods set it to zero.
                notice = Some(NoticeKind::Recovered);
            }
            self.told = None;
            self.onset = None;
            self.common = false;
        } else if hot && self.told.is_none() && self.rose_lately(seen.frame) {
            self.common = true;
        }

        let held = self.common && self.onset.is_some_and(|onset| seen.frame - onset < 48);
        let is_alarming = if fine {
            self.excess >= rules.alarm_wh && self.periods >= 4
        } else {
            self.excess >= 1700
        };
        if step > 0 {
            // No reminder is held back: what was alerted about isn't held any more.
            match self.told {
                None if is_alarming && !held => {
                    notice = Some(NoticeKind::Alert);
                    self.told = Some(self.periods);
                }
                Some(told) if self.periods >= 2 * told => {
                    notice = Some(NoticeKind::Reminder);
                    self.told = Some(self.periods);
                }
                _ => {}
            }
        }
        let notice = notice.map(|kind| RoomNotice {
            room: seen.room.clone(),
            ended: seen.interval.ended,
            kind,
            rule: Rule::VacantAccount,
            since: self.since.expect("an account that was above zero"),
            periods: self.periods,
            energy: WattHours(self.energy),
        });
        let step = AccountStep {
            allowed,
            step,
            held,
            after: self.clone(),
        };
        (step, notice)
    }

    fn rose_lately(&self, frame: i64) -> bool {
        self.onset.is_some_and(|onset| frame - onset <= 12)
    }

    fn rose(&self, frame: i64) -> bool {
        self.excess > 0 && self.periods >= 2 && self.rose_lately(frame)
    }
}
