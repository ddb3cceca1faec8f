//! What the property management system says of its rooms now, against the watches: which rooms
//! differ, and which messages would mend that.

mod mend;
mod row;

use std::collections::{HashMap, HashSet};

use crate::types::{HotelId, LocalTime, RoomKey};

use super::{Event, Guest, RoomState, Rules, Stay, StayId};

pub use row::{PMS_FIELDS, PmsFormat};

/// What the property management system says of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PmsRoom {
    pub room: RoomKey,
    pub state: PmsState,
    pub since: LocalTime,
}

/// A room's state by the property management system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PmsState {
    Occupied {
        id: Option<StayId>,
        expected: Option<LocalTime>,
    },
    Vacant,
    OutOfOrder,
}

/// In what a room differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// It is not watched.
    NotWatched,
    /// It is occupied, and is watched as vacant.
    WatchedAsVacant,
    /// It is vacant, and is watched as occupied.
    WatchedAsOccupied,
    /// Another guest is in than those who are known.
    OtherGuest,
    /// Its guest is expected to check out at another time than this.
    Expected(Option<LocalTime>),
    /// It is out of order, and is not known to be.
    OutOfOrder,
    /// It is known to be out of order since this time, and is not.
    InOrder(LocalTime),
}

/// A room that is watched otherwise than the property management system says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    pub pms: &'a PmsRoom,
    /// What its watch is on.
    pub watched: Option<Stay>,
    pub differs: Differs,
    /// What mends it, to be sent in this order; `None` where no messages do.
    pub messages: Option<Vec<Event>>,
}

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison<'a> {
    /// In the order of the list.
    pub differences: Vec<Difference<'a>>,
    /// Rooms that are watched in the hotels of the list, and are not on it; in the order of their
    /// keys.
    pub unlisted: Vec<(RoomKey, Stay)>,
    /// How many rooms of the list were compared.
    pub compared: usize,
    /// How many rooms are left out, because more is known of them than the list can say.
    pub newer: usize,
}

/// Compares a list of the property management system, which has each room once, with the rooms that
/// are watched. It was made at `made`: rooms of which messages later than that are known are left
/// out.
pub fn compare<'a>(
    list: &'a [PmsRoom],
    watched: &HashMap<RoomKey, RoomState>,
    made: LocalTime,
    rules: &Rules,
) -> Comparison<'a> {
    let is_newer = |state: &RoomState| {
        let changed = state.statuses.changes().last().map(|change| change.at);
        state.occupancy.newest().max(changed) > Some(made)
    };
    let mut comparison = Comparison::default();
    for pms in list {
        let state = watched.get(&pms.room);
        if state.is_some_and(is_newer) {
            comparison.newer += 1;
            continue;
        }
        comparison.compared += 1;
        if let Some(differs) = differs(pms, state, made, rules.match_seconds) {
            comparison.differences.push(Difference {
                pms,
                watched: state.map(|state| state.watch.stay),
                differs,
                messages: mend::mend(pms, state, made, rules),
            });
        }
    }
    let listed: HashSet<&RoomKey> = list.iter().map(|pms| &pms.room).collect();
    let hotels: HashSet<&HotelId> = list.iter().map(|pms| &pms.room.hotel_id).collect();
    let of_hotels = |key: &RoomKey| hotels.contains(&key.hotel_id) && !listed.contains(key);
    for (key, state) in watched.iter().filter(|(key, _)| of_hotels(key)) {
        if is_newer(state) {
            comparison.newer += 1;
        } else {
            let unlisted = (key.clone(), state.watch.stay);
            comparison.unlisted.push(unlisted);
        }
    }
    (comparison.unlisted).sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    comparison
}

/// In what a room differs, if it does: first in who is in. `state` is `None` where it is not
/// watched.
fn differs(
    pms: &PmsRoom,
    state: Option<&RoomState>,
    made: LocalTime,
    match_seconds: i64,
) -> Option<Differs> {
    let Some(state) = state else {
        let is_judged = pms.state != PmsState::OutOfOrder;
        return is_judged.then_some(Differs::NotWatched);
    };
    // Its clock may be ahead.
    let out_of_order = state.out_of_order(made.max(pms.since), match_seconds);
    let guests = guests(state, match_seconds);
    let differs = match &pms.state {
        PmsState::OutOfOrder => {
            return out_of_order.is_none().then_some(Differs::OutOfOrder);
        }
        PmsState::Vacant => (!guests.is_empty()).then_some(Differs::WatchedAsOccupied),
        PmsState::Occupied { .. } if guests.is_empty() => Some(Differs::WatchedAsVacant),
        PmsState::Occupied { expected, .. } => {
            let Some(guest) = the_guest(&guests, pms, state, match_seconds) else {
                return Some(Differs::OtherGuest);
            };
            // Before the guest came it says nothing.
            let expected = expected.filter(|expected| *expected > guest.since);
            let differs = expected.is_some() && expected != guest.expected;
            differs.then_some(Differs::Expected(guest.expected))
        }
    };
    differs.or(out_of_order.map(Differs::InOrder))
}

/// Those who are in, in the order in which they came.
fn guests(state: &RoomState, match_seconds: i64) -> Vec<Guest> {
    let mut guests = state.occupancy.picture(match_seconds).guests;
    guests.retain(Guest::is_in);
    guests
}

/// The id of the stay, where it may be used. In a room of which only stays without ids are known,
/// messages have none, and a guest with one would go on beside those without.
fn id_of<'a>(pms: &'a PmsRoom, state: Option<&RoomState>) -> Option<&'a StayId> {
    match &pms.state {
        PmsState::Occupied { id, .. } if state.is_none_or(|state| state.occupancy.has_ids()) => {
            id.as_ref()
        }
        _ => None,
    }
}

/// The one of those who are in who is meant: who has the id, else who came about then, or is named
/// by such a time.
///
/// Without an id it may also be one who came later, if nobody did before: to check in somebody
/// before the guest who is known would change nothing. So is a guest whose check-out turned out to
/// be wrong: he is in again since then, and has been since long before by the property management
/// system.
fn the_guest<'a>(
    guests: &'a [Guest],
    pms: &PmsRoom,
    state: &RoomState,
    match_seconds: i64,
) -> Option<&'a Guest> {
    let (id, since) = (id_of(pms, Some(state)), pms.since);
    if id.is_some()
        && let Some(guest) = guests.iter().find(|guest| guest.id.as_ref() == id)
    {
        return Some(guest);
    }
    let near = (guests.iter()).min_by_key(|guest| guest.distance(since))?;
    let is_it = near.distance(since) <= match_seconds;
    let later = guests.iter().find(|guest| guest.since > since);
    Some(near)
        .filter(|_| is_it)
        .or(later.filter(|_| id.is_none()))
}

#[cfg(test)]
mod tests;
