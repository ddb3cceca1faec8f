//! What is unusual for a room of the model, by the oracle of the baseline rule, which the suite
//! `baseline` puts to the engine, too. Here its intervals come as the service has judged them, and
//! are evaluated when the service does that.

use std::collections::BTreeMap;

use roomwatt::engine::{
    Closing, Compared, NoticeKind, Others, Outcome, RoomNotice, Rule, RunStart, Stay, Step, Unusual,
};
use roomwatt::types::{Kind, LocalTime, Reading, RoomKey, WattHours};

use crate::baseline::{self, Contribution, Interval, Peers};

/// "keeps its last four in its own state"
const KEPT: usize = 4;
/// "to the room's `pending` (at most 96; overflow counts as a gap)"
const MOST_PENDING: usize = 96;

/// A hotel's frames.
pub type Frames = BTreeMap<i64, Vec<Contribution>>;

#[derive(Clone)]
enum Item {
    Interval(Interval),
    Broken { at: LocalTime, why: Closing },
    AcrossStay,
    Begun { kind: Kind, at: LocalTime },
}

/// Whether the staff knows of an alert.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    No,
    Yes,
    /// And that it is no longer followed.
    Closed,
}

#[derive(Clone)]
struct Run {
    since: LocalTime,
    until: LocalTime,
    periods: i64,
    energy: i64,
    is_alert: bool,
    known: Known,
}

/// Something that follows from an evaluated item.
struct Event {
    kind: NoticeKind,
    detected: LocalTime,
    run: Run,
    unusual: Option<Unusual>,
    /// The watch that it is about.
    watch: u32,
}

/// What is unusual for a room.
#[derive(Clone, Default)]
pub struct Remembered {
    oracle: baseline::Room,
    is_fine: bool,
    /// Each with the number of its watch.
    pending: Vec<(u32, Item)>,
    /// The last ones, the newest first, each with its frame.
    contributions: Vec<(i64, Contribution)>,
    run: Option<Run>,
    /// The last working of the present stay.
    last: Option<baseline::Working>,
    /// The watches that have ended, with their stays.
    ended: Vec<(u32, Stay)>,
    /// The run that opened the incident, as far as this rule knows.
    opened: Option<RunStart>,
    facts: Facts,
}

/// All that was ever evaluated of a room.
#[derive(Clone, Default)]
pub struct Facts {
    events: Vec<baseline::Event>,
    /// The frames of its intervals, each with the sweep that evaluated it.
    frames: Vec<(i64, usize)>,
    found: Vec<(LocalTime, baseline::NoticeKind)>,
    /// Whether the rule was off at times, or a stay that should never have been was judged.
    is_broken: bool,
}

/// What a hotel would have come to if each interval had been evaluated in the order of the frames:
/// how many alerts, reminders and ends were found, and how many the oracle finds otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct InOrder {
    /// Contributions that came when others had looked at their frame.
    pub late: usize,
    pub found: usize,
    pub different: usize,
}

/// `None` where the rooms' facts are not those of one history.
pub fn in_order(rooms: &BTreeMap<RoomKey, Facts>) -> Option<InOrder> {
    if rooms.values().any(|facts| facts.is_broken) {
        return None;
    }
    let mut late = 0;
    for (room, facts) in rooms {
        let others = rooms.iter().filter(|(other, _)| *other != room);
        let looked: Vec<_> = others.flat_map(|(_, facts)| &facts.frames).collect();
        let mut contributed = facts.frames.clone();
        contributed.dedup_by_key(|(frame, _)| *frame);
        let is_late = |(frame, sweep): &&(i64, usize)| {
            let mut before = looked.iter().filter(|(_, other)| other < sweep);
            before.any(|(other, _)| *other == frame + 2)
        };
        late += contributed.iter().filter(is_late).count();
    }
    let hotel = rooms
        .iter()
        .map(|(room, facts)| (room.room_number.clone(), facts.events.clone()));
    let hotel = baseline::Hotel {
        rooms: hotel.collect(),
    };
    let notices = baseline::evaluate(&baseline::Rules::default(), &hotel).room_notices();
    let (mut found, mut different) = (0, 0);
    for (room, facts) in rooms {
        let of_room = notices
            .iter()
            .filter(|notice| notice.room == room.room_number);
        let expected: Vec<_> = of_room.map(|notice| (notice.ended, notice.kind)).collect();
        found += facts.found.len();
        different += facts
            .found
            .iter()
            .filter(|it| !expected.contains(it))
            .count();
        different += expected
            .iter()
            .filter(|it| !facts.found.contains(it))
            .count();
    }
    Some(InOrder {
        late,
        found,
        different,
    })
}

/// What is to be known of a room to notify of it.
pub struct Present<'a> {
    pub key: &'a RoomKey,
    pub watch: u32,
    pub stay: Stay,
    /// The run of the rule with thresholds, if the staff was notified of it.
    pub fixed: Option<RunStart>,
    pub is_on: bool,
    pub interval_seconds: i64,
}

fn own(run: &Run) -> RunStart {
    RunStart {
        rule: Rule::Baseline,
        since: run.since,
    }
}

impl Remembered {
    /// What a reading was to its watch.
    pub fn follow(&mut self, reading: Reading, outcome: &Outcome, watch: u32, stay: &Stay) {
        let is_folded = !matches!(outcome.step, Step::Late | Step::BeforeStay);
        self.is_fine |= is_folded && reading.register.0 % 1000 != 0;
        let at = reading.time;
        let mut add = |item| self.pending.push((watch, item));
        if outcome.meter_changed {
            add(Item::Broken {
                at,
                why: Closing::MeterChanged,
            });
        }
        match outcome.step {
            Step::Judged {
                periods,
                seconds,
                energy,
                ..
            } => add(Item::Interval(Interval {
                kind: match stay.kind() {
                    Kind::Checkin => baseline::Kind::Occupied,
                    Kind::Checkout => baseline::Kind::Vacant,
                },
                watch: watch.into(),
                stay_time: stay.time(),
                opened: at.plus(-seconds),
                ended: at,
                periods,
                seconds,
                energy,
                fine: self.is_fine,
            })),
            Step::Gap { .. } => add(Item::Broken {
                at,
                why: Closing::Gap,
            }),
            Step::OutOfOrder { since, .. } => add(Item::Broken {
                at,
                why: Closing::OutOfOrder { at: since },
            }),
            Step::AcrossStay => add(Item::AcrossStay),
            _ => {}
        }
    }

    /// A transaction has written it. "overflow counts as a gap": of what is lost, that watches
    /// have begun is kept, and the end of the last interval.
    pub fn written(&mut self) {
        if self.pending.len() <= MOST_PENDING {
            return;
        }
        let kept = self
            .pending
            .split_off(self.pending.len() - (MOST_PENDING - 2));
        let lost = std::mem::take(&mut self.pending);
        let mut begun: Option<(u32, Item)> = None;
        let mut last = None;
        for (watch, item) in lost {
            match item {
                Item::Interval(Interval { ended: at, .. }) | Item::Broken { at, .. } => {
                    last = Some((watch, at));
                }
                Item::AcrossStay => {}
                Item::Begun { .. } => {
                    let first = begun.map_or(watch, |(first, _)| first);
                    begun = Some((first, item));
                }
            }
        }
        let why = Closing::Gap;
        let gap = last.map(|(watch, at)| (watch, Item::Broken { at, why }));
        self.pending = begun.into_iter().chain(gap).chain(kept).collect();
    }

    /// A watch has ended, and another one begins.
    pub fn begin(&mut self, ended: (u32, Stay), stay: &Stay) {
        let (number, _) = ended;
        let (kind, at) = (stay.kind(), stay.time());
        self.ended.push(ended);
        self.pending.push((number, Item::Begun { kind, at }));
    }

    /// Whether the staff knows of an unusual use that goes on.
    pub fn is_open(&self) -> bool {
        let run = self.run.as_ref();
        run.is_some_and(|run| run.is_alert && run.known == Known::Yes)
    }

    /// "the fixed rule's row is written all the same and its notice is an update"
    pub fn merge(&mut self, mut notice: RoomNotice, is_on: bool) -> Option<RoomNotice> {
        let start = notice.start();
        let is_alert = notice.kind == NoticeKind::Alert;
        if is_alert && is_on && !self.is_open() {
            self.opened = Some(start);
        }
        if !is_alert && self.is_open() {
            return None;
        }
        notice.incident = self.opened.filter(|opened| *opened != start);
        if !is_alert && notice.kind != NoticeKind::Reminder {
            self.opened = None;
        }
        Some(notice)
    }

    /// The staff hears that what it knows of is no longer followed.
    pub fn close(
        &mut self,
        room: &Present<'_>,
        why: Closing,
        detected: LocalTime,
    ) -> Option<RoomNotice> {
        if !self.is_open() {
            return None;
        }
        let run = self.run.as_mut()?;
        run.known = Known::Closed;
        let run = run.clone();
        let incident = self.opened.take().filter(|opened| *opened != own(&run));
        let event = Event {
            kind: NoticeKind::Closed(why),
            detected,
            run,
            unusual: None,
            watch: room.watch,
        };
        Some(self.notice(room, event, incident))
    }

    /// The rule is off.
    pub fn forget(&mut self) {
        let mut facts = std::mem::take(&mut self.facts);
        facts.is_broken = true;
        *self = Remembered {
            opened: self.opened,
            facts,
            ..Remembered::default()
        };
    }

    fn notice(&self, room: &Present<'_>, event: Event, incident: Option<RunStart>) -> RoomNotice {
        let has_ended = !matches!(event.kind, NoticeKind::Alert | NoticeKind::Reminder);
        let ended = self.ended.iter().find(|(number, _)| *number == event.watch);
        RoomNotice {
            kind: event.kind,
            room: room.key.clone(),
            watch: event.watch,
            rule: Rule::Baseline,
            incident,
            stay: ended.map_or(room.stay, |(_, stay)| *stay),
            detected: event.detected,
            since: event.run.since,
            until: has_ended.then_some(event.run.until),
            periods: event.run.periods.try_into().expect("a few"),
            energy: WattHours(event.run.energy),
            threshold: event
                .unusual
                .map_or(WattHours::ZERO, |unusual| unusual.limit),
            unusual: event.unusual.map(Box::new),
            interval_seconds: room.interval_seconds,
            before: Vec::new(),
            history: Vec::new(),
            handling: None,
        }
    }

    /// What the staff is notified of. Of a run that it knows of it is notified of the end.
    fn notify(&mut self, room: &Present<'_>, event: Event) -> Option<RoomNotice> {
        // Of a watch that has ended nothing goes on.
        let fixed = room.fixed.filter(|_| room.watch == event.watch);
        let start = own(&event.run);
        let known = event.run.known;
        let is_new = matches!(event.kind, NoticeKind::Alert | NoticeKind::Reminder);
        let mut event = event;
        if is_new && known == Known::No {
            if !room.is_on {
                return None;
            }
            event.kind = NoticeKind::Alert;
            self.opened = match fixed {
                Some(fixed) => self.opened.or(Some(fixed)),
                None => Some(start),
            };
            if let Some(run) = &mut self.run {
                run.known = Known::Yes;
            }
        } else if known != Known::Yes || fixed.is_some() {
            return None;
        }
        let incident = self.opened.filter(|opened| *opened != start);
        if !is_new {
            self.opened = None;
        }
        Some(self.notice(room, event, incident))
    }

    /// What can't be followed further.
    fn end(&mut self, why: Closing, detected: LocalTime, watch: u32) -> Option<Event> {
        let run = self.run.take().filter(|run| run.is_alert)?;
        Some(Event {
            kind: NoticeKind::Closed(why),
            detected,
            run,
            unusual: None,
            watch,
        })
    }

    fn take(
        &mut self,
        room: &RoomKey,
        (watch, item): (u32, Item),
        frames: &mut Frames,
        rules: &baseline::Rules,
        sweep: usize,
    ) -> Option<Event> {
        let interval = match item {
            Item::Interval(interval) => interval,
            Item::Broken { at, why } => {
                self.facts.events.push(baseline::Event::Break);
                self.oracle.break_off();
                return self.end(why, at, watch);
            }
            Item::AcrossStay => {
                self.facts.events.push(baseline::Event::AcrossStay);
                self.oracle.clear_block();
                return None;
            }
            Item::Begun { kind, at } => {
                return self.end(Closing::NewStay { kind, at }, at, watch);
            }
        };
        let frame = rules.frame(interval.ended);
        let of_frame = frames.get(&(frame - 2)).map(Vec::as_slice);
        let peers = Peers(of_frame.unwrap_or_default());
        let number = &room.room_number;
        let working = self.oracle.take(number, frame, &interval, &peers, rules);
        let newest = self.contributions.first().map(|(frame, _)| *frame);
        if let Some(contribution) = &working.contribution
            && newest.is_none_or(|newest| frame > newest)
        {
            self.contributions.insert(0, (frame, contribution.clone()));
            self.contributions.truncate(KEPT);
            frames.entry(frame).or_default().push(contribution.clone());
        }
        let ended = interval.ended;
        let latest = self.facts.frames.last();
        self.facts.is_broken |= latest.is_some_and(|(latest, _)| frame < *latest);
        self.facts.frames.push((frame, sweep));
        self.facts.events.push(baseline::Event::Interval(interval));
        let notice = working.notice.clone();
        if let Some(notice) = &notice {
            assert_eq!(
                notice.rule,
                baseline::Rule::VacantAccount,
                "few rooms have no level"
            );
            self.facts.found.push((ended, notice.kind));
        }
        let event = self.account(&working, ended).map(|(kind, run)| Event {
            kind,
            detected: ended,
            run,
            unusual: Some(unusual(&working)),
            watch,
        });
        self.last = Some(working);
        event
    }

    /// Follows the account; gives what it was notified of, with the run.
    fn account(
        &mut self,
        working: &baseline::Working,
        ended: LocalTime,
    ) -> Option<(NoticeKind, Run)> {
        let after = &working.account.as_ref()?.after;
        let notice = working.notice.as_ref();
        if after.excess == 0 {
            let mut run = self.run.take()?;
            let notice = notice?;
            if notice.periods > run.periods {
                run.until = ended;
            }
            (run.periods, run.energy) = (notice.periods, notice.energy.0);
            return Some((NoticeKind::Recovered, run));
        }
        let since = after.since.expect("an account above zero");
        let run = self.run.get_or_insert(Run {
            since,
            until: ended,
            periods: 0,
            energy: 0,
            is_alert: false,
            known: Known::No,
        });
        assert_eq!(run.since, since, "one run after the other");
        // What is above zero has taken this interval in.
        (run.until, run.periods, run.energy) = (ended, after.periods, after.energy);
        run.is_alert = after.told.is_some();
        let kind = match notice?.kind {
            baseline::NoticeKind::Alert => NoticeKind::Alert,
            baseline::NoticeKind::Reminder => NoticeKind::Reminder,
            baseline::NoticeKind::Recovered => panic!("it is above zero"),
        };
        Some((kind, run.clone()))
    }

    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    pub fn facts(self) -> Facts {
        self.facts
    }

    /// What the room says of itself in its last frames: the frame, its excess, its vacant floor.
    pub fn contributed(&self) -> Vec<(i64, Option<i64>, bool, Option<i64>)> {
        let all = self.contributions.iter();
        all.map(|(frame, it)| (*frame, it.excess, it.rose, it.vacant_floor))
            .collect()
    }

    /// S, and the run that it belongs to: since when, how long, and how much.
    pub fn excess(&self) -> (i64, Option<(LocalTime, i64, i64, bool)>) {
        let run = self.run.as_ref();
        let excess = self.last.as_ref().filter(|_| run.is_some());
        let excess = excess.and_then(|last| last.account.as_ref());
        (
            excess.map_or(0, |step| step.after.excess),
            run.map(|run| (run.since, run.periods, run.energy, run.is_alert)),
        )
    }
}

/// What a room is compared with, as far as the oracle knows it.
fn unusual(working: &baseline::Working) -> Unusual {
    let allowed = working.account.as_ref().map_or(0, |step| step.allowed);
    let others = (!working.others.is_empty()).then(|| Others {
        rooms: working.others.len().try_into().expect("a few"),
        low: WattHours::ZERO,
        high: WattHours::ZERO,
    });
    Unusual {
        base: WattHours(working.base),
        limit: WattHours(working.base + allowed),
        compared: Compared::Vacant { others },
    }
}

/// A sweep evaluates what rooms of one hotel have pending: "in the order (frame, room key, time)".
/// `sweep` counts them. Gives the notices that follow, each with the place of its room.
pub fn evaluate(
    rooms: &mut [(Present<'_>, &mut Remembered)],
    frames: &mut Frames,
    rules: &baseline::Rules,
    sweep: usize,
) -> Vec<(usize, RoomNotice)> {
    let mut items = Vec::new();
    for (place, (_, room)) in rooms.iter_mut().enumerate() {
        let pending = std::mem::take(&mut room.pending);
        // What is no interval belongs to the frame of what follows it, and no item comes before
        // an earlier one of its room.
        let mut frames: Vec<i64> = Vec::new();
        for (at, _) in pending.iter().enumerate() {
            let mut following = pending[at..].iter();
            let following = following.find_map(|(_, item)| match item {
                Item::Interval(interval) => Some(rules.frame(interval.ended)),
                _ => None,
            });
            let latest = frames.last().copied().unwrap_or(0);
            frames.push(following.unwrap_or(0).max(latest));
        }
        items.extend(
            frames
                .into_iter()
                .zip(pending)
                .map(|(frame, item)| (frame, place, item)),
        );
    }
    items.sort_by_key(|(frame, place, _)| (*frame, *place));
    let mut notices = Vec::new();
    for (_, place, item) in items {
        let (present, room) = &mut rooms[place];
        if let Some(event) = room.take(present.key, item, frames, rules, sweep) {
            let notice = room.notify(present, event);
            notices.extend(notice.map(|notice| (place, notice)));
        }
    }
    notices
}

/// What rooms say of their hotel's last frames.
pub fn frames_of<'a>(rooms: impl Iterator<Item = &'a Remembered>) -> Frames {
    let mut frames = Frames::new();
    for (frame, contribution) in rooms.flat_map(|room| &room.contributions) {
        frames.entry(*frame).or_default().push(contribution.clone());
    }
    frames
}
