//! Who is in a room, as it follows from all that is known of it.

use crate::types::LocalTime;

use super::super::Stay;
use super::{Arrival, Departure, Expectation, Fact, StayId};

/// A guest without a check-out so long after the expected one has left: the check-out was lost.
/// Seconds.
const LOST_AFTER: i64 = 12 * 3_600;

/// One guest's stay, or that of a party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    pub id: Option<StayId>,
    pub since: LocalTime,
    /// Another time by which messages may name the stay.
    pub named: Option<LocalTime>,
    /// The latest expected check-out that an arrival has brought.
    pub latest_expected: Option<LocalTime>,
    /// The expected check-out that holds.
    pub expected: Option<LocalTime>,
    pub ended: Option<LocalTime>,
}

impl Guest {
    pub fn is_in(&self) -> bool {
        self.ended.is_none()
    }

    /// How far from this time the stay began, or from the time by which it is named. Seconds.
    pub(in super::super) fn distance(&self, time: LocalTime) -> i64 {
        distance(self.since, self.named, time)
    }
}

fn distance(since: LocalTime, named: Option<LocalTime>, time: LocalTime) -> i64 {
    let from = |at: LocalTime| at.since(time).abs();
    named.map_or(from(since), |named| from(since).min(from(named)))
}

/// Who was in a room, and its last piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// In the order in which they came.
    pub guests: Vec<Guest>,
    /// The last piece: since when the room has been occupied, or vacant.
    pub piece: Option<Stay>,
    /// When the last occupied piece began.
    pub arrived: Option<LocalTime>,
}

/// What a departure is about.
enum Aim {
    /// These guests, who are in.
    Ends(Vec<usize>),
    /// Arrivals that come at its time or soon after: they are undone. Places in the order of facts.
    Undoes(Vec<usize>),
}

/// An arrival that is still to come, with all others that say the same of it.
struct Coming {
    id: Option<StayId>,
    since: LocalTime,
    named: Option<LocalTime>,
    /// Places in the order of facts.
    places: Vec<usize>,
}

impl Coming {
    fn distance(&self, time: LocalTime) -> i64 {
        distance(self.since, self.named, time)
    }
}

/// The facts, in the order of their own times, and who is in by them.
struct Fold<'a> {
    order: Vec<&'a Fact>,
    match_seconds: i64,
    picture: Picture,
    /// For each fact, in their order, the guest whose arrival it is.
    guest_of: Vec<Option<usize>>,
    /// Arrivals that an earlier departure undoes. Places in the order of facts.
    undone: Vec<usize>,
    /// Each piece, and who began it where it is an occupied one.
    pieces: Vec<(Stay, Option<usize>)>,
}

/// The picture that `facts`, in the order in which they came, make of a room in which `before` was
/// true before all of them.
pub(in super::super) fn derive(before: &Picture, facts: &[Fact], match_seconds: i64) -> Picture {
    Fold::of(before, facts, match_seconds).picture
}

/// All the pieces that facts make, in the order of time. For a whole past: the time it takes grows
/// with the square of their number.
pub(in super::super) fn pieces(facts: &[Fact], match_seconds: i64) -> Vec<Stay> {
    let fold = Fold::of(&Picture::default(), facts, match_seconds);
    let guests = &fold.picture.guests;
    let stays = fold.pieces.iter().map(|(piece, began_by)| {
        let mut piece = *piece;
        if let Stay::Occupied {
            expected_checkout, ..
        } = &mut piece
        {
            let guest = began_by.and_then(|guest| guests.get(guest));
            *expected_checkout = guest.and_then(|guest| guest.expected);
        }
        piece
    });
    let mut stays: Vec<Stay> = stays.collect();
    if let (Some(last), Some(piece)) = (stays.last_mut(), fold.picture.piece) {
        *last = piece;
    }
    stays
}

impl<'a> Fold<'a> {
    fn of(before: &Picture, facts: &'a [Fact], match_seconds: i64) -> Fold<'a> {
        let mut order: Vec<&Fact> = facts
            .iter()
            .filter(|fact| !matches!(fact, Fact::Expectation(_)))
            .collect();
        order.sort_by(|a, b| key(a).cmp(&key(b)));
        order.dedup();
        let mut fold = Fold {
            guest_of: vec![None; order.len()],
            order,
            match_seconds,
            picture: before.clone(),
            undone: Vec::new(),
            pieces: Vec::new(),
        };
        for place in 0..fold.order.len() {
            match fold.order[place] {
                Fact::Arrival(arrival) => fold.arrival(place, arrival),
                Fact::Departure(departure) => fold.departure(place, departure),
                Fact::Expectation(_) => {}
            }
        }
        fold.assign_expected(facts);
        fold
    }

    fn begin(&mut self, piece: Stay, guest: Option<usize>) {
        if let Stay::Occupied { check_in, .. } = piece {
            self.picture.arrived = Some(check_in);
        }
        self.picture.piece = Some(piece);
        self.pieces.push((piece, guest));
    }
}

/// Facts are applied in the order of their own times; of one time departures first, then by the
/// time that names the stay, then by id, absent ones first.
fn key(
    fact: &Fact,
) -> (
    LocalTime,
    bool,
    Option<LocalTime>,
    Option<&StayId>,
    Option<LocalTime>,
) {
    match fact {
        Fact::Departure(Departure { id, checkin, until }) => {
            (*until, false, *checkin, id.as_ref(), None)
        }
        Fact::Arrival(Arrival {
            id,
            since,
            named,
            expected,
        }) => (*since, true, *named, id.as_ref(), *expected),
        Fact::Expectation(Expectation {
            id,
            since,
            expected,
        }) => (*expected, true, *since, id.as_ref(), None),
    }
}

/// Whether an arrival says again what is known of a stay: by its id; or by its time, where one of
/// the two has no id.
fn is_same(arrival: &Arrival, id: Option<&StayId>, since: LocalTime) -> bool {
    match (&arrival.id, id) {
        (Some(one), Some(other)) => one == other,
        _ => arrival.since == since,
    }
}

impl Fold<'_> {
    fn arrival(&mut self, place: usize, arrival: &Arrival) {
        let is_undone = self.undone.contains(&place);
        let guests = &mut self.picture.guests;
        let said_again = |by_id: bool| {
            guests.iter().position(|guest| {
                let is_it = is_same(arrival, guest.id.as_ref(), guest.since)
                    && (!by_id || arrival.id.is_some() && guest.id == arrival.id);
                // One that was undone can be said again in its own second.
                let is_undone = guest.since == arrival.since && guest.ended == Some(guest.since);
                is_it && (guest.is_in() || is_undone)
            })
        };
        if let Some(at) = said_again(true).or_else(|| said_again(false)) {
            let guest = &mut guests[at];
            guest.id = arrival.id.clone().or(guest.id.take());
            guest.named = arrival.named.or(guest.named);
            guest.latest_expected = guest.latest_expected.max(arrival.expected);
            self.guest_of[place] = Some(at);
            return;
        }
        self.guest_of[place] = Some(guests.len());
        let guest = Guest {
            id: arrival.id.clone(),
            since: arrival.since,
            named: arrival.named,
            latest_expected: arrival.expected,
            expected: None,
            ended: is_undone.then_some(arrival.since),
        };
        if is_undone {
            // This guest was never in the room: the arrival ends no other stay.
            guests.push(guest);
            return;
        }
        for guest in guests.iter_mut().filter(|guest| guest.is_in()) {
            let has_left = match &arrival.id {
                // A new party.
                None => guest.id.is_none(),
                // Somebody whose check-out was lost.
                Some(_) => guest
                    .latest_expected
                    .is_some_and(|expected| arrival.since.since(expected) >= LOST_AFTER),
            };
            if has_left {
                guest.ended = Some(arrival.since);
            }
        }
        if arrival.id.is_none() || !self.is_anybody_in() {
            let piece = Stay::Occupied {
                check_in: arrival.since,
                expected_checkout: None,
            };
            self.begin(piece, Some(self.picture.guests.len()));
        }
        self.picture.guests.push(guest);
    }

    fn departure(&mut self, place: usize, departure: &Departure) {
        match self.aim(place, departure) {
            Aim::Ends(guests) => {
                for guest in guests {
                    self.picture.guests[guest].ended = Some(departure.until);
                }
            }
            Aim::Undoes(places) => self.undone.extend(places),
        }
        if !self.is_anybody_in() {
            let piece = Stay::Vacant {
                actual_checkin: departure.checkin,
                actual_checkout: departure.until,
            };
            self.begin(piece, None);
        }
    }

    fn is_anybody_in(&self) -> bool {
        self.picture.guests.iter().any(Guest::is_in)
    }

    fn aim(&self, place: usize, departure: &Departure) -> Aim {
        let guests = self.picture.guests.iter().enumerate();
        let coming = self.coming(place, departure.until);
        if let Some(id) = &departure.id
            && self.is_known(id)
        {
            let is_it = |other: &Option<StayId>| other.as_ref() == Some(id);
            if let Some((at, _)) = { guests }.find(|(_, guest)| guest.is_in() && is_it(&guest.id)) {
                return Aim::Ends(vec![at]);
            }
            let undone = coming.into_iter().find(|coming| is_it(&coming.id));
            return undone.map_or(Aim::Ends(Vec::new()), |coming| Aim::Undoes(coming.places));
        }
        // A departure with an id that no arrival has is not about a guest who has one.
        let may_be = |id: &Option<StayId>| departure.id.is_none() || id.is_none();
        let guests = guests.filter(|(_, guest)| may_be(&guest.id));
        let all_in = || {
            let all = guests.clone().filter(|(_, guest)| guest.is_in());
            Aim::Ends(all.map(|(at, _)| at).collect())
        };
        let Some(checkin) = departure.checkin else {
            return all_in();
        };
        let in_now = (guests.clone())
            .filter(|(_, guest)| guest.is_in())
            .map(|(at, guest)| {
                let aim = Aim::Ends(vec![at]);
                (guest.distance(checkin), guest.since, aim)
            });
        let to_come = coming
            .into_iter()
            .filter(|coming| may_be(&coming.id))
            .map(|coming| {
                let aim = (coming.distance(checkin), coming.since);
                (aim.0, aim.1, Aim::Undoes(coming.places))
            });
        let nearest = in_now
            .chain(to_come)
            .filter(|&(distance, ..)| distance <= self.match_seconds)
            .min_by_key(|&(distance, since, _)| (distance, since));
        if let Some((.., aim)) = nearest {
            return aim;
        }
        let is_of_an_earlier_guest = { guests.clone() }
            .any(|(_, guest)| !guest.is_in() && guest.distance(checkin) <= self.match_seconds);
        if is_of_an_earlier_guest {
            return Aim::Ends(Vec::new());
        }
        all_in()
    }

    /// Whether some arrival has this id.
    fn is_known(&self, id: &StayId) -> bool {
        let of_guests = self.picture.guests.iter().map(|guest| &guest.id);
        let of_facts = self.order.iter().filter_map(|fact| match fact {
            Fact::Arrival(arrival) => Some(&arrival.id),
            _ => None,
        });
        { of_guests.chain(of_facts) }.any(|known| known.as_ref() == Some(id))
    }

    /// The stays that begin at this time or soon enough after it to be undone by a departure at
    /// this place of the order, in the order of time.
    fn coming(&self, place: usize, until: LocalTime) -> Vec<Coming> {
        let mut all: Vec<Coming> = Vec::new();
        for (place, fact) in self.order.iter().enumerate().skip(place + 1) {
            if fact.time().since(until) > self.match_seconds {
                break;
            }
            let Fact::Arrival(arrival) = fact else {
                continue;
            };
            let is_of =
                |guest: &Guest| guest.is_in() && is_same(arrival, guest.id.as_ref(), guest.since);
            if self.picture.guests.iter().any(is_of) {
                continue;
            }
            // One that is undone already is said again in its own second alone.
            let same = all.iter_mut().find(|coming| {
                let is_undone = coming
                    .places
                    .iter()
                    .any(|place| self.undone.contains(place));
                is_same(arrival, coming.id.as_ref(), coming.since)
                    && (coming.since == arrival.since || !is_undone)
            });
            match same {
                Some(coming) => {
                    coming.id = coming.id.take().or(arrival.id.clone());
                    coming.named = arrival.named.or(coming.named);
                    // One that is said again later shows that the guest did come.
                    if coming.since == arrival.since {
                        coming.places.push(place);
                    }
                }
                None => all.push(Coming {
                    id: arrival.id.clone(),
                    since: arrival.since,
                    named: arrival.named,
                    places: vec![place],
                }),
            }
        }
        all
    }

    /// Which check-outs are expected. It decides nothing else.
    fn assign_expected(&mut self, facts: &[Fact]) {
        for fact in facts {
            match fact {
                Fact::Departure(_) => {}
                Fact::Arrival(Arrival { expected: None, .. }) => {}
                Fact::Arrival(arrival) => {
                    let place = (self.order.iter()).position(|other| *other == fact);
                    let guest = place.and_then(|place| self.guest_of[place]);
                    if let Some(guest) = guest {
                        self.picture.guests[guest].expected = arrival.expected;
                    }
                }
                Fact::Expectation(expectation) => self.expectation(expectation),
            }
        }
        let guests = self.picture.guests.iter().filter(|guest| guest.is_in());
        let latest = guests.filter_map(|guest| guest.expected).max();
        if let Some(Stay::Occupied {
            expected_checkout, ..
        }) = &mut self.picture.piece
        {
            *expected_checkout = latest;
        }
    }

    fn expectation(&mut self, expectation: &Expectation) {
        let match_seconds = self.match_seconds;
        let guests = &mut self.picture.guests;
        let by_id = expectation.id.as_ref().and_then(|id| {
            let has_it = |guest: &Guest| guest.id.as_ref() == Some(id);
            guests.iter().rposition(has_it)
        });
        let named = by_id.or_else(|| {
            let since = expectation.since?;
            let far = |guest: &Guest| (guest.distance(since), !guest.is_in());
            let near = guests.iter().map(far).enumerate();
            let near = near.filter(|(_, (far, _))| *far <= match_seconds);
            near.min_by_key(|(_, far)| *far).map(|(at, _)| at)
        });
        for (at, guest) in guests.iter_mut().enumerate() {
            if named.map_or(guest.is_in(), |named| named == at) {
                guest.expected = Some(expectation.expected);
            }
        }
    }
}
