//! Who is in a room, written from the specification's sentences on occupancy and from nothing else.
//!
//! Plain and slow on purpose: facts are put in order and applied one after another. Sentences in
//! quotation marks are the specification's. Times are seconds; where the text leaves a choice, the
//! comment begins with "Reading:".

use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Arrival {
        id: Option<String>,
        since: i64,
        named: Option<i64>,
        expected: Option<i64>,
    },
    Departure {
        id: Option<String>,
        checkin: Option<i64>,
        until: i64,
    },
    Expectation {
        id: Option<String>,
        since: Option<i64>,
        expected: i64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stay {
    pub id: Option<String>,
    pub since: i64,
    pub named: Option<i64>,
    /// None while the guest is in; `since` where the arrival was undone.
    pub ended: Option<i64>,
    /// The expected check-out that holds.
    pub expected: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Occupied { since: i64, expected: Option<i64> },
    Vacant { since: i64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Derived {
    /// In order of beginning.
    pub stays: Vec<Stay>,
    pub last: Option<Piece>,
}

/// `facts` in the order in which they came, which only decides which expected check-out holds.
pub fn derive(facts: &[Fact], match_seconds: i64) -> Derived {
    let mut room = room(facts, match_seconds);
    give_expectations(&mut room, facts, match_seconds);
    // "its expected check-out is the latest of those who are in."
    let latest = room.open().filter_map(Open::expected_that_holds).max();
    Derived {
        last: room.pieces.last().map(|&(kind, since)| match kind {
            Kind::Arrival => Piece::Occupied {
                since,
                expected: latest,
            },
            Kind::Departure => Piece::Vacant { since },
        }),
        stays: room.stays.iter().map(Open::as_stay).collect(),
    }
}

/// Since when the room is occupied (true) or vacant, each time that this begins.
pub fn pieces(facts: &[Fact], match_seconds: i64) -> Vec<(i64, bool)> {
    let pieces = room(facts, match_seconds).pieces.into_iter();
    pieces
        .map(|(kind, since)| (since, kind == Kind::Arrival))
        .collect()
}

fn room(facts: &[Fact], match_seconds: i64) -> Room {
    let steps = in_order(facts);
    let mut room = Room::default();
    // Arrivals that departures already applied undo, by their place in `steps`.
    let mut undone = BTreeSet::new();
    for (place, step) in steps.iter().enumerate() {
        match step.kind {
            Kind::Arrival => room.arrive(place, step, undone.contains(&place)),
            Kind::Departure => {
                for opened_by in aim(&room, &steps, place, &undone, match_seconds) {
                    // What opens after the departure is undone; what is open ends.
                    match room.stays.iter_mut().find(|s| s.opened_by == opened_by) {
                        Some(stay) => stay.ended = Some(step.time),
                        None => _ = undone.insert(opened_by),
                    }
                }
                // "A piece begins ... with a departure after which nobody is in, also one that
                // finds the room empty." Reading: at the departure's own time, whomever it aims
                // at, and also where what it undoes begins a little later.
                if room.open().next().is_none() {
                    room.pieces.push((Kind::Departure, step.time));
                }
            }
        }
    }
    room
}

// ---- the order of facts ----

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Departure,
    Arrival,
}

/// An expected check-out, after the place in the order of coming of the fact that brought it.
type Expected = (usize, i64);

/// An arrival or a departure, once.
struct Step {
    time: i64,
    kind: Kind,
    /// `checkin` of a departure, `named` of an arrival.
    other: Option<i64>,
    id: Option<String>,
    expected: Vec<Expected>,
}

/// "Facts are applied in the order of their own times; of one time departures first, then by
/// checkin or named, then by id, absent ones first. Equal facts are one."
///
/// Reading: arrivals that differ in nothing but the expected check-out are equal, too (a repeated
/// check-in): one arrival with several expected check-outs.
fn in_order(facts: &[Fact]) -> Vec<Step> {
    // The key's fields are in the order of that sentence; of options None comes first.
    let mut steps: BTreeMap<_, Vec<Expected>> = BTreeMap::new();
    for (came, fact) in facts.iter().enumerate() {
        match fact {
            Fact::Departure { id, checkin, until } => {
                let key = (*until, Kind::Departure, *checkin, id.clone());
                steps.entry(key).or_default();
            }
            Fact::Arrival {
                id,
                since,
                named,
                expected,
            } => {
                let key = (*since, Kind::Arrival, *named, id.clone());
                let all = steps.entry(key).or_default();
                all.extend(expected.map(|expected| (came, expected)));
            }
            Fact::Expectation { .. } => {}
        }
    }
    let step = |((time, kind, other, id), expected)| Step {
        time,
        kind,
        other,
        id,
        expected,
    };
    steps.into_iter().map(step).collect()
}

// ---- the room while facts are applied ----

/// A stay as far as it is known.
#[derive(Clone)]
struct Open {
    /// The place in the order of facts of the arrival that opened it.
    opened_by: usize,
    id: Option<String>,
    since: i64,
    named: Option<i64>,
    ended: Option<i64>,
    undone: bool,
    expected: Vec<Expected>,
}

impl Open {
    /// "Of several for one stay the last to come holds."
    fn expected_that_holds(&self) -> Option<i64> {
        self.expected.iter().max().map(|(_, expected)| *expected)
    }

    /// Reading: "latest expected check-out" is the greatest that an arrival gave, whatever came
    /// last. An expectation "decides nothing above": none has been given when this is asked.
    fn latest_expected(&self) -> Option<i64> {
        self.expected.iter().map(|(_, expected)| *expected).max()
    }

    /// How far `time` is from when it "began, or is `named`".
    fn distance(&self, time: i64) -> u64 {
        let began = self.since.abs_diff(time);
        self.named.map_or(began, |n| began.min(n.abs_diff(time)))
    }

    fn as_stay(&self) -> Stay {
        Stay {
            id: self.id.clone(),
            since: self.since,
            named: self.named,
            ended: self.ended,
            expected: self.expected_that_holds(),
        }
    }
}

/// After its planned check-out by this much, a guest is gone when another one with an id arrives.
pub const LOST_CHECKOUT_SECONDS: i64 = 12 * 3600;

#[derive(Clone, Default)]
struct Room {
    /// In order of beginning, because facts come in order of time.
    stays: Vec<Open>,
    /// The pieces: what began each and when.
    pieces: Vec<(Kind, i64)>,
}

impl Room {
    fn open(&self) -> impl Iterator<Item = &Open> {
        self.stays.iter().filter(|stay| stay.ended.is_none())
    }

    /// Rule 1. `undone`: a departure that was applied before undoes the stay this opens.
    fn arrive(&mut self, place: usize, arrival: &Step, undone: bool) {
        // "An arrival ... is that stay said again (it takes the id and `named`)."
        if let Some(stay) = self.said_again(arrival) {
            stay.id = stay.id.take().or_else(|| arrival.id.clone());
            stay.named = arrival.other.or(stay.named);
            stay.expected.extend(&arrival.expected);
            return;
        }
        // Reading: an arrival that is undone ends nobody, and begins no piece: who was in before
        // stays in.
        if !undone {
            let since = arrival.time;
            for stay in self.stays.iter_mut().filter(|stay| stay.ended.is_none()) {
                let gone = match arrival.id {
                    // "Without an id it is a new party: open stays without id end at its `since`."
                    None => stay.id.is_none(),
                    // "With an id it ends, at its `since`, open stays whose latest expected
                    // check-out lies 12 hours or more before it (a check-out that was lost)."
                    Some(_) => stay.latest_expected().is_some_and(|expected| {
                        since.saturating_sub(expected) >= LOST_CHECKOUT_SECONDS
                    }),
                };
                if gone {
                    stay.ended = Some(since);
                }
            }
            // "A piece begins with an arrival in an empty room, with a new party without id".
            // Reading: a room is empty, too, when the arrival has ended all who were in.
            if arrival.id.is_none() || self.open().next().is_none() {
                self.pieces.push((Kind::Arrival, since));
            }
        }
        // "Any other opens a stay, also an id that had left." An undone one "ends at its own
        // beginning".
        self.stays.push(Open {
            opened_by: place,
            id: arrival.id.clone(),
            since: arrival.time,
            named: arrival.other,
            ended: undone.then_some(arrival.time),
            undone,
            expected: arrival.expected.clone(),
        });
    }

    /// "An arrival with the id of an open stay, or at the same time as an open stay where one of
    /// the two has no id".
    ///
    /// Reading: "one of the two" is at least one of them; the id comes first; a stay that is
    /// undone ends when all arrivals of its time have been applied, so that a check-in that was
    /// sent twice, with and without id, is undone as one.
    fn said_again(&mut self, arrival: &Step) -> Option<&mut Open> {
        let is_open =
            |stay: &Open| stay.ended.is_none() || (stay.undone && stay.ended == Some(arrival.time));
        let same_id = |stay: &Open| arrival.id.is_some() && stay.id == arrival.id;
        let same_time =
            |stay: &Open| stay.since == arrival.time && (stay.id.is_none() || arrival.id.is_none());
        let stays = &self.stays;
        let position = stays.iter().position(|stay| is_open(stay) && same_id(stay));
        let position = position.or_else(|| {
            let found = |stay: &Open| is_open(stay) && same_time(stay);
            stays.iter().position(found)
        });
        position.map(|position| &mut self.stays[position])
    }
}

// ---- whom a departure aims at ----

/// Rule 2: the stays that the departure at `place` ends or undoes, as `opened_by`.
fn aim(
    room: &Room,
    steps: &[Step],
    place: usize,
    undone: &BTreeSet<usize>,
    match_seconds: i64,
) -> Vec<usize> {
    let departure = &steps[place];
    let ahead = beginning_soon(room, steps, place, undone, match_seconds);
    let of_id = |stay: &&Open| stay.id == departure.id;

    // "`id` that some arrival has: the open stay with it; else the first with it that it undoes;
    // else none." Reading: any arrival of the set, also a later one.
    let is_arrival_of_id = |step: &Step| step.kind == Kind::Arrival && step.id == departure.id;
    if departure.id.is_some() && steps.iter().any(is_arrival_of_id) {
        let first = room.open().find(of_id).or_else(|| ahead.iter().find(of_id));
        return first.map(|stay| stay.opened_by).into_iter().collect();
    }

    // "An id without any arrival: as if it had none, but only among stays without id."
    let among = |stay: &&Open| departure.id.is_none() || stay.id.is_none();

    // "else `checkin`: of both sorts the nearest that began, or is `named`, within
    // `match_minutes` of it (equally near: the earlier)."
    if let Some(checkin) = departure.other {
        let within = i128::from(match_seconds);
        let fits = |stay: &&Open| among(stay) && i128::from(stay.distance(checkin)) <= within;
        // Of equal ones min_by_key takes the first, and stays are in order of beginning.
        let both_sorts = room.open().chain(&ahead).filter(fits);
        if let Some(nearest) = both_sorts.min_by_key(|stay| stay.distance(checkin)) {
            return vec![nearest.opened_by];
        }
        // "None, but one that has ended fits: none, it is an earlier guest's."
        let mut ended = room.stays.iter().filter(|stay| stay.ended.is_some());
        if ended.any(|stay| fits(&stay)) {
            return Vec::new();
        }
    }

    // "else all that are open." Reading: without id and checkin nothing is undone.
    let all = room.open().filter(among);
    all.map(|stay| stay.opened_by).collect()
}

/// "it undoes a stay that begins at `until` or at most `match_minutes` (10) later".
///
/// These stays begin with facts that are applied after the departure. Reading: they are those that
/// would begin if nobody left meanwhile (neither by this departure nor by a later one), as rule 1
/// makes them; one that an earlier departure undoes is still among them, so that a check-out that
/// is sent twice undoes one check-in. One look ahead costs as much as its arrivals, and none looks
/// ahead itself.
fn beginning_soon(
    room: &Room,
    steps: &[Step],
    place: usize,
    undone: &BTreeSet<usize>,
    match_seconds: i64,
) -> Vec<Open> {
    let last_time = steps[place].time.saturating_add(match_seconds);
    let mut ahead = room.clone();
    for (later, step) in steps.iter().enumerate().skip(place + 1) {
        if step.kind == Kind::Arrival && step.time <= last_time {
            ahead.arrive(later, step, undone.contains(&later));
        }
    }
    ahead.stays.split_off(room.stays.len())
}

// ---- expectations ----

/// Adds what expectations say, when who is in has been decided: "It decides nothing above".
fn give_expectations(room: &mut Room, facts: &[Fact], match_seconds: i64) {
    for (came, fact) in facts.iter().enumerate() {
        let Fact::Expectation {
            id,
            since,
            expected,
        } = fact
        else {
            continue;
        };
        for position in belongs_to(&room.stays, id.as_deref(), *since, match_seconds) {
            room.stays[position].expected.push((came, *expected));
        }
    }
}

/// "An expectation belongs to the stay it names (id, or a `since` within `match_minutes`), else to
/// those open at the end."
///
/// Reading: of several stays with the id the last one; by `since` the nearest that began, or is
/// `named`, within the minutes, of equally near ones an open one, then the earlier.
fn belongs_to(
    stays: &[Open],
    id: Option<&str>,
    since: Option<i64>,
    match_seconds: i64,
) -> Vec<usize> {
    let all = || stays.iter().enumerate();
    let by_id = id.and_then(|id| stays.iter().rposition(|s| s.id.as_deref() == Some(id)));
    let by_since = since.and_then(|since| {
        let within = i128::from(match_seconds);
        all()
            .filter(|(_, stay)| i128::from(stay.distance(since)) <= within)
            .min_by_key(|(_, stay)| (stay.distance(since), stay.ended.is_some()))
            .map(|(position, _)| position)
    });
    match by_id.or(by_since) {
        Some(position) => vec![position],
        None => {
            let open = all().filter(|(_, stay)| stay.ended.is_none());
            open.map(|(position, _)| position).collect()
        }
    }
}
