//! Whether guests without ids seem to share a room.

use crate::types::LocalTime;

use super::{Arrival, Departure, Fact, Occupancy};

impl Occupancy {
    /// Whether two guests without ids seem to have shared the room: the second one came before
    /// anybody had left, and after that came the first one's check-out, or came two.
    ///
    /// A check-out at the time that was planned is none: so is an express check-out booked, also
    /// where the next guest has come already. Nor is one that corrects the one before, within
    /// `match_seconds` of it.
    pub fn seems_shared(&self, match_seconds: i64) -> bool {
        let (mut arrivals, mut departures) = (Vec::new(), Vec::new());
        for fact in &self.facts {
            match fact {
                Fact::Arrival(arrival) if arrival.id.is_none() => arrivals.push(arrival),
                Fact::Departure(departure) if departure.id.is_none() => departures.push(departure),
                _ => {}
            }
        }
        arrivals.sort_by_key(|arrival| arrival.since);
        arrivals.dedup_by_key(|arrival| arrival.since);
        departures.sort_by_key(|departure| departure.until);
        let after = |time: LocalTime| departures.partition_point(|other| other.until <= time);
        (0..arrivals.len()).any(|place| {
            let [first, second, rest @ ..] = &arrivals[place..] else {
                return false;
            };
            if after(first.since) < after(second.since) {
                return false;
            }
            let later = &departures[after(second.since)..];
            let end = rest.first().map_or(LocalTime::LAST, |next| next.since);
            let mut of_both = later.iter().take_while(|departure| departure.until < end);
            let is_near =
                |one: LocalTime, other: LocalTime| one.since(other).abs() <= match_seconds;
            let is_twice = of_both.next().is_some_and(|one| {
                let mut others = of_both;
                others.any(|other| !is_near(one.until, other.until))
            });
            is_twice || { later.iter() }.any(|departure| is_of(departure, first, second, is_near))
        })
    }
}

/// Whether a departure is that of the first of two guests, and not booked ahead.
fn is_of(
    departure: &Departure,
    first: &Arrival,
    second: &Arrival,
    is_near: impl Fn(LocalTime, LocalTime) -> bool,
) -> bool {
    let Some(checkin) = departure.checkin else {
        return false;
    };
    let is_planned = { first.expected }.is_some_and(|expected| is_near(expected, departure.until));
    is_near(checkin, first.since) && !is_near(checkin, second.since) && !is_planned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StayId;

    fn at(hours: f64) -> LocalTime {
        let midnight = LocalTime::parse("2023-04-10 00:00:00").expect("a time");
        midnight.plus((hours * 3_600.0) as i64)
    }

    fn came(id: &str, hours: f64, expected: Option<f64>) -> Fact {
        Fact::Arrival(Arrival {
            id: (!id.is_empty()).then(|| StayId::new(id)),
            since: at(hours),
            named: None,
            expected: expected.map(at),
        })
    }

    fn left(id: &str, hours: f64, checkin: Option<f64>) -> Fact {
        Fact::Departure(Departure {
            id: (!id.is_empty()).then(|| StayId::new(id)),
            checkin: checkin.map(at),
            until: at(hours),
        })
    }

    #[test]
    fn two_guests_without_ids_of_whom_both_check_out_seem_to_share() {
        let one = came("", 10.0, None);
        let other = came("", 12.0, None);
        for (what, facts, expected) in [
            ("one", vec![one.clone(), left("", 13.0, None)], false),
            (
                "a check-out that was lost",
                vec![one.clone(), other.clone(), left("", 13.0, None)],
                false,
            ),
            (
                "a check-out each",
                vec![
                    one.clone(),
                    other.clone(),
                    left("", 13.0, None),
                    left("", 20.0, None),
                ],
                true,
            ),
            (
                "in any order",
                vec![
                    left("", 20.0, None),
                    other.clone(),
                    left("", 13.0, None),
                    one.clone(),
                ],
                true,
            ),
            (
                "the first one's",
                vec![one.clone(), other.clone(), left("", 13.0, Some(10.0))],
                true,
            ),
            (
                "the second one's",
                vec![one.clone(), other.clone(), left("", 13.0, Some(12.0))],
                false,
            ),
            (
                "a correction",
                vec![
                    one.clone(),
                    other.clone(),
                    left("", 13.0, None),
                    left("", 13.1, None),
                ],
                false,
            ),
            (
                "an express check-out at the planned time",
                vec![
                    came("", 10.0, Some(12.5)),
                    other.clone(),
                    left("", 12.5, Some(10.0)),
                ],
                false,
            ),
            (
                "one after the other",
                vec![
                    one.clone(),
                    left("", 11.0, None),
                    other.clone(),
                    left("", 13.0, None),
                ],
                false,
            ),
            (
                "undone at once",
                vec![
                    one.clone(),
                    other.clone(),
                    left("", 12.0, Some(12.0)),
                    left("", 13.0, None),
                ],
                false,
            ),
            (
                "with ids",
                vec![
                    came("A", 10.0, None),
                    came("B", 12.0, None),
                    left("A", 13.0, Some(10.0)),
                    left("B", 20.0, None),
                ],
                false,
            ),
            (
                "a check-out of the next guest",
                vec![
                    one.clone(),
                    other.clone(),
                    left("", 13.0, None),
                    came("", 14.0, None),
                    left("", 20.0, None),
                ],
                false,
            ),
            (
                "the second and the third",
                vec![
                    came("", 8.0, None),
                    one.clone(),
                    other.clone(),
                    left("", 13.0, None),
                    left("", 20.0, None),
                ],
                true,
            ),
        ] {
            let mut occupancy = Occupancy::default();
            for fact in facts {
                occupancy.add(fact, 600);
            }
            assert_eq!(occupancy.seems_shared(600), expected, "{what}");
        }
    }
}
