//! The messages after which a room is watched as the property management system says.

use crate::types::LocalTime;

use super::super::{
    Arrival, Departure, Event, Fact, Guest, MessageKind, Received, RoomState, RoomStatus, Rules,
    Said, StatusChange, StayId, receive,
};
use super::{Differs, PmsRoom, PmsState, differs, guests, id_of, the_guest};

/// The most messages for one room: as many as facts are kept, and for each guest who is in.
const MOST: usize = 64;

/// The messages that mend a room, in their order; `None` where none do. Each is tried on the room:
/// what is known of it already may decide otherwise than a message alone would.
pub(super) fn mend(
    pms: &PmsRoom,
    state: Option<&RoomState>,
    made: LocalTime,
    rules: &Rules,
) -> Option<Vec<Event>> {
    let differs = |state: Option<&RoomState>| differs(pms, state, made, rules.match_seconds);
    let mut state = state.cloned();
    let mut messages = Vec::new();
    while let Some(now) = differs(state.as_ref()) {
        if messages.len() == MOST {
            return None;
        }
        let tried = candidates(pms, state.as_ref(), now, made, rules)
            .into_iter()
            .filter_map(|said| Some((after(pms, state.as_ref(), &said, rules)?, said)));
        let helps = |after: &RoomState| match now {
            // One after the other; and to say of a guest once more that he came can show that
            // another one left, or did not.
            Differs::WatchedAsOccupied | Differs::Expected(_) => {
                meant(pms, state.as_ref(), rules) != meant(pms, Some(after), rules)
            }
            Differs::NotWatched | Differs::WatchedAsVacant | Differs::OtherGuest => !matches!(
                differs(Some(after)),
                Some(Differs::WatchedAsVacant | Differs::OtherGuest)
            ),
            Differs::OutOfOrder | Differs::InOrder(_) => differs(Some(after)).is_none(),
        };
        let (after, said) = { tried }.find(|(after, _)| helps(after))?;
        messages.push(message(pms, said));
        state = Some(after);
    }
    Some(messages)
}

fn guests_of(state: Option<&RoomState>, rules: &Rules) -> Vec<Guest> {
    state.map_or_else(Vec::new, |state| guests(state, rules.match_seconds))
}

/// The guest of whom something differs: who is known, since when, and expected to leave when.
fn meant(
    pms: &PmsRoom,
    state: Option<&RoomState>,
    rules: &Rules,
) -> Option<(Option<StayId>, LocalTime, Option<LocalTime>)> {
    let guests = guests_of(state, rules);
    if pms.state == PmsState::Vacant {
        return guests
            .first()
            .map(|guest| (guest.id.clone(), guest.since, None));
    }
    let guest = the_guest(&guests, pms, state?, rules.match_seconds)?;
    Some((guest.id.clone(), guest.since, guest.expected))
}

/// What may help, the best first.
fn candidates(
    pms: &PmsRoom,
    state: Option<&RoomState>,
    differs: Differs,
    made: LocalTime,
    rules: &Rules,
) -> Vec<Said> {
    let guests = guests_of(state, rules);
    match (&pms.state, differs) {
        (_, Differs::OutOfOrder) => {
            // Since then a guest may have come, or it may have been in order.
            let status = |at| out_of_order(RoomStatus::OutOfOrder { until: None }, at);
            [pms.since, made.max(pms.since)].map(status).to_vec()
        }
        (_, Differs::InOrder(since)) => {
            vec![out_of_order(RoomStatus::InOrder, pms.since.max(since))]
        }
        (PmsState::Occupied { expected, .. }, Differs::Expected(_)) => {
            let guest = |state| the_guest(&guests, pms, state, rules.match_seconds);
            let again = state.and_then(guest);
            let again = again.map(|guest| check_in(guest.id.clone(), guest.since, *expected));
            Vec::from_iter(again)
        }
        (PmsState::Occupied { expected, .. }, _) => {
            let id = id_of(pms, state);
            let arrival = |since| check_in(id.cloned(), since, *expected);
            let mut times = vec![pms.since];
            if let Some(state) = state {
                let piece = state.watch.stay.time();
                if guests.is_empty() && pms.since <= piece {
                    // The check-out should not have been: it goes before who comes at its time.
                    times.clear();
                }
                if pms.since <= piece {
                    times.push(piece);
                }
                // No check-out undoes who comes as late.
                let newest = state.occupancy.newest().unwrap_or(piece);
                times.push(newest.plus(rules.match_seconds + 1));
            }
            times.into_iter().map(arrival).collect()
        }
        (PmsState::Vacant, Differs::WatchedAsOccupied) => {
            let Some(first) = guests.first() else {
                return Vec::new();
            };
            let leaves = if first.since < pms.since {
                check_out(pms.since)
            } else {
                // The check-in should not have been.
                Said::Fact(Fact::Departure(Departure {
                    id: first.id.clone(),
                    checkin: Some(first.since),
                    until: first.since,
                }))
            };
            // What is older than all that is kept has no effect any more.
            let newest = state.and_then(|state| state.occupancy.newest());
            let late = newest.map(|newest| check_out(newest.plus(1)));
            [leaves].into_iter().chain(late).collect()
        }
        (PmsState::Vacant, _) => vec![check_out(pms.since)],
        (PmsState::OutOfOrder, _) => Vec::new(),
    }
}

fn check_in(id: Option<StayId>, since: LocalTime, expected: Option<LocalTime>) -> Said {
    Said::Fact(Fact::Arrival(Arrival {
        id,
        since,
        named: None,
        // As the message is read.
        expected: expected.filter(|expected| *expected > since),
    }))
}

/// All who are in leave.
fn check_out(until: LocalTime) -> Said {
    Said::Fact(Fact::Departure(Departure {
        id: None,
        checkin: None,
        until,
    }))
}

fn out_of_order(status: RoomStatus, at: LocalTime) -> Said {
    Said::Status(StatusChange { at, status })
}

/// The room after a message; `None` where it changes nothing.
fn after(
    pms: &PmsRoom,
    state: Option<&RoomState>,
    said: &Said,
    rules: &Rules,
) -> Option<RoomState> {
    match receive(&pms.room, state, said, &[], rules) {
        Received::Newer(after) | Received::Corrected(after) | Received::Noted(after) => {
            Some(after.state)
        }
        Received::Duplicate | Received::Stale | Received::Unwatched => None,
    }
}

fn message(pms: &PmsRoom, said: Said) -> Event {
    Event {
        kind: match said {
            Said::Fact(Fact::Arrival(_)) => MessageKind::Checkin,
            Said::Fact(Fact::Departure(_)) => MessageKind::Checkout,
            Said::Fact(Fact::Expectation(_)) => MessageKind::Extend,
            Said::Back { .. } => MessageKind::CancelCheckout,
            Said::Status(_) => MessageKind::RoomStatus,
        },
        rooms: vec![(pms.room.clone(), said)],
    }
}
