use crate::types::{Kind, LocalTime, Reading, WattHours};

use super::super::{
    BaselineMode, Closing, NoticeKind, Outcome, RoomNotice, Rule, Rules, Run, RunStart, Stay, Step,
};
use super::frames::Contribution;
use super::item::{Item, Judged};

/// Pending items that a room keeps at most: a message that comes days late has as many intervals
/// judged. More of them count as a gap.
const MOST_PENDING: usize = 96;

/// A register that counts whole kWh shows multiples of this, in Wh.
const WHOLE_KWH: i64 = 1_000;

/// After so long in a stay what begins is no longer what its beginning brought with it.
const SETTLED_SECONDS: i64 = 90 * 60;

/// What the baseline rule remembers of a room. Rooms are many, so its numbers are short.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// What is still to be evaluated, in the order in which it was judged.
    #[expect(
        clippy::box_collection,
        reason = "nearly always none, in each of many rooms"
    )]
    pub(super) pending: Option<Box<Vec<Item>>>,
    // Across stays.
    /// The last contributions.
    pub(super) contributions: [Contribution; 4],
    /// The floors of the last vacancies.
    pub(super) vacant: Floors,
    /// The floors of the last stays.
    pub(super) occupied: Floors,
    pub(super) levels: Levels,
    /// How many occupied periods were ever judged, as far as it can count.
    pub(super) occupied_periods: u8,
    /// Whether a register was ever seen that is no whole kWh.
    pub(super) is_fine: bool,
    // In the stay.
    pub(super) phase: Phase,
    /// Periods judged, as far as it can count.
    pub(super) periods: u8,
    /// The lowest mean use of a block so far, in Wh.
    pub(super) low: Option<u16>,
    pub(super) block: Block,
    pub(super) run: UnusualRun,
    /// The run that opened the room's incident, while one of this rule, or of both, is open.
    pub(super) opened: Option<Opened>,
}

/// Which run was the first of an incident that the staff was notified of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) rule: Rule,
    /// Seconds since 1970.
    pub(super) since: u32,
}

impl Opened {
    pub(super) fn by(rule: Rule, since: LocalTime) -> Opened {
        Opened {
            rule,
            since: seconds(since),
        }
    }

    fn run_start(self) -> RunStart {
        RunStart {
            rule: self.rule,
            since: time(self.since),
        }
    }
}

/// Seconds since 1970, as far as they fit: until 2106.
fn seconds(time: LocalTime) -> u32 {
    time.seconds().clamp(0, u32::MAX.into()) as u32
}

fn time(seconds: u32) -> LocalTime {
    LocalTime::from_seconds(seconds.into()).unwrap_or(LocalTime::FIRST)
}

/// Whether the staff knows of an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Known {
    /// It was raised in shadow, or there was none.
    #[default]
    No,
    /// It was notified.
    Notified,
    /// It is part of an incident that the other rule had opened.
    Joined,
    /// The staff was notified that it is no longer followed.
    Closed,
}

/// The last three floors, the newest first. A floor is the lowest use of a stay, in Wh; it is kept
/// as one more, 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Floors(pub(super) [u16; 3]);

impl Floors {
    pub(super) fn add(&mut self, floor: u16) {
        self.0.rotate_right(1);
        self.0[0] = floor.saturating_add(1);
    }

    /// The middle one of three, the lower of fewer.
    pub(super) fn middle(&self) -> Option<u16> {
        let mut floors = self.0;
        floors.sort_unstable();
        let middle = match floors {
            [0, 0, only] => only,
            [_, middle, _] => middle,
        };
        middle.checked_sub(1)
    }
}

/// The most that the room has held above its base in each six hours of the last two days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Levels {
    /// The number of the present six hours since 1970.
    pub(super) now: u32,
    /// The present one first; one more than the level in Wh, 0: none.
    pub(super) held: [u16; 8],
}

impl Levels {
    /// The six hours of a time become the present ones. Those of an earlier time are not kept
    /// apart.
    pub(super) fn go_on(&mut self, time: LocalTime) {
        let hours = u32::try_from((time.seconds() / (6 * 3_600)).max(0)).unwrap_or(u32::MAX);
        let passed = hours.saturating_sub(self.now) as usize;
        if passed > 0 {
            let emptied = passed.min(self.held.len());
            self.held.rotate_right(emptied);
            self.held[..emptied].fill(0);
            self.now = hours;
        }
    }

    pub(super) fn add(&mut self, level: u16) {
        let [present, earlier @ ..] = &mut self.held;
        *present = (*present).max(level.saturating_add(1));
        // An earlier one that is no higher is forgotten first: it is never the highest again.
        for it in earlier.iter_mut().filter(|it| **it <= *present) {
            *it = 0;
        }
    }

    pub(super) fn highest(&self) -> Option<u16> {
        self.held.into_iter().max().unwrap_or(0).checked_sub(1)
    }
}

/// Intervals of which the mean is still to be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) energy: u32,
    pub(super) periods: u16,
}

/// What is remembered of the present stay, by its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing was judged yet.
    #[default]
    Unknown,
    Vacant(Account),
    Occupied(Hold),
}

impl Phase {
    pub(super) fn of(kind: Kind) -> Phase {
        match kind {
            Kind::Checkin => Phase::Occupied(Hold::default()),
            Kind::Checkout => Phase::Vacant(Account::default()),
        }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Phase::Unknown => None,
            Phase::Occupied(_) => Some(Kind::Checkin),
            Phase::Vacant(_) => Some(Kind::Checkout),
        }
    }
}

/// The account of a vacant room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// S: the excess so far in Wh.
    pub(super) excess: i32,
    /// The frame in which it began, where the stay had gone on for a while; else 0.
    pub(super) onset: u32,
    /// Periods without an excess since the last one with.
    pub(super) quiet: u8,
    /// Whether many rooms began to use more at about the same time.
    pub(super) is_common: bool,
}

/// The last six uses above the base of an occupied room, the newest first, in Wh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) newest: [u16; 6],
    pub(super) count: u8,
}

impl Hold {
    pub(super) fn push(&mut self, above: u16, periods: u32) {
        for _ in 0..periods.min(6) {
            self.newest.rotate_right(1);
            self.newest[0] = above;
            self.count = (self.count + 1).min(6);
        }
    }

    /// The least of six.
    pub(super) fn least(&self) -> Option<u16> {
        (self.count == 6).then(|| self.newest.into_iter().min().unwrap_or(0))
    }
}

/// A run of unusual intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UnusualRun {
    /// Seconds since 1970.
    pub(super) since: u32,
    /// From `since` to the end of its last interval.
    pub(super) seconds: u32,
    pub(super) periods: u32,
    pub(super) energy: u32,
    /// Its periods at the last alert or reminder; 0: there was none.
    pub(super) alerted_at_periods: u32,
    /// Whether the staff knows of that.
    pub(super) known: Known,
}

impl UnusualRun {
    pub(super) fn beginning(since: LocalTime) -> UnusualRun {
        UnusualRun {
            since: seconds(since),
            ..UnusualRun::default()
        }
    }

    pub(super) fn since(&self) -> LocalTime {
        time(self.since)
    }

    /// Whether the staff knows of it, and not of its end.
    pub(super) fn is_open(&self) -> bool {
        self.alerted_at_periods > 0 && matches!(self.known, Known::Notified | Known::Joined)
    }

    /// Adds an interval in which so much was used, in Wh per interval length.
    pub(super) fn add(&mut self, judged: &Judged, used: i64) {
        self.periods = self.periods.saturating_add(judged.periods);
        let energy = used.saturating_mul(judged.periods.into());
        let energy = u32::try_from(energy).unwrap_or(u32::MAX);
        self.energy = self.energy.saturating_add(energy);
        let seconds = judged.ended.since(self.since());
        self.seconds = u32::try_from(seconds.max(0)).unwrap_or(u32::MAX);
    }

    pub(super) fn energy(&self) -> WattHours {
        WattHours(self.energy.into())
    }
}

impl Baseline {
    /// Whether it has learned nothing and has nothing to evaluate.
    pub fn is_empty(&self) -> bool {
        *self == Baseline::default()
    }

    /// Whether something is to be evaluated.
    pub fn has_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// The last contributions.
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// S: the excess in the account of a vacant room so far, in Wh.
    pub fn excess(&self) -> i32 {
        match self.phase {
            Phase::Vacant(account) => account.excess,
            Phase::Unknown | Phase::Occupied(_) => 0,
        }
    }

    /// Whether the staff knows of an unusual use that goes on.
    pub fn is_open(&self) -> bool {
        self.run.is_open()
    }

    /// The unusual use that the staff knows of and that goes on.
    pub fn open_run(&self) -> Option<Run> {
        let run = &self.run;
        let since = run.since();
        run.is_open().then(|| Run {
            periods: run.periods,
            energy: run.energy(),
            since,
            until: since.plus(run.seconds.into()),
            notified_at_periods: run.alerted_at_periods,
        })
    }

    /// The run that opened the room's incident, as far as this rule has a part in it.
    pub fn opened(&self) -> Option<RunStart> {
        Some(self.opened?.run_start())
    }

    /// The staff is notified that an unusual use which it knows of is no longer followed. Gives
    /// it, and the run that opened its incident where that is another one. What was judged before
    /// is still evaluated.
    pub(crate) fn close(&mut self) -> Option<(Run, Option<RunStart>)> {
        let ended = self.open_run()?;
        self.run.known = Known::Closed;
        let own = RunStart {
            rule: Rule::Baseline,
            since: ended.since,
        };
        let incident = self.opened().filter(|opened| *opened != own);
        self.opened = None;
        Some((ended, incident))
    }

    /// Prepares a notice of the rule with thresholds. A room has one incident: while the staff
    /// knows of an unusual use, its alert is an update, and neither its reminders nor its end are
    /// notices. `None` where there is none.
    pub(crate) fn merge(&mut self, mut notice: RoomNotice, rules: &Rules) -> Option<RoomNotice> {
        let is_open = self.is_open();
        match notice.kind {
            NoticeKind::Alert if !is_open && rules.baseline.mode == BaselineMode::On => {
                self.opened = Some(Opened::by(notice.rule, notice.since));
            }
            NoticeKind::Alert => {}
            _ if is_open => return None,
            _ => {}
        }
        notice.incident = self.opened().filter(|opened| *opened != notice.start());
        if matches!(notice.kind, NoticeKind::Recovered | NoticeKind::Closed(_)) {
            self.opened = None;
        }
        Some(notice)
    }

    /// Forgets what was learned, but for the incident that the other rule's run goes on with.
    pub(crate) fn forget(&mut self) {
        *self = Baseline {
            opened: self.opened,
            ..Baseline::default()
        };
    }

    /// Takes what a reading was when the room was judged under a stay of this kind that began at
    /// this time.
    pub(crate) fn follow(
        &mut self,
        reading: Reading,
        outcome: &Outcome,
        (kind, stay_time): (Kind, LocalTime),
        rules: &Rules,
    ) {
        if rules.baseline.mode == BaselineMode::Off {
            return;
        }
        let is_folded = !matches!(outcome.step, Step::Late | Step::BeforeStay);
        self.is_fine |= is_folded && reading.register.0 % WHOLE_KWH != 0;
        let ended = reading.time;
        let broken = |why| Item::Broken { at: ended, why };
        if outcome.meter_changed {
            self.push(broken(Closing::MeterChanged));
        }
        match outcome.step {
            Step::Judged {
                periods,
                seconds,
                energy,
                ..
            } => {
                let opened = ended.plus(-seconds);
                self.push(Item::Interval(Judged {
                    kind,
                    opened,
                    ended,
                    periods,
                    energy,
                    is_fine: self.is_fine,
                    is_settled: opened.since(stay_time) >= SETTLED_SECONDS,
                }));
            }
            Step::Gap { .. } => self.push(broken(Closing::Gap)),
            Step::OutOfOrder { since, .. } => {
                self.push(broken(Closing::OutOfOrder { at: since }));
            }
            Step::AcrossStay => self.push(Item::AcrossStay),
            Step::Late
            | Step::BeforeStay
            | Step::Initial
            | Step::Suspect
            | Step::Undecided
            | Step::WithinInterval
            | Step::Cleaning { .. } => {}
        }
    }

    /// Another watch begins; `ended` is the number of the one before, and its stay.
    pub fn begin_watch(&mut self, ended: (u32, Stay), stay: &Stay, rules: &Rules) {
        let (number, was) = ended;
        let begun = Item::Begun {
            was,
            number,
            kind: stay.kind(),
            at: stay.time(),
        };
        self.add(begun, rules);
    }

    /// Appends what has become of the room's watch.
    pub fn add(&mut self, item: Item, rules: &Rules) {
        if rules.baseline.mode != BaselineMode::Off {
            self.push(item);
        }
    }

    fn push(&mut self, item: Item) {
        self.pending.get_or_insert_default().push(item);
    }

    /// Of pending items keeps as many as may wait for a sweep; what is lost counts as a gap.
    pub(crate) fn bound_pending(&mut self) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        if pending.len() <= MOST_PENDING {
            return;
        }
        // Two take their place.
        let surplus = pending.len() - (MOST_PENDING - 2);
        // Where a watch has ended is not forgotten.
        let (mut lost_at, mut begun) = (None, None);
        for item in pending.drain(..surplus) {
            match (item, &mut begun) {
                (Item::Interval(interval), _) => lost_at = Some(interval.ended),
                (Item::Broken { at, .. }, _) => lost_at = Some(at),
                (
                    Item::Begun {
                        kind: now,
                        at: then,
                        ..
                    },
                    Some(Item::Begun { kind, at, .. }),
                ) => {
                    (*kind, *at) = (now, then);
                }
                (Item::Begun { .. }, _) => begun = Some(item),
                (Item::AcrossStay, _) => {}
            }
        }
        let why = Closing::Gap;
        let lost = lost_at.map(|at| Item::Broken { at, why });
        pending.splice(0..0, begun.into_iter().chain(lost));
    }

    pub(super) fn contribution(&self, frame: u32) -> Option<&Contribution> {
        let mut contributions = self.contributions.iter();
        contributions.find(|it| it.frame == frame && frame > 0)
    }
}
