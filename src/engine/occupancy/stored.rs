//! The form in which a room's facts are stored, as part of its state.

use serde::{Deserialize, Serialize};

use crate::types::LocalTime;

use super::super::Stay;
use super::super::compact::Compact;
use super::{Arrival, Before, Departure, Expectation, Fact, Guest, Occupancy, Picture, StayId};

type Time = i64;
type Id = Option<Box<str>>;

#[derive(Serialize, Deserialize)]
pub(in super::super) struct Stored {
    f: Vec<StoredFact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    b: Option<StoredBefore>,
}

/// Which kind of fact it is, its own time, the id of the stay, the time that names the stay, and
/// the expected check-out of an arrival.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct StoredFact(Kind, Time, Id, Option<Time>, Option<Time>);

#[derive(Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "a")]
    Arrival,
    #[serde(rename = "d")]
    Departure,
    #[serde(rename = "e")]
    Expectation,
}

/// Up to when, who was in then, the piece, and when the last occupied one began.
#[derive(Serialize, Deserialize)]
struct StoredBefore(
    Time,
    Vec<StoredGuest>,
    Option<<Stay as Compact>::Form>,
    Option<Time>,
);

/// Id, since when, the time that names the stay, the latest expected check-out, and the one that
/// holds.
#[derive(Serialize, Deserialize)]
pub(in super::super) struct StoredGuest(Id, Time, Option<Time>, Option<Time>, Option<Time>);

impl Compact for StayId {
    type Form = Box<str>;

    fn form(&self) -> Box<str> {
        self.as_str().into()
    }

    fn of(form: Box<str>) -> Option<StayId> {
        Some(StayId::new(&form))
    }
}

impl Compact for Fact {
    type Form = StoredFact;

    fn form(&self) -> StoredFact {
        match self {
            Fact::Arrival(Arrival {
                id,
                since,
                named,
                expected,
            }) => StoredFact(
                Kind::Arrival,
                since.form(),
                id.form(),
                named.form(),
                expected.form(),
            ),
            Fact::Departure(Departure { id, checkin, until }) => StoredFact(
                Kind::Departure,
                until.form(),
                id.form(),
                checkin.form(),
                None,
            ),
            Fact::Expectation(Expectation {
                id,
                since,
                expected,
            }) => StoredFact(
                Kind::Expectation,
                expected.form(),
                id.form(),
                since.form(),
                None,
            ),
        }
    }

    fn of(StoredFact(kind, time, id, named, expected): StoredFact) -> Option<Fact> {
        let (time, id, named) = (LocalTime::of(time)?, Option::of(id)?, Option::of(named)?);
        Some(match kind {
            Kind::Arrival => Fact::Arrival(Arrival {
                id,
                since: time,
                named,
                expected: Option::of(expected)?,
            }),
            Kind::Departure => Fact::Departure(Departure {
                id,
                checkin: named,
                until: time,
            }),
            Kind::Expectation => Fact::Expectation(Expectation {
                id,
                since: named,
                expected: time,
            }),
        })
    }
}

impl Compact for Guest {
    type Form = StoredGuest;

    fn form(&self) -> StoredGuest {
        StoredGuest(
            self.id.form(),
            self.since.form(),
            self.named.form(),
            self.latest_expected.form(),
            self.expected.form(),
        )
    }

    fn of(StoredGuest(id, since, named, latest, expected): StoredGuest) -> Option<Guest> {
        Some(Guest {
            id: Option::of(id)?,
            since: LocalTime::of(since)?,
            named: Option::of(named)?,
            latest_expected: Option::of(latest)?,
            expected: Option::of(expected)?,
            // Those who had left are not kept.
            ended: None,
        })
    }
}

impl Compact for Occupancy {
    type Form = Stored;

    fn form(&self) -> Stored {
        let before = self.before.as_ref().map(|before| {
            let guests = before.picture.guests.iter().map(Guest::form);
            let piece = before.picture.piece.form();
            let arrived = before.picture.arrived.form();
            StoredBefore(before.until.form(), guests.collect(), piece, arrived)
        });
        Stored {
            f: self.facts.iter().map(Fact::form).collect(),
            b: before,
        }
    }

    fn of(stored: Stored) -> Option<Occupancy> {
        let facts = stored.f.into_iter().map(<Fact as Compact>::of);
        let before = match stored.b {
            None => None,
            Some(StoredBefore(until, guests, piece, arrived)) => Some(Box::new(Before {
                until: LocalTime::of(until)?,
                picture: Picture {
                    guests: guests.into_iter().map(Guest::of).collect::<Option<_>>()?,
                    piece: Option::of(piece)?,
                    arrived: Option::of(arrived)?,
                },
            })),
        };
        Some(Occupancy {
            facts: facts.collect::<Option<_>>()?,
            before,
        })
    }
}
