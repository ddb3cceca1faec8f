//! Evaluating one interval of a room.

use crate::types::{Kind, LocalTime, WattHours};

use super::frames::{Contribution, Frames, Peers};
use super::item::Judged;
use super::state::{Account, Baseline, Block, Hold, Known, Phase, UnusualRun};
use super::{BaselineRules, begin, frame, short};

/// A block's periods: of fine meters, and of those that are not known to count less than whole kWh.
const BLOCK: u16 = 2;
const COARSE_BLOCK: u16 = 12;
/// A stay with fewer judged periods says nothing of what the room uses by itself.
const PERIODS_OF_A_FLOOR: u8 = 6;
/// A room with a floor of one kind alone is not taken to use more by itself than the hotel's
/// others by so much, in Wh: in the only stay so far something may have been on.
const ABOVE_OTHERS: i64 = 100;
/// Of what the other vacant rooms use more, a room may use so much, in tenths.
const COMMON_TENTHS: i64 = 15;
/// The most that one period adds to the account, so that no single one can fill it, in Wh.
pub const STEP: i64 = 350;
/// A step of a whole kWh in a coarse register says no more than this, in Wh.
pub const COARSE_STEP: i64 = 1_000;
/// The account holds so much more than the alarm at most, so that it is emptied in time, in Wh.
pub const ABOVE_ALARM: i64 = 700;
/// An alert and the most that the account holds behind a coarse meter, in Wh.
pub const COARSE_ALARM: i64 = 1_700;
pub const COARSE_MOST: i64 = 3_700;
/// Periods without an excess that empty the account.
const QUIET: u8 = 2;
/// An alert takes so many periods in the account.
pub const ALERT_PERIODS: u32 = 4;
/// For so many frames after its onset an account can become one that many rooms have in common.
const COMMON_FRAMES: u32 = 12;
/// For so many frames after its onset a common one raises no alert: a day.
const HELD_FRAMES: u32 = 48;
/// A level is compared with what nine of ten rooms hold, but at least with this, in Wh.
pub const LEAST_LEVEL: i64 = 500;
/// Where nine of ten rooms hold more, electric heating is usual: levels say nothing, in Wh.
pub const MOST_LEVEL: i64 = 1_500;
/// A limit is half as high again as that, and higher by at least so much, in Wh.
pub const ABOVE_LEVEL: i64 = 300;
/// So many occupied periods make a room one whose level counts.
const PERIODS_OF_A_LEVEL: u8 = 12;
/// The periods of a level.
const HELD_PERIODS: u32 = 6;

/// Why an interval was found usual or unusual. All energies are Wh per interval length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// x: what was used.
    pub used: i64,
    /// V and O: the middle floors of the room's last vacancies, and of its last stays.
    pub vacant_floor: Option<u16>,
    pub occupied_floor: Option<u16>,
    /// B: what the room uses by itself.
    pub base: i64,
    pub base_of: BaseOf,
    pub peers: Peers,
    pub kind: Finding,
    pub event: Option<Event>,
}

/// Of which number the base was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseOf {
    /// V: the room's own vacancies.
    Vacant,
    /// O: the room's own stays.
    Occupied,
    /// hb: the hotel's other rooms.
    Hotel,
    /// hb, and the most that a room with floors of one kind alone may have above it.
    AboveHotel,
}

/// What was found, by the kind of the stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    Vacant {
        /// T: what it may use more.
        tolerance: i64,
        /// S before the interval.
        before: i64,
        /// e: what the interval adds to the account, or takes from it.
        step: i64,
        /// S: the account after it.
        account: i64,
        /// At which S there is an alert.
        alarm: i64,
        /// The periods in the account, and those at the last alert or reminder; 0: there was none.
        periods: u32,
        alerted_at_periods: u32,
        /// It raises no alert until then, because many rooms began at about the same time.
        held_until: Option<LocalTime>,
    },
    Occupied {
        /// m: the least of the last six intervals above the base, where six fine ones are known.
        least: Option<u16>,
        /// Q: what nine of ten rooms have not held, at least 500; `None` where too few rooms have
        /// levels.
        level: Option<i64>,
        /// Above which `least` is unusual; `None` as `level`.
        limit: Option<i64>,
        /// There was an alert, and the room is not yet usual again.
        is_alerted: bool,
    },
}

/// Something to be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub kind: EventKind,
    pub since: LocalTime,
    /// When the last interval of the run ended.
    pub until: LocalTime,
    pub periods: u32,
    pub energy: WattHours,
    /// Whether the staff knew of the run before.
    pub(super) known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    Alert,
    Reminder,
    Recovered,
    /// The run can't be followed further.
    Closed,
}

impl UnusualRun {
    fn event(&self, kind: EventKind) -> Event {
        Event {
            kind,
            since: self.since(),
            until: self.since().plus(self.seconds.into()),
            periods: self.periods,
            energy: self.energy(),
            known: self.known,
        }
    }

    /// Ends it; gives that where there was an alert.
    fn end(&mut self, kind: EventKind) -> Option<Event> {
        let ended = std::mem::take(self);
        (ended.alerted_at_periods > 0).then(|| ended.event(kind))
    }

    fn alert(&mut self, kind: EventKind) -> Event {
        self.alerted_at_periods = self.periods;
        self.event(kind)
    }
}

impl Baseline {
    /// What came before can't be followed further.
    pub(super) fn broken(&mut self) -> Option<Event> {
        let run = self.run.end(EventKind::Closed);
        if let Some(kind) = self.phase.kind() {
            self.phase = Phase::of(kind);
        }
        self.block = Block::default();
        run
    }

    /// An interval that began before the stay.
    pub(super) fn across_stay(&mut self) {
        self.block = Block::default();
    }

    /// Another watch begins.
    pub(super) fn begin(&mut self, kind: Kind) -> Option<Event> {
        let run = self.broken();
        if let Some(low) = self.low.take()
            && self.periods >= PERIODS_OF_A_FLOOR
        {
            match self.phase {
                Phase::Vacant(_) => self.vacant.add(low),
                Phase::Occupied(_) => self.occupied.add(low),
                Phase::Unknown => {}
            }
        }
        self.periods = 0;
        self.phase = Phase::of(kind);
        run
    }

    /// A judged interval; `own` is what the room has contributed to the frame that it looks at.
    pub(super) fn interval(
        &mut self,
        judged: &Judged,
        own: Option<&Contribution>,
        frames: &mut Frames,
        interval_seconds: i64,
        rules: &BaselineRules,
    ) -> Verdict {
        if self.phase.kind() != Some(judged.kind) {
            // Its beginning was before the rule was switched on.
            self.phase = Phase::of(judged.kind);
        }
        let now = frame(judged.ended, interval_seconds);
        let peers = frames.peers(now.saturating_sub(2), own);
        self.lower(judged);

        let used = judged.used(interval_seconds);
        let (vacant_floor, occupied_floor) = (self.vacant.middle(), self.occupied.middle());
        let (base, base_of) = base(vacant_floor, occupied_floor, &peers);
        let mut contribution = Contribution::new(now, used);
        self.levels.go_on(judged.ended);
        let (kind, event) = match self.phase {
            Phase::Vacant(mut account) => {
                let tolerance = rules.tolerance(peers.common);
                let interval = Excess {
                    judged,
                    frame: now,
                    used,
                    above: match judged.is_fine {
                        true => (used - base - tolerance).min(STEP),
                        false => used.min(COARSE_STEP) - base - tolerance,
                    },
                };
                let before = account.excess.into();
                let event = account.take(&interval, &mut self.run, &peers, rules);
                if judged.is_fine {
                    let rose = account.excess > 0
                        && self.run.periods >= 2
                        && account.has_onset_within(COMMON_FRAMES + 1, now);
                    contribution = contribution.with_excess(used - base, rose);
                }
                self.phase = Phase::Vacant(account);
                let held_until = account
                    .is_held(now)
                    .then(|| begin(account.onset.saturating_add(HELD_FRAMES), interval_seconds));
                let kind = Finding::Vacant {
                    tolerance,
                    before,
                    step: interval.above * i64::from(judged.periods),
                    account: account.excess.into(),
                    alarm: alarm(judged, rules),
                    periods: self.run.periods,
                    alerted_at_periods: self.run.alerted_at_periods,
                    held_until,
                };
                (kind, event)
            }
            Phase::Occupied(mut hold) => {
                let added = u8::try_from(judged.periods).unwrap_or(u8::MAX);
                self.occupied_periods = self.occupied_periods.saturating_add(added);
                let above = (used - base).max(0);
                hold.push(short(above), judged.periods);
                let least = hold.least().filter(|_| judged.is_fine);
                if let Some(least) = least {
                    self.levels.add(least);
                }
                self.phase = Phase::Occupied(hold);
                let (limits, event) =
                    self.held(judged, &hold, (used, above), base, &peers, interval_seconds);
                let kind = Finding::Occupied {
                    least,
                    level: limits.map(|(level, _)| level),
                    limit: limits.map(|(_, limit)| limit),
                    is_alerted: self.run.alerted_at_periods > 0,
                };
                (kind, event)
            }
            // Never: it is of the interval's kind.
            Phase::Unknown => (
                Finding::Occupied {
                    least: None,
                    level: None,
                    limit: None,
                    is_alerted: false,
                },
                None,
            ),
        };

        if judged.is_fine {
            contribution = contribution.with_floor(vacant_floor);
        }
        if self.occupied_periods >= PERIODS_OF_A_LEVEL {
            contribution = contribution.with_level(self.levels.highest());
        }
        // The newest is the first.
        if contribution.frame > self.contributions[0].frame {
            self.contributions.rotate_right(1);
            self.contributions[0] = contribution;
            frames.add(&[contribution]);
        }
        Verdict {
            used,
            vacant_floor,
            occupied_floor,
            base,
            base_of,
            peers,
            kind,
            event,
        }
    }

    /// Learns the floor of the stay: the lowest mean of a block.
    fn lower(&mut self, judged: &Judged) {
        let periods = u8::try_from(judged.periods).unwrap_or(u8::MAX);
        self.periods = self.periods.saturating_add(periods);
        let periods = u16::try_from(judged.periods).unwrap_or(u16::MAX);
        let block = &mut self.block;
        let energy = u32::try_from(judged.energy.0.max(0)).unwrap_or(u32::MAX);
        block.energy = block.energy.saturating_add(energy);
        block.periods = block.periods.saturating_add(periods);
        let needed = if judged.is_fine { BLOCK } else { COARSE_BLOCK };
        if block.periods >= needed {
            let mean = short((block.energy / u32::from(block.periods)).into());
            self.low = Some(self.low.map_or(mean, |low| low.min(mean)));
            self.block = Block::default();
        }
    }

    /// Compares what an occupied room has held with the hotel's levels; gives the level and the
    /// limit that follows from it.
    fn held(
        &mut self,
        judged: &Judged,
        hold: &Hold,
        (used, above): (i64, i64),
        base: i64,
        peers: &Peers,
        interval_seconds: i64,
    ) -> (Option<(i64, i64)>, Option<Event>) {
        let run = &mut self.run;
        if run.alerted_at_periods > 0 {
            run.add(judged, used);
        }
        let Some(level) = peers.level else {
            return (None, None);
        };
        let level = i64::from(level).max(LEAST_LEVEL);
        let limit = (level * 15 / 10).max(level + ABOVE_LEVEL);
        let least = hold.least().filter(|_| judged.is_fine);
        if run.alerted_at_periods > 0 {
            let is_usual = above <= limit / 2;
            let recovered = is_usual.then(|| run.end(EventKind::Recovered)).flatten();
            return (Some((level, limit)), recovered);
        }
        let is_unusual = least.is_some_and(|least| i64::from(least) > limit);
        let alert = (is_unusual && level <= MOST_LEVEL).then(|| {
            let held: i64 = hold.newest.into_iter().map(i64::from).sum();
            let seconds = i64::from(HELD_PERIODS) * interval_seconds;
            let energy = held + i64::from(HELD_PERIODS) * base;
            *run = UnusualRun {
                seconds: u32::try_from(seconds).unwrap_or(u32::MAX),
                periods: HELD_PERIODS,
                energy: u32::try_from(energy.max(0)).unwrap_or(u32::MAX),
                ..UnusualRun::beginning(judged.ended.plus(-seconds))
            };
            run.alert(EventKind::Alert)
        });
        (Some((level, limit)), alert)
    }
}

/// B: what the room uses by itself, and of which number it was taken.
fn base(vacant: Option<u16>, occupied: Option<u16>, peers: &Peers) -> (i64, BaseOf) {
    let alone = |floor: u16, of| {
        let most = i64::from(peers.base) + ABOVE_OTHERS;
        match i64::from(floor) <= most {
            true => (floor.into(), of),
            false => (most, BaseOf::AboveHotel),
        }
    };
    match (vacant, occupied) {
        (Some(vacant), Some(occupied)) if vacant <= occupied => (vacant.into(), BaseOf::Vacant),
        (Some(_), Some(occupied)) => (occupied.into(), BaseOf::Occupied),
        (Some(vacant), None) => alone(vacant, BaseOf::Vacant),
        (None, Some(occupied)) => alone(occupied, BaseOf::Occupied),
        (None, None) => (peers.base.into(), BaseOf::Hotel),
    }
}

/// At which S there is an alert.
fn alarm(judged: &Judged, rules: &BaselineRules) -> i64 {
    match judged.is_fine {
        true => rules.alarm.0,
        false => COARSE_ALARM,
    }
}

impl BaselineRules {
    /// T: what a vacant room may use more than its base where others have so much in common.
    pub fn tolerance(&self, common: u16) -> i64 {
        let of_common = i64::from(common) * COMMON_TENTHS / 10;
        self.allowance.0.max(of_common)
    }
}

/// An interval of a vacant room.
struct Excess<'a> {
    judged: &'a Judged,
    frame: u32,
    used: i64,
    /// What a period adds to the account, or takes from it.
    above: i64,
}

impl Account {
    /// Whether its onset is known, and fewer than so many frames ago.
    fn has_onset_within(&self, frames: u32, now: u32) -> bool {
        self.onset > 0 && now.saturating_sub(self.onset) < frames
    }

    /// Whether a day has not passed since the onset that it has in common with many rooms.
    fn is_held(&self, now: u32) -> bool {
        self.is_common && self.has_onset_within(HELD_FRAMES, now)
    }

    fn take(
        &mut self,
        interval: &Excess<'_>,
        run: &mut UnusualRun,
        peers: &Peers,
        rules: &BaselineRules,
    ) -> Option<Event> {
        let Excess { judged, frame, .. } = *interval;
        let periods = i64::from(judged.periods);
        let step = interval.above.saturating_mul(periods);
        if self.excess == 0 && step > 0 {
            *run = UnusualRun::beginning(judged.opened);
            *self = Account {
                onset: if judged.is_settled { frame } else { 0 },
                ..Account::default()
            };
        }
        let alarm = alarm(judged, rules);
        let most = match judged.is_fine {
            true => alarm.saturating_add(ABOVE_ALARM),
            false => COARSE_MOST,
        };
        let excess = i64::from(self.excess).saturating_add(step).clamp(0, most);
        self.excess = i32::try_from(excess).unwrap_or(i32::MAX);
        if self.excess > 0 {
            run.add(judged, interval.used);
        }
        if step < 0 {
            let periods = u8::try_from(judged.periods).unwrap_or(u8::MAX);
            self.quiet = self.quiet.saturating_add(periods);
            if self.quiet >= QUIET && judged.is_fine {
                self.excess = 0;
            }
        } else {
            self.quiet = 0;
        }
        if self.excess == 0 {
            *self = Account::default();
            return run.end(EventKind::Recovered);
        }
        let was_alerted = run.alerted_at_periods > 0;
        let is_young = self.has_onset_within(COMMON_FRAMES + 1, frame);
        self.is_common |= peers.is_hot && !was_alerted && is_young;
        if step <= 0 {
            return None;
        }
        let is_due = excess >= alarm && (run.periods >= ALERT_PERIODS || !judged.is_fine);
        if !was_alerted {
            return (is_due && !self.is_held(frame)).then(|| run.alert(EventKind::Alert));
        }
        let is_due = run.periods >= run.alerted_at_periods.saturating_mul(2);
        is_due.then(|| run.alert(EventKind::Reminder))
    }
}
