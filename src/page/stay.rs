//! One stay of a room, from its meter, as the engine judges it: what `explain` shows.

use crate::engine::{Statuses, Stay, latest_reading};
use crate::review::{self, Chapter};
use crate::store::{Scope, Span};
use crate::types::{LocalTime, RoomKey};

use super::archive::Trouble;
use super::now::{Moment, Room};
use super::{Pages, Viewer};

/// A stay, and which others there are.
pub(super) struct StayOf {
    pub(super) room: Room,
    pub(super) chapter: Chapter,
    /// All that are known, the newest first.
    pub(super) stays: Vec<Stay>,
}

impl Pages {
    /// The stay that began at a time, or else the present one, read by the room's key.
    ///
    /// # Errors
    /// [`Trouble::Missing`] if there is no such room for the viewer, or stay; others if it can't be
    /// read now.
    pub(super) fn stay(
        &self,
        key: &RoomKey,
        asked: Option<LocalTime>,
        viewer: &Viewer,
        at: &Moment,
    ) -> Result<StayOf, Trouble> {
        if !viewer.hotels.includes(&key.hotel_id) {
            return Err(Trouble::Missing);
        }
        let state = self.rooms.get(key).ok_or(Trouble::Missing)?.state;
        let watched = state.watch.stay;
        let rules = &*self.rules;
        let (mut stays, room) = self.archives.read(|archive| {
            let mut stays = vec![watched];
            let of = Scope::Room(key);
            archive.stays(of, LocalTime::LAST, &mut |_, stay| stays.push(stay))?;
            // Of one time and kind the first is what is in memory.
            stays.sort_by_key(Stay::order);
            stays.dedup_by_key(|stay| stay.order());
            let begun = |stay: &Stay| asked.is_none_or(|asked| stay.time() == asked);
            let Some(chosen) = stays.iter().rposition(begun) else {
                return Ok((stays, None));
            };
            let mut statuses = Vec::new();
            archive.statuses(of, &mut |_, known| {
                statuses.extend(known.changes().to_vec())
            })?;
            let mut room = review::Room::new(key.clone());
            room.stays = stays[chosen..].iter().take(2).copied().collect();
            room.statuses = Statuses::in_past(statuses, &stays);
            let ends = room.stays.get(1).map(Stay::time);
            let span = Span {
                after: stays[chosen].time().plus(-rules.interval_seconds - 1),
                to: ends.unwrap_or(latest_reading(at.now)),
            };
            archive.readings(of, span, &mut |_, reading| room.readings.push(reading))?;
            Ok((stays, Some(room)))
        })?;
        let past = room.ok_or(Trouble::Missing)?.sorted();
        let chapters = review::explain(&past, LocalTime::FIRST, rules);
        stays.reverse();
        Ok(StayOf {
            room: self.room_now(key.clone(), &state, at),
            chapter: chapters.into_iter().next().ok_or(Trouble::Missing)?,
            stays,
        })
    }
}
