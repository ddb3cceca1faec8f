//! One stay of a room, from its meter, as the engine judges it: what `explain` shows.

use crate::engine::{BaselineMode, Statuses, Stay, latest_reading};
use crate::review::{self, Chapter, Usual};
use crate::store::{KeptFrame, Recorded, Scope, Span};
use crate::types::{Kind, LocalTime, RoomKey, WattHours};

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
    /// What was usual in its intervals, as far as that is known.
    pub(super) usual: Vec<Usual>,
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
            let first = match rules.baseline.mode {
                BaselineMode::Off => chosen,
                _ => first_of_floors(&stays[..=chosen]).unwrap_or(chosen),
            };
            room.stays = stays[first..]
                .iter()
                .take(chosen - first + 2)
                .copied()
                .collect();
            room.statuses = Statuses::in_past(statuses, &stays);
            let ends = stays.get(chosen + 1).map(Stay::time);
            let span = Span {
                after: stays[first].time().plus(-rules.interval_seconds - 1),
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
            let kept = Span {
                after: LocalTime::FIRST,
                ..span
            };
            let frames = match first_of_floors(&stays[..=chosen]) {
                Some(_) => archive.frames(&key.hotel_id, rules.interval_seconds, kept)?,
                None => Vec::new(),
            };
            let place = chosen - first;
            Ok((
                stays,
                Some((room.sorted(), place, thresholds, recorded, frames)),
            ))
        })?;
        let (past, place, thresholds, recorded, frames) = read.ok_or(Trouble::Missing)?;
        let chapter = review::explain_by_thresholds(&past, place, &thresholds, rules);
        let chapter = chapter.ok_or(Trouble::Missing)?;
        let kept_since = at.now.plus(-i64::from(self.keep_days) * 86_400);
        let since = ran_since(&frames, kept_since).unwrap_or(LocalTime::FIRST);
        let mut usual = review::usual(&past, &frames, since, rules);
        usual.retain(|usual| usual.began >= chapter.stay.time().plus(-rules.tolerance_seconds()));
        stays.reverse();
        Ok(StayOf {
            room: self.room_now(key.clone(), &state, at),
            chapter,
            usual,
            thresholds: (thresholds.iter())
                .map(|threshold| (threshold.since, threshold.per(rules.interval_seconds)))
                .collect(),
            recorded,
            stays,
        })
    }
}

/// What a room uses by itself follows from its last three stays and vacancies that were long enough
/// to be judged. A few more are looked at, because meters fail...
const STAYS_OF_FLOORS: usize = 5;
/// ...that last for so long, in seconds...
const LONG_ENOUGH: i64 = 4 * 3_600;
/// ...and do not lie further back, in seconds.
const LONGEST_AGO: i64 = 90 * 86_400;

/// The place of the first stay that has to be known to say what the room uses by itself in the last
/// one; `None` where that lies too far back.
fn first_of_floors(stays: &[Stay]) -> Option<usize> {
    let (last, before) = stays.split_last()?;
    let mut ends = last.time();
    let mut found = [0; 2];
    for (place, stay) in before.iter().enumerate().rev() {
        if last.time().since(stay.time()) > LONGEST_AGO {
            return None;
        }
        let of_kind = &mut found[usize::from(stay.kind() == Kind::Checkin)];
        *of_kind += usize::from(ends.since(stay.time()) >= LONG_ENOUGH);
        if found.iter().all(|found| *found >= STAYS_OF_FLOORS) {
            return Some(place);
        }
        ends = stay.time();
    }
    Some(0)
}

/// Since when the baseline rule has looked at a hotel, where the frames of then can't have been
/// deleted yet.
fn ran_since(frames: &[KeptFrame], kept_since: LocalTime) -> Option<LocalTime> {
    let oldest = frames.iter().map(|frame| frame.began).min()?;
    (oldest > kept_since.plus(86_400)).then_some(oldest)
}
