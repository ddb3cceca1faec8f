//! Which incidents are listed, and by which index each kind of store finds them.

use std::cmp::Reverse;

use crate::engine::{Incident, IncidentState, Reason};
use crate::types::{HotelId, LocalTime, RoomKey};

use super::StoreError;
use super::incident::COLUMNS;

/// An incident with the id that the database has given it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIncident {
    pub id: u64,
    pub incident: Incident,
}

/// Which incidents are listed. The default is all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedIncidents<'a> {
    /// Only those of these hotels, with those of their meters.
    pub hotels: Option<&'a [HotelId]>,
    /// Only those of this room; then `hotels` does not count. Of a hotel's meters it is
    /// [`meters_of`](crate::engine::meters_of).
    pub room: Option<&'a RoomKey>,
    /// Only those in one of these states; those in any state if there are none.
    pub states: &'a [IncidentState],
    pub reason: Option<Reason>,
    /// Only those that opened at this time or later.
    pub since: Option<LocalTime>,
    /// Only those that opened at this time or earlier.
    pub until: Option<LocalTime>,
    /// Only those after the incident with this id in the order of the list, to go on with it. There
    /// are none if it is no longer stored.
    pub before: Option<u64>,
}

/// A value in a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'a> {
    Text(&'a str),
    Time(LocalTime),
    Number(u64),
}

/// An index of `incident`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Index {
    Room,
    Hotel,
    Opened,
    Reason,
    HotelReason,
    State,
}

/// A statement that gives incidents in the order of the list, with their ids in the last column.
pub(super) struct Statement<'a> {
    index: Index,
    condition: String,
    pub params: Vec<Param<'a>>,
}

impl Index {
    /// What its name ends with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Index::Room => "room",
            Index::Hotel => "hotel",
            Index::Opened => "opened",
            Index::Reason => "reason",
            Index::HotelReason => "hotel_reason",
            Index::State => "state",
        }
    }
}

impl Statement<'_> {
    /// Its text, in which `by_index` follows the table's name.
    pub(super) fn text(&self, by_index: impl Fn(Index) -> String) -> String {
        let columns = COLUMNS.join(", ");
        let (by_index, condition) = (by_index(self.index), &self.condition);
        format!(
            "SELECT {columns}, id FROM incident {by_index} WHERE {condition} \
             ORDER BY opened_at DESC, id DESC LIMIT ?"
        )
    }
}

impl<'a> WantedIncidents<'a> {
    /// Reads them: `opened_at` gives the time of an id, and `read` executes a statement. A hotel
    /// has a statement of its own, which reads its index from the newest row on; only of those that
    /// are not over, which are few, all are read and sorted.
    pub(super) fn read(
        &self,
        limit: usize,
        opened_at: impl FnOnce(u64) -> Result<Option<LocalTime>, StoreError>,
        mut read: impl FnMut(&Statement<'a>) -> Result<Vec<StoredIncident>, StoreError>,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        let last = match self.before {
            None => None,
            Some(id) => match opened_at(id)? {
                None => return Ok(Vec::new()),
                opened_at => opened_at.map(|at| (at, id)),
            },
        };
        let mut found = Vec::new();
        for statement in self.statements(last, limit) {
            found.extend(read(&statement)?);
        }
        found.sort_by_key(|it| Reverse((it.incident.key.opened_at, it.id)));
        found.truncate(limit);
        Ok(found)
    }

    fn statements(&self, last: Option<(LocalTime, u64)>, limit: usize) -> Vec<Statement<'a>> {
        let are_over = self.states.is_empty() || self.states.contains(&IncidentState::Closed);
        let mut all = Vec::new();
        let mut add = |index, place: String, of: Vec<&'a str>| {
            let mut conditions = vec![place];
            let mut params: Vec<Param<'a>> = of.into_iter().map(Param::Text).collect();
            if let Some(reason) = self.reason {
                conditions.push("reason = ?".to_owned());
                params.push(Param::Text(reason.as_str()));
            }
            if !self.states.is_empty() {
                conditions.push(format!("state IN ({})", marks(self.states.len())));
                params.extend(self.states.iter().map(|it| Param::Text(it.as_str())));
            }
            let mut bound = |condition: &str, bounds: &[Param<'a>]| {
                conditions.push(condition.to_owned());
                params.extend(bounds);
            };
            if let Some(since) = self.since {
                bound("opened_at >= ?", &[Param::Time(since)]);
            }
            if let Some(until) = self.until {
                bound("opened_at <= ?", &[Param::Time(until)]);
            }
            if let Some((at, id)) = last {
                let (at, id) = (Param::Time(at), Param::Number(id));
                // The first bounds the index.
                bound(
                    "opened_at <= ? AND (opened_at < ? OR id < ?)",
                    &[at, at, id],
                );
            }
            params.push(Param::Number(limit as u64));
            all.push(Statement {
                index,
                condition: conditions.join(" AND "),
                params,
            });
        };
        match (self.room, self.hotels) {
            (Some(room), _) => {
                let key = vec![room.hotel_id.as_str(), room.room_number.as_str()];
                add(Index::Room, "hotel_id = ? AND room_number = ?".into(), key);
            }
            (None, Some([])) => {}
            (None, Some(hotels)) if !are_over => {
                let of = hotels.iter().map(HotelId::as_str).collect();
                let place = format!("hotel_id IN ({})", marks(hotels.len()));
                add(Index::State, place, of);
            }
            (None, Some(hotels)) => {
                let index = match self.reason {
                    Some(_) => Index::HotelReason,
                    None => Index::Hotel,
                };
                for hotel in hotels {
                    add(index, "hotel_id = ?".into(), vec![hotel.as_str()]);
                }
            }
            (None, None) => {
                let index = match self.reason {
                    _ if !are_over => Index::State,
                    Some(_) => Index::Reason,
                    None => Index::Opened,
                };
                add(index, "TRUE".into(), Vec::new());
            }
        }
        all
    }
}

fn marks(count: usize) -> String {
    vec!["?"; count].join(", ")
}
