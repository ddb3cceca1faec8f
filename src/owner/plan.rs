//! What a batch of inputs changes: computed here, written and adopted by the owner.

use std::collections::{HashMap, VecDeque};

use crate::engine::{
    Change, Event, MessageKind, MeterNotice, MeterNoticeKind, MeterTrouble, Notice, NoticeKind,
    Occupancy, Opening, Parsed, Received, RoomState, Rules, Said, Stay, Tally, Transition, observe,
    readings_needed_after, receive,
};
use crate::figures::{
    Amounts, Figure, IntervalResult, MessageResult, NoticeResult, Origin, ReadingResult,
    RecordedNotice,
};
use crate::rooms::Rooms;
use crate::store::{Plan, Position, Readings, Rejected, Settled, Settlement, Wanted};
use crate::types::RoomKey;

use super::{Input, Judged, Message};

/// Of each room that messages of a batch are about, what each fact of it begins: another piece, or
/// nothing.
pub(super) type Pieces<'a> = HashMap<&'a RoomKey, VecDeque<Option<Stay>>>;

pub(super) struct Planner<'a> {
    rooms: &'a Rooms,
    rules: &'a Rules,
    /// Readings of the rooms that [`Planner::wanted`] named.
    readings: &'a HashMap<RoomKey, Readings>,
    /// The pieces that messages of this batch are still to begin.
    pieces: Pieces<'a>,
    /// Of each room that begins a watch in this batch the place of the last one in the plan.
    opened: HashMap<RoomKey, usize>,
    /// New states of this batch.
    staged: HashMap<RoomKey, RoomState>,
    plan: Plan,
    /// To be counted once the plan is written.
    amounts: Amounts,
}

impl<'a> Planner<'a> {
    /// The pieces that the messages of a batch begin, and the readings that they need for that.
    pub(super) fn wanted(
        rooms: &Rooms,
        rules: &Rules,
        batch: &'a [Input],
    ) -> (Pieces<'a>, Vec<Wanted>) {
        let mut pieces = Pieces::new();
        let mut wanted: HashMap<&RoomKey, Wanted> = HashMap::new();
        let mut known: HashMap<&RoomKey, (Option<RoomState>, Occupancy, Option<Stay>)> =
            HashMap::new();
        for (room, said) in said(batch) {
            let (state, occupancy, piece) = known.entry(room).or_insert_with(|| {
                let state = rooms.get(room).map(|room| room.state);
                let occupancy = state.as_ref().map(|state| state.occupancy.clone());
                let piece = state.as_ref().map(|state| state.watch.stay);
                (state, occupancy.unwrap_or_default(), piece)
            });
            if let Some(fact) = said.fact(occupancy, rules.match_seconds) {
                occupancy.add(fact, rules.match_seconds);
            }
            let Some(now) = occupancy.picture(rules.match_seconds).piece else {
                pieces.entry(room).or_default().push_back(None);
                continue;
            };
            let is_another = piece.is_none_or(|piece| now.replaces(&piece));
            *piece = Some(now);
            pieces
                .entry(room)
                .or_default()
                .push_back(is_another.then_some(now));
            if is_another {
                let after = readings_needed_after(state.as_ref(), &now, rules);
                wanted
                    .entry(room)
                    .and_modify(|wanted| {
                        wanted.after = wanted.after.min(after);
                        wanted.until = wanted.until.max(now.time());
                    })
                    .or_insert_with(|| Wanted {
                        room: room.clone(),
                        after,
                        until: now.time(),
                    });
            }
        }
        (pieces, wanted.into_values().collect())
    }

    pub(super) fn new(
        rooms: &'a Rooms,
        rules: &'a Rules,
        readings: &'a HashMap<RoomKey, Readings>,
        pieces: Pieces<'a>,
    ) -> Planner<'a> {
        Planner {
            pieces,
            rooms,
            rules,
            readings,
            opened: HashMap::new(),
            staged: HashMap::new(),
            plan: Plan::default(),
            amounts: Amounts::default(),
        }
    }

    /// Takes a message.
    pub(super) fn message(&mut self, message: &Message) {
        let result = match &message.parsed {
            Parsed::Event(event) => self.event(event),
            Parsed::EventWithoutExpected(event) => {
                log::warn!(
                    "{}: its expected check-out is not after its check-in and was ignored",
                    event.names()
                );
                self.event(event)
            }
            Parsed::Ignored => MessageResult::Ignored,
            Parsed::Refused(reason) => {
                log::warn!(
                    "a message from {} was refused and kept: {reason}",
                    message.source
                );
                self.plan.rejected.push(Rejected::new(
                    &message.source,
                    reason.to_string(),
                    &message.body,
                    message.redelivered,
                ));
                MessageResult::Refused
            }
        };
        let origin = origin_of(&message.source);
        self.amounts.add(Figure::Messages(origin, result), 1);
    }

    fn event(&mut self, event: &Event) -> MessageResult {
        let by_kind = match event.kind {
            MessageKind::Checkin => MessageResult::CheckIn,
            MessageKind::Checkout => MessageResult::CheckOut,
            MessageKind::Move => MessageResult::Move,
            MessageKind::Extend => MessageResult::Extend,
            MessageKind::CancelCheckin => MessageResult::CancelCheckin,
            MessageKind::CancelCheckout => MessageResult::CancelCheckout,
            MessageKind::RoomStatus => MessageResult::RoomStatus,
        };
        let results = event
            .rooms
            .iter()
            .map(|(room, said)| match self.said(room, said) {
                None => by_kind,
                Some(other) => other,
            });
        // A move counts as what it was to the room that it is more to.
        results
            .min_by_key(|result| *result != by_kind)
            .unwrap_or(by_kind)
    }

    /// What a message was to a room, unless it is what its kind says.
    fn said(&mut self, room: &RoomKey, said: &Said) -> Option<MessageResult> {
        let state = self.current(room);
        let readings = self.readings.get(room).map_or(&[][..], Vec::as_slice);
        // After an outage the room's next guest may wait in the same batch: what came after him is
        // not to be judged under this stay.
        let piece = self.pieces.get_mut(room).and_then(|pieces| {
            let piece = pieces.pop_front()?;
            let began = piece.or(state.as_ref().map(|state| state.watch.stay))?;
            let later = pieces.iter().flatten();
            later
                .filter(|later| later.order() > began.order())
                .map(Stay::time)
                .min()
        });
        let until = piece.map_or(readings.len(), |next| {
            readings.partition_point(|reading| reading.time <= next)
        });
        let readings = &readings[..until];
        match receive(room, state.as_ref(), said, readings, self.rules) {
            Received::Newer(transition) => {
                self.stage(room.clone(), transition);
                None
            }
            Received::Corrected(transition) => {
                self.stage(room.clone(), transition);
                Some(MessageResult::Duplicate)
            }
            Received::Noted(transition) => {
                let watched = transition.state.watch.stay.order();
                let of_stay = match said {
                    Said::Fact(fact) => fact.stay(),
                    Said::Back { .. } | Said::Status(_) => None,
                };
                let is_older = of_stay.is_some_and(|stay| stay.order() < watched);
                self.stage(room.clone(), transition);
                if is_older {
                    log::info!(
                        "{room}: a {} of {} is older than what is known and changes nothing now",
                        said.name(),
                        said.time()
                    );
                }
                is_older.then_some(MessageResult::Stale)
            }
            Received::Duplicate => {
                log::debug!("{room}: a duplicate message");
                Some(MessageResult::Duplicate)
            }
            Received::Stale => {
                log::info!(
                    "{room}: a {} of {} is older than what is known and has no effect",
                    said.name(),
                    said.time()
                );
                Some(MessageResult::Stale)
            }
        }
    }

    /// Takes a verdict of a sweep. One on a state that has changed meanwhile is made again. One on
    /// an earlier stay is void: the message that ended it has left to the next sweep what this one
    /// had to show, and what is in between must not be skipped.
    pub(super) fn judged(&mut self, judged: &Judged) {
        let unchanged = !self.staged.contains_key(&judged.room)
            && (self.rooms.get(&judged.room)).is_some_and(|room| room.version == judged.version);
        let transition = if unchanged {
            judged.transition.clone()
        } else {
            match self.current(&judged.room) {
                Some(state) if state.watch_key() == judged.transition.state.watch_key() => {
                    observe(&judged.room, &state, &judged.readings, self.rules)
                }
                _ => return,
            }
        };
        self.stage(judged.room.clone(), transition);
    }

    pub(super) fn swept(&mut self, position: Position) {
        self.plan.position = Some(position);
    }

    /// Takes what a sweep has found of hotels' meters, but for what the staff has been notified of.
    pub(super) fn silence(&mut self, notices: &[MeterNotice]) {
        let new = notices.iter().filter(|notice| {
            let known = self.rooms.trouble(&notice.hotel_id);
            match notice.kind {
                MeterNoticeKind::Silent | MeterNoticeKind::Frozen => {
                    !known.is_some_and(MeterTrouble::is_open)
                }
                MeterNoticeKind::Reporting => matches!(known, Some(MeterTrouble::Silent(_))),
                MeterNoticeKind::Moving => matches!(known, Some(MeterTrouble::Frozen(_))),
            }
        });
        self.plan.notices.extend(new.cloned().map(Notice::Meters));
    }

    pub(super) fn settled(&mut self, settled: &[Settled]) {
        self.plan.settled.extend_from_slice(settled);
    }

    pub(super) fn finish(mut self) -> (Plan, Amounts) {
        self.plan.rooms = self.staged.into_iter().collect();
        // In the order of the key: transactions that meet then wait instead of deadlocking.
        self.plan.rooms.sort_by(|(a, _), (b, _)| a.cmp(b));
        for notice in &self.plan.notices {
            let figure = Figure::NoticesRecorded(recorded(notice));
            self.amounts.add(figure, 1);
        }
        for settled in &self.plan.settled {
            let figure = Figure::Notices(result_of(&settled.how));
            self.amounts.add(figure, 1);
        }
        (self.plan, self.amounts)
    }

    fn current(&self, room: &RoomKey) -> Option<RoomState> {
        let staged = self.staged.get(room).cloned();
        staged.or_else(|| self.rooms.get(room).map(|room| room.state))
    }

    fn count(&mut self, tally: Tally) {
        let Tally {
            folded,
            late,
            judged,
            abnormal,
            gaps,
            outliers,
            meters_changed,
        } = tally;
        for (figure, more) in [
            (Figure::Readings(ReadingResult::Folded), folded),
            (Figure::Readings(ReadingResult::Late), late),
            (Figure::Intervals(IntervalResult::Normal), judged - abnormal),
            (Figure::Intervals(IntervalResult::Abnormal), abnormal),
            (Figure::Intervals(IntervalResult::Gap), gaps),
            (Figure::Outliers, outliers),
            (Figure::MetersReplaced, meters_changed),
        ] {
            self.amounts.add(figure, more);
        }
    }

    fn stage(&mut self, room: RoomKey, transition: Transition) {
        self.count(transition.tally);
        for change in transition.changes {
            let room = room.clone();
            match change {
                Change::Opened(opening) => {
                    self.opened.insert(room.clone(), self.plan.openings.len());
                    self.plan.openings.push((room, opening));
                }
                Change::Rewritten { was, by } => self.rewrite(room, was, by),
                Change::Notice(notice) => self.plan.notices.push(Notice::Room(notice)),
            }
        }
        self.staged.insert(room, transition.state);
    }

    /// Rewrites what is recorded of a watch: in the plan, where it begins with that.
    fn rewrite(&mut self, room: RoomKey, was: Stay, by: Opening) {
        let opened = self.opened.get(&room).copied();
        let opening = opened.and_then(|at| self.plan.openings.get_mut(at));
        match opening.filter(|(_, opening)| opening.stay.order() == was.order()) {
            Some((_, opening)) => *opening = by,
            None => self.plan.rewritten.push((room, was, by)),
        }
    }
}

/// Which way a message came in, by the source that is stored with refused ones.
fn origin_of(source: &str) -> Origin {
    if source.starts_with("amqp:") {
        Origin::Amqp
    } else {
        Origin::Http
    }
}

fn recorded(notice: &Notice) -> RecordedNotice {
    match notice {
        Notice::Room(notice) => match notice.kind {
            NoticeKind::Alert => RecordedNotice::Alert,
            NoticeKind::Reminder => RecordedNotice::Reminder,
            NoticeKind::Recovered => RecordedNotice::Recovered,
            NoticeKind::Closed(_) => RecordedNotice::Closed,
        },
        Notice::Meters(notice) => match notice.kind {
            MeterNoticeKind::Silent => RecordedNotice::Silent,
            MeterNoticeKind::Reporting => RecordedNotice::Reporting,
            MeterNoticeKind::Frozen => RecordedNotice::Frozen,
            MeterNoticeKind::Moving => RecordedNotice::Moving,
        },
    }
}

fn result_of(how: &Settlement) -> NoticeResult {
    match how {
        Settlement::Sent(_) => NoticeResult::Sent,
        Settlement::Logged => NoticeResult::Logged,
        Settlement::Expired => NoticeResult::Expired,
        Settlement::Failed(_) => NoticeResult::Failed,
        Settlement::Withdrawn => NoticeResult::Withdrawn,
    }
}

/// What the messages of a batch say of rooms, in the order in which they came.
fn said(batch: &[Input]) -> impl Iterator<Item = &(RoomKey, Said)> {
    let events = batch.iter().filter_map(|input| match input {
        Input::Message(Message {
            parsed: Parsed::Event(event) | Parsed::EventWithoutExpected(event),
            ..
        }) => Some(event),
        _ => None,
    });
    events.flat_map(|event| &event.rooms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{HotelId, LocalTime, Reading, WattHours};

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    fn message(stay: Stay) -> Input {
        let room = RoomKey::new("H001", "101");
        Input::Message(Message {
            source: "test".into(),
            parsed: Parsed::Event(Event::of(room, &stay)),
            body: Vec::new(),
            redelivered: false,
            committed: Box::new(|| {}),
        })
    }

    fn planned(rooms: &Rooms, batch: &[Input]) -> Plan {
        let rules = Rules::default();
        // 1.8 kWh an interval: too much for a vacant room, not for a guest.
        let reading = |n: i64| Reading {
            time: at(30 * n),
            register: WattHours(1_800 * n),
        };
        let (pieces, wanted) = Planner::wanted(rooms, &rules, batch);
        let readings = { wanted.into_iter() }
            .map(|wanted| (wanted.room, (0..10).map(reading).collect()))
            .collect();
        let mut planner = Planner::new(rooms, &rules, &readings, pieces);
        for input in batch {
            if let Input::Message(message) = input {
                planner.message(message);
            }
        }
        planner.finish().0
    }

    #[test]
    fn a_guest_who_waits_in_the_same_batch_is_not_judged_as_an_empty_room() {
        let rooms = Rooms::default();
        let left = || {
            message(Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(0),
            })
        };
        let arrived = message(Stay::Occupied {
            check_in: at(60),
            expected_checkout: None,
        });
        assert_eq!(
            planned(&rooms, &[left()]).notices.len(),
            2,
            "alert, reminder"
        );
        let plan = planned(&rooms, &[left(), arrived]);
        assert_eq!(plan.notices, []);
        assert_eq!(plan.openings.len(), 2);
        assert_eq!(plan.rooms.len(), 1);
        assert_eq!(plan.rooms[0].1.watch.fold.seen, Some(at(270)));
    }

    #[test]
    fn meter_notices_are_recorded_once() {
        let (rooms, rules, readings) = (Rooms::default(), Rules::default(), HashMap::new());
        let notice = |kind, hotel| MeterNotice {
            kind,
            hotel_id: HotelId::new(hotel),
            detected: at(0),
            since: None,
            silent: 5,
            watched: 5,
            rooms: Vec::new(),
        };
        rooms.notified(&notice(MeterNoticeKind::Silent, "H1"));
        rooms.notified(&notice(MeterNoticeKind::Silent, "H2"));
        rooms.notified(&notice(MeterNoticeKind::Reporting, "H2"));
        let mut planner = Planner::new(&rooms, &rules, &readings, Pieces::new());
        let both = |kind| ["H1", "H2"].map(|hotel| notice(kind, hotel));
        planner.silence(&both(MeterNoticeKind::Silent));
        planner.silence(&both(MeterNoticeKind::Reporting));
        let [again, new] = both(MeterNoticeKind::Silent);
        let [end, void] = both(MeterNoticeKind::Reporting);
        let recorded = planner.finish().0.notices;
        assert_eq!(recorded, [new, end].map(Notice::Meters));
        assert!(
            ![again, void]
                .iter()
                .any(|n| recorded.contains(&Notice::Meters(n.clone())))
        );
    }

    #[test]
    fn a_guest_who_arrives_as_another_leaves_is_not_judged_as_an_empty_room() {
        let rooms = Rooms::default();
        let left = message(Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(0),
        });
        let arrived = message(Stay::Occupied {
            check_in: at(0),
            expected_checkout: None,
        });
        let plan = planned(&rooms, &[left, arrived]);
        assert_eq!(plan.notices, []);
    }
}
