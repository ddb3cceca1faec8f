//! What a message makes of a room: the facts that it brings, and the watch that follows from them.

use crate::types::{Kind, LocalTime, Reading, RoomKey};

use super::state::Effects;
use super::watch::Watch;
use super::{
    Added, Change, Closing, Occupancy, RoomState, Rules, Said, StatusChange, Stay, Transition,
    observe,
};

/// What a message was to a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// The room has another watch.
    Newer(Transition),
    /// The watch goes on: its stay began earlier, or its guest means to leave at another time.
    Corrected(Transition),
    /// The watch goes on as it is. More is known of who is, or was, in the room.
    Noted(Transition),
    /// All of it was known: nothing changes.
    Duplicate,
    /// It is older than what is kept of the room: nothing changes.
    Stale,
    /// It says nothing of who is in a room that is not watched yet: nothing changes.
    Unwatched,
}

/// Takes what one message says of a room; `known` is `None` where it has no watch yet.
///
/// `readings` are the room's in time order, all after [`readings_needed_after`]; older ones do no
/// harm.
pub fn receive(
    room: &RoomKey,
    known: Option<&RoomState>,
    said: &Said,
    readings: &[Reading],
    rules: &Rules,
) -> Received {
    if let Said::Status(change) = said {
        return match known {
            Some(known) => status(room, known, *change, readings, rules),
            None => Received::Unwatched,
        };
    }
    let mut occupancy = known.map_or_else(Occupancy::default, |known| known.occupancy.clone());
    let Some(fact) = said.fact(&occupancy, rules.match_seconds) else {
        return Received::Duplicate;
    };
    let is_older = |watched: (LocalTime, Kind)| fact.stay().is_some_and(|s| s.order() < watched);
    let is_older = known.is_some_and(|known| is_older(known.watch.stay.order()));
    let is_stale = occupancy.add(fact, rules.match_seconds) == Added::Stale || is_older;
    if known.is_some_and(|known| known.occupancy == occupancy) {
        return match is_stale {
            true => Received::Stale,
            false => Received::Duplicate,
        };
    }
    let Some(stay) = occupancy.picture(rules.match_seconds).piece else {
        // An expected check-out.
        return Received::Unwatched;
    };
    match known {
        Some(known) if !stay.replaces(&known.watch.stay, known.can_be_moved()) => {
            go_on(room, known, occupancy, stay, readings, rules)
        }
        _ => begin(room, known, occupancy, stay, readings, rules),
    }
}

/// The room's status changes. That concerns only intervals that end later, so nothing is to be
/// judged before it; and it may begin later than now, so no run ends before it shows.
fn status(
    room: &RoomKey,
    known: &RoomState,
    change: StatusChange,
    readings: &[Reading],
    rules: &Rules,
) -> Received {
    let mut statuses = known.statuses.clone();
    match statuses.add(change) {
        Added::New => {}
        Added::Known => return Received::Duplicate,
        Added::Stale => return Received::Stale,
    }
    let state = RoomState {
        statuses,
        ..known.clone()
    };
    Received::Noted(observe(room, &state, readings, rules))
}

/// The time after which [`receive`] needs a room's readings where its watch becomes the one on
/// `stay`.
pub fn readings_needed_after(known: Option<&RoomState>, stay: &Stay, rules: &Rules) -> LocalTime {
    let own = Watch::new(*stay, rules).needs_after();
    known.map_or(own, |known| known.watch.needs_after().min(own))
}

/// The watch goes on. Readings of a message that begins no watch are those that an earlier message
/// of the same batch has left to it.
fn go_on(
    room: &RoomKey,
    known: &RoomState,
    occupancy: Occupancy,
    stay: Stay,
    readings: &[Reading],
    rules: &Rules,
) -> Received {
    let was = known.watch.stay;
    let mut state = known.clone();
    state.occupancy = occupancy;
    state.watch.stay = stay;
    let rewritten = Change::Rewritten(state.watch.opening());
    let mut transition = observe(room, &state, readings, rules);
    if stay == was {
        return Received::Noted(transition);
    }
    transition.changes.insert(0, rewritten);
    Received::Corrected(transition)
}

/// Another watch begins. If it begins before the present one, the present one should never have
/// been.
fn begin(
    room: &RoomKey,
    known: Option<&RoomState>,
    occupancy: Occupancy,
    stay: Stay,
    readings: &[Reading],
    rules: &Rules,
) -> Received {
    let mut effects = Effects::default();
    let mut state = RoomState::new(stay, rules);
    state.occupancy = occupancy;
    let is_withdrawn = known.is_some_and(|known| stay.order() < known.watch.stay.order());
    if let Some(known) = known {
        let until = match is_withdrawn {
            true => 0,
            false => readings.partition_point(|reading| reading.time <= stay.time()),
        };
        let brought_up = observe(room, known, &readings[..until], rules);
        effects.changes = brought_up.changes;
        effects.tally = brought_up.tally;
        let mut old = brought_up.state;
        let was = old.watch.stay;
        let why = Closing::NewStay {
            kind: stay.kind(),
            at: stay.time(),
        };
        let detected = stay.time().max(was.time());
        let closing = old.close(room, why, detected, rules);
        let closing = closing
            .into_iter()
            .chain(old.close_unusual(room, why, detected));
        effects.changes.extend(closing.map(Change::Notice));
        state.watch.before = old.watch.history_until(stay.time());
        state.watch.forget_surplus(rules);
        // What is remembered across stays is kept.
        state.watches = old.watches.saturating_add(1);
        state.statuses = old.statuses;
        state.baseline = old.baseline;
        (state.baseline).begin_watch((old.watches, was), &stay, rules);
    }
    let at = effects.changes.len();
    state.fold(room, readings, rules, &mut effects, |_, _, _| {});
    let by = state.watch.opening();
    let change = match is_withdrawn {
        true => Change::Rewritten(by),
        false => Change::Opened(by),
    };
    effects.changes.insert(at, change);
    Received::Newer(Transition {
        state,
        changes: effects.changes,
        tally: effects.tally,
    })
}
