//! What a batch of inputs changes: computed here, written and adopted by the owner.

mod due;
mod incidents;

use std::collections::{HashMap, VecDeque};

use crate::engine::{
    Act, ActRefused, Added, Change, Event, Fact, HotelNoticeKind, HotelState, Incident,
    MessageKind, MeterCheck, MeterNotice, MeterNoticeKind, MeterStatus, MeterTrouble, Notice,
    NoticeKind, Occupancy, Opening, Parsed, Received, RefusedBodies, RoomState, Rules, Said,
    StatusChange, Statuses, Stay, Tally, Transition, close_by_hand, close_out_of_order, observe,
    readings_needed_after, receive,
};
use crate::figures::{
    Amounts, Figure, IntervalResult, MessageResult, NoticeResult, Origin, ReadingResult,
    RecordedNotice,
};
use crate::rooms::Rooms;
use crate::store::{Plan, Position, Readings, Rejected, Settled, Settlement, Wanted};
use crate::types::{HotelId, LocalTime, RoomKey, WattHours};

use super::{ActRequest, FoundOfHotel, Input, Judged, Message};

use incidents::ChangedIncidents;

/// The messages of a batch by their rooms. For each message the time from which on the room is
/// judged otherwise, because it begins a watch or changes the room's status; `None` if it does not.
pub(super) type Turns<'a> = HashMap<&'a RoomKey, VecDeque<Option<LocalTime>>>;

/// A room as the messages of a batch leave it one after the other, as far as that can be known
/// before its readings are read.
struct Expected {
    /// Before all of them.
    state: Option<RoomState>,
    occupancy: Occupancy,
    statuses: Statuses,
    /// The stay of its watch, and whether that can be moved.
    watched: Option<(Stay, bool)>,
}

/// What is answered to an act.
pub(super) type Acted = Result<(), ActRefused>;

pub(super) struct Planner<'a> {
    rooms: &'a Rooms,
    rules: &'a Rules,
    /// Readings of the rooms that [`Planner::wanted`] named.
    readings: &'a HashMap<RoomKey, Readings>,
    refused_bodies: &'a RefusedBodies,
    /// What messages of this batch are still to change.
    turns: Turns<'a>,
    /// For each room that begins watches in this batch, their places in the plan.
    opened: HashMap<RoomKey, Vec<usize>>,
    /// For each room whose rows this batch rewrites, the stay of its last row after that.
    rewritten: HashMap<RoomKey, Stay>,
    /// New states of this batch.
    staged: HashMap<RoomKey, RoomState>,
    incidents: ChangedIncidents,
    /// What is to be answered to each act.
    acted: Vec<Acted>,
    plan: Plan,
    /// To be counted once the plan is written.
    amounts: Amounts,
}

impl<'a> Planner<'a> {
    /// What the messages of a batch change, and the readings that they need for that.
    pub(super) fn wanted(
        rooms: &Rooms,
        rules: &Rules,
        batch: &'a [Input],
    ) -> (Turns<'a>, Vec<Wanted>) {
        let mut turns = Turns::new();
        let mut wanted: HashMap<&RoomKey, Wanted> = HashMap::new();
        let mut expected: HashMap<&RoomKey, Expected> = HashMap::new();
        for (room, said) in said(batch) {
            let expected = expected.entry(room).or_insert_with(|| {
                let state = rooms.get(room).map(|room| room.state);
                let known = state.as_ref();
                Expected {
                    occupancy: known.map_or_else(Occupancy::default, |s| s.occupancy.clone()),
                    statuses: known.map_or_else(Statuses::default, |s| s.statuses.clone()),
                    watched: known.map(|state| (state.watch.stay, state.can_be_moved())),
                    state,
                }
            });
            let turns = turns.entry(room).or_default();
            if let Said::Status(change) = said {
                let is_new = expected.take_status(*change);
                turns.push_back(is_new.then_some(change.at));
                continue;
            }
            let begun = expected.take(said, rules);
            turns.push_back(begun.map(|stay| stay.time()));
            let Some(begun) = begun else { continue };
            let after = readings_needed_after(expected.state.as_ref(), &begun, rules);
            let wanted = wanted.entry(room).or_insert_with(|| Wanted {
                room: room.clone(),
                after,
                until: begun.time(),
            });
            wanted.after = wanted.after.min(after);
            // Readings later than the last watch's beginning are left to sweeps.
            wanted.until = begun.time();
        }
        (turns, wanted.into_values().collect())
    }

    pub(super) fn new(
        rooms: &'a Rooms,
        rules: &'a Rules,
        readings: &'a HashMap<RoomKey, Readings>,
        refused_bodies: &'a RefusedBodies,
        turns: Turns<'a>,
    ) -> Planner<'a> {
        Planner {
            turns,
            rooms,
            rules,
            readings,
            refused_bodies,
            opened: HashMap::new(),
            rewritten: HashMap::new(),
            staged: HashMap::new(),
            incidents: ChangedIncidents::default(),
            acted: Vec::new(),
            plan: Plan::default(),
            amounts: Amounts::default(),
        }
    }

    /// Takes a message.
    pub(super) fn message(&mut self, message: &Message) {
        let result = match &message.parsed {
            Parsed::Event(event) => self.event(event),
            Parsed::EventWithoutExpected(event) => {
                let after = match event.kind {
                    MessageKind::Move => "the move",
                    _ => "its check-in",
                };
                log::warn!(
                    "{}: its expected check-out is not after {after} and was ignored",
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
                    self.refused_bodies,
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
            .map(|(room, said)| match self.said(event, room, said) {
                None => by_kind,
                Some(other) => other,
            });
        // A move is counted once: as what its kind says if it had that effect in either room.
        results
            .min_by_key(|result| *result != by_kind)
            .unwrap_or(by_kind)
    }

    /// Takes what a message says of a room. Gives what it is counted as; `None` if it is what its
    /// kind says.
    fn said(&mut self, event: &Event, room: &RoomKey, said: &Said) -> Option<MessageResult> {
        let state = self.current(room);
        let readings = self.readings.get(room).map_or(&[][..], Vec::as_slice);
        // After an outage the room's next guest may wait in the same batch, or a message that shows
        // that this stay should never have been: what came after that is not to be judged under it.
        // Nor are readings after the room's next status to be judged under the present one.
        let next = self.turns.get_mut(room).and_then(|turns| {
            turns.pop_front();
            turns.iter().flatten().copied().min()
        });
        let until = next.map_or(readings.len(), |next| {
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
                // Only an extension is meant to change the expected check-out.
                let is_known = event.kind != MessageKind::Extend;
                is_known.then_some(MessageResult::Duplicate)
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
                        "{}: the {} of {} is older than what is known{} and changes nothing now",
                        event.names(),
                        event.kind,
                        said.time(),
                        of_room(event, room)
                    );
                }
                is_older.then_some(MessageResult::Stale)
            }
            Received::Duplicate => {
                log::debug!(
                    "{}: a duplicate message{}",
                    event.names(),
                    of_room(event, room)
                );
                Some(MessageResult::Duplicate)
            }
            Received::Stale => {
                let why = match said {
                    Said::Fact(Fact::Expectation(_)) => "is of a room of which nothing is known",
                    _ => "is older than what is known",
                };
                log::info!(
                    "{}: the {} of {} {why}{} and has no effect",
                    event.names(),
                    event.kind,
                    said.time(),
                    of_room(event, room)
                );
                Some(MessageResult::Stale)
            }
            Received::Unwatched => {
                self.plan.rests_on_ownership = true;
                log::info!(
                    "{room}: the {} of {} has no effect: the room is watched from its first \
                     check-in or check-out on",
                    event.kind,
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
                    let again = match judged.out_of_order_by {
                        Some(now) => close_out_of_order(&judged.room, &state, now, self.rules),
                        None => {
                            let readings = &judged.readings;
                            Some(observe(&judged.room, &state, readings, self.rules))
                        }
                    };
                    let Some(again) = again else { return };
                    again
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
    pub(super) fn meter_notices(&mut self, notices: &[MeterNotice]) {
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
        new.cloned()
            .for_each(|new| self.notify(Notice::Meters(new)));
    }

    /// Takes what a sweep has found of a hotel. It rests on what was remembered when the sweep
    /// began, and only sweeps change that.
    pub(super) fn hotel(&mut self, found: &FoundOfHotel) {
        if let Some(memory) = found.memory {
            self.hotel_state(&found.hotel).memory = memory;
        }
        self.plan.frames.extend(found.frames.iter().cloned());
        let notices = found.notices.iter().cloned();
        notices.for_each(|notice| self.notify(Notice::Hotel(notice)));
    }

    /// Takes what somebody does at `now` to the incident that is `stored`, unless its request has
    /// had its effect already.
    pub(super) fn act(
        &mut self,
        request: &ActRequest,
        stored: Option<(Incident, bool)>,
        now: LocalTime,
    ) {
        let acted = match stored {
            None => Err(ActRefused::Unknown),
            Some((_, true)) => Ok(()),
            Some((stored, false)) if request.act == Act::Close => self.close(request, &stored, now),
            Some((stored, false)) => (self.incidents).act(request, stored, self.rooms, now),
        };
        self.acted.push(acted);
    }

    /// Closes an incident by hand: by closing the runs of its room, of which no reading will come.
    fn close(&mut self, request: &ActRequest, stored: &Incident, now: LocalTime) -> Acted {
        let room = &stored.key.place;
        if let Some(closed) = self.incidents.current(stored).closed {
            return Err(ActRefused::Over(closed));
        }
        let state = self.current(room).ok_or(ActRefused::EndsByItself)?;
        let is_its = state.notified_run(room);
        if !is_its.is_some_and(|run| stored.key.is_of(&run)) || !self.sends_nothing(&state, now) {
            return Err(ActRefused::EndsByItself);
        }
        let closed = close_by_hand(room, &state, now, self.rules);
        self.stage(room.clone(), closed);
        (self.incidents).was_closed_by(&stored.key, request);
        Ok(())
    }

    /// Whether no reading of a room can be expected that would be judged.
    fn sends_nothing(&self, state: &RoomState, now: LocalTime) -> bool {
        let is_silent = || {
            let check = MeterCheck {
                now,
                listening_since: self.rooms.last_sweep()?.listening_since,
                silent_after: self.rules.silent_after_seconds,
            };
            Some(check.status(&state.watch) == MeterStatus::Silent)
        };
        let out_of_order = state.out_of_order(now, self.rules.match_seconds);
        out_of_order.is_some() || is_silent().unwrap_or(false)
    }

    pub(super) fn settled(&mut self, settled: &[Settled]) {
        self.plan.settled.extend_from_slice(settled);
    }

    pub(super) fn finish(mut self) -> (Plan, Amounts, Vec<Acted>) {
        self.plan.rooms = self.staged.into_iter().collect();
        // In the order of the key: transactions that meet then wait instead of deadlocking.
        self.plan.rooms.sort_by(|(a, _), (b, _)| a.cmp(b));
        (self.plan.incidents, self.plan.incident_events) = self.incidents.finish();
        for notice in &self.plan.notices {
            let figure = Figure::NoticesRecorded(recorded(notice));
            self.amounts.add(figure, 1);
            if let Notice::Room(notice) = notice
                && notice.kind == NoticeKind::Alert
            {
                let counts = self.amounts.of_hotel(&notice.room.hotel_id);
                counts.add_alert(notice.stay.kind(), notice.rule);
            }
        }
        for settled in &self.plan.settled {
            let figure = Figure::Notices(result_of(&settled.how));
            self.amounts.add(figure, 1);
        }
        (self.plan, self.amounts, self.acted)
    }

    fn current(&self, room: &RoomKey) -> Option<RoomState> {
        let staged = self.staged.get(room).cloned();
        staged.or_else(|| self.rooms.get(room).map(|room| room.state))
    }

    /// What is to be remembered of a hotel after this batch. It is written as a whole, so that a
    /// batch that is taken again counts nothing twice.
    fn hotel_state(&mut self, hotel: &HotelId) -> &mut HotelState {
        let known = || self.rooms.hotel(hotel);
        self.plan.hotels.entry(hotel.clone()).or_insert_with(known)
    }

    fn count(&mut self, hotel: &HotelId, tally: Tally) {
        let Tally {
            folded,
            late,
            judged,
            abnormal,
            out_of_order,
            cleaning,
            gaps,
            outliers,
            meters_changed,
            occupied,
            vacant,
            day,
        } = tally;
        if day.day.is_some() {
            self.hotel_state(hotel).energy.add(day);
        }
        if (occupied, vacant) != (WattHours::ZERO, WattHours::ZERO) {
            let counts = self.amounts.of_hotel(hotel);
            counts.occupied += occupied;
            counts.vacant += vacant;
        }
        for (figure, more) in [
            (Figure::Readings(ReadingResult::Folded), folded),
            (Figure::Readings(ReadingResult::Late), late),
            (Figure::Intervals(IntervalResult::Normal), judged - abnormal),
            (Figure::Intervals(IntervalResult::Abnormal), abnormal),
            (Figure::Intervals(IntervalResult::Gap), gaps),
            (Figure::Intervals(IntervalResult::OutOfOrder), out_of_order),
            (Figure::Intervals(IntervalResult::Cleaning), cleaning),
            (Figure::Outliers, outliers),
            (Figure::MetersReplaced, meters_changed),
        ] {
            self.amounts.add(figure, more);
        }
    }

    /// Writes a notice to the outbox, and what follows from it for its incident.
    fn notify(&mut self, mut notice: Notice) {
        self.incidents.take(&mut notice, self.rooms);
        self.plan.notices.push(notice);
    }

    fn stage(&mut self, room: RoomKey, transition: Transition) {
        self.count(&room.hotel_id, transition.tally);
        for change in transition.changes {
            let room = room.clone();
            match change {
                Change::Opened(opening) => {
                    let places = self.opened.entry(room.clone()).or_default();
                    places.push(self.plan.openings.len());
                    self.plan.openings.push((room, opening));
                }
                Change::Rewritten(opening) => self.rewrite(room, opening),
                Change::Notice(notice) => self.notify(Notice::Room(notice)),
            }
        }
        let mut state = transition.state;
        state.baseline.bound_pending();
        self.staged.insert(room, state);
    }

    /// Rewrites what is recorded of a room's last watches, back to the beginning of `by`: the
    /// openings of this plan, and the rows that are written already.
    fn rewrite(&mut self, room: RoomKey, by: Opening) {
        for &place in self.opened.get(&room).into_iter().flatten() {
            if let Some((_, opening)) = self.plan.openings.get_mut(place)
                && opening.stay.order() >= by.stay.order()
            {
                *opening = by;
            }
        }
        let written = self.rewritten.get(&room).copied();
        let written = written.or_else(|| Some(self.rooms.get(&room)?.state.watch.stay));
        if let Some(was) = written.filter(|was| was.order() >= by.stay.order()) {
            self.rewritten.insert(room.clone(), by.stay);
            self.plan.rewritten.push((room, was, by));
        }
    }
}

impl Expected {
    /// Takes what one message says of the room's status; whether that is new.
    fn take_status(&mut self, change: StatusChange) -> bool {
        self.watched.is_some() && self.statuses.add(change) == Added::New
    }

    /// Takes what one message says; gives the stay of the watch that begins with that, if one does.
    fn take(&mut self, said: &Said, rules: &Rules) -> Option<Stay> {
        if let Some(fact) = said.fact(&self.occupancy, rules.match_seconds) {
            self.occupancy.add(fact, rules.match_seconds);
        }
        let piece = self.occupancy.picture(rules.match_seconds).piece?;
        let is_another = |(watched, can)| piece.replaces(&watched, can);
        if self.watched.is_none_or(is_another) {
            // A watch of which a later message of the batch shows that it began earlier judges
            // nothing before that comes.
            self.watched = Some((piece, false));
            return Some(piece);
        }
        self.watched = self.watched.map(|(_, can_be_moved)| (piece, can_be_moved));
        None
    }
}

/// For a line about a message of two rooms: which of them it means.
fn of_room(event: &Event, room: &RoomKey) -> String {
    match event.rooms.len() {
        0 | 1 => String::new(),
        _ => format!(" of {room}"),
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
        Notice::Hotel(notice) => match notice.kind {
            HotelNoticeKind::Rise => RecordedNotice::Rise,
            HotelNoticeKind::Level => RecordedNotice::Level,
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
        Settlement::Joined(_) => NoticeResult::Joined,
        Settlement::Muted => NoticeResult::Muted,
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
mod tests;
