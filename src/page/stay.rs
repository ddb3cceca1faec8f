//! One stay of a room, from its meter, as the engine judges it: what `explain` shows.

use crate::engine::{Statuses, Stay, latest_reading};
use crate::review::{self, Chapter};
use crate::store::{Recorded, Scope, Span};
use crate::types::{LocalTime, RoomKey, WattHours};

use super::archive::Trouble;
use super::now::{Moment, Room};
use super::{Pages, Viewer};

/// A stay, and which others there are.
pub(super) struct StayOf {
    pub(super) room: Room,
    pub(super) chapter: Chapter,
    /// The thresholds of the stay, in energy per interval, each with the time from which on it was
    /// in force. Before the first one none was recorded.
    pub(super) thresholds: Vec<(LocalTime, WattHours)>,
    /// What was recorded in the stay when it happened.
    pub(super) recorded: Vec<Recorded>,
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
        let (mut stays, read) = self.archives.read(|archive| {
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
            let kind = stays[chosen].kind();
            let thresholds = archive.thresholds(key, kind, ends.unwrap_or(at.now))?;
            let within = Span {
                after: stays[chosen].time(),
                to: ends.unwrap_or(LocalTime::LAST),
            };
            let recorded = archive.recorded(key, within)?;
            Ok((stays, Some((room, thresholds, recorded))))
        })?;
        let (past, thresholds, recorded) = read.ok_or(Trouble::Missing)?;
        let chapter = review::explain_by_thresholds(&past.sorted(), &thresholds, rules);
        stays.reverse();
        Ok(StayOf {
            room: self.room_now(key.clone(), &state, at),
            chapter: chapter.ok_or(Trouble::Missing)?,
            thresholds: (thresholds.iter())
                .map(|threshold| (threshold.since, threshold.per(rules.interval_seconds)))
                .collect(),
            recorded,
            stays,
        })
    }
}
