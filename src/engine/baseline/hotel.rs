//! Evaluating what the rooms of a hotel have pending.

use std::collections::VecDeque;

use crate::types::{HotelId, LocalTime, RoomKey, WattHours};

use super::super::{
    Change, Closing, Compared, HotelNotice, HotelNoticeKind, NoticeKind, Others, RoomNotice,
    RoomState, Rule, Rules, RunStart, Stay, Unusual,
};
use super::fold::{Event, EventKind, Finding, Verdict};
use super::frames::{Contribution, Frames};
use super::item::{Item, Judged};
use super::state::{Known, Opened};
use super::{Baseline, BaselineMode, begin, frame};

/// A common rise is reported after so many frames without one.
const QUIET_FRAMES: i64 = 24;
/// What the vacant rooms of a hotel use more than their bases is reported from here on, in Wh...
const REPORTED_LEVEL: u16 = 200;
/// ...where so many are vacant...
const LEVEL_ROOMS: usize = 5;
/// ...once a day, in seconds.
const LEVEL_SECONDS: i64 = 86_400;

/// A room, whose pending items are evaluated.
pub struct Evaluation<'a> {
    pub room: &'a RoomKey,
    pub state: &'a mut RoomState,
    /// What follows is added here.
    pub changes: &'a mut Vec<Change>,
}

/// What is remembered of a hotel, so that its staff is notified once. In shadow nothing is: when
/// the rule is switched on, the staff is notified of what goes on then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotelMemory {
    /// The beginning of the last frame in which many vacant rooms began to use more.
    pub rise: Option<LocalTime>,
    /// The beginning of the frame whose common level was last reported.
    pub level: Option<LocalTime>,
}

/// Evaluates what the rooms of one hotel, given in the order of their keys, have pending. Each
/// interval is shown with its room's place and its verdict.
pub fn evaluate(
    hotel: &HotelId,
    frames: &mut Frames,
    memory: &mut HotelMemory,
    rooms: &mut [Evaluation<'_>],
    rules: &Rules,
    mut show: impl FnMut(usize, &Judged, &Verdict),
) -> Vec<HotelNotice> {
    let interval_seconds = rules.interval_seconds;
    let mut items: Vec<(u32, usize, Item)> = Vec::new();
    let mut watches: Vec<VecDeque<(u32, Stay)>> = Vec::with_capacity(rooms.len());
    // What rooms contribute that they don't remember until the end: where a watch was withdrawn,
    // they look at their frames once more.
    let mut contributed: Vec<Vec<Contribution>> = vec![Vec::new(); rooms.len()];
    for (at, room) in rooms.iter_mut().enumerate() {
        let pending = room.state.baseline.pending.take();
        let pending = pending.map_or_else(Vec::new, |pending| *pending);
        let ended = pending.iter().filter_map(|item| match item {
            Item::Begun { was, number, .. } => Some((*number, *was)),
            _ => None,
        });
        let present = (room.state.watches, room.state.watch.stay);
        watches.push(ended.chain([present]).collect());
        let frames = frames_of(&pending, interval_seconds);
        items.extend(
            frames
                .into_iter()
                .zip(pending)
                .map(|(frame, item)| (frame, at, item)),
        );
    }
    // It is stable: a room's items stay in their order.
    items.sort_by_key(|(frame, at, _)| (*frame, *at));

    let mut notices = Vec::new();
    let mut looked_at = None;
    for (frame, at, item) in items {
        let before = frame.saturating_sub(2);
        if looked_at != Some(frame) && rules.baseline.mode == BaselineMode::On {
            looked_at = Some(frame);
            notices.extend(in_common(hotel, before, frames, memory, rules));
        }
        let Evaluation {
            room,
            state,
            changes,
        } = &mut rooms[at];
        let watches = &mut watches[at];
        let is_present = watches.len() == 1;
        let (number, stay) = watches[0];
        // A run of the rule with thresholds that the staff knows of, and that goes on.
        let other = state
            .watch
            .fold
            .run
            .filter(|run| is_present && run.notified_at_periods > 0);
        let other = other.map(|run| RunStart {
            rule: Rule::Fixed,
            since: run.since,
        });
        let baseline = &mut state.baseline;
        let (event, detected, closing, unusual) = match item {
            Item::Interval(judged) => {
                let before = super::frame(judged.ended, interval_seconds).saturating_sub(2);
                let mut forgotten = contributed[at].iter().rev();
                let own = baseline.contribution(before).copied();
                let own = own.or_else(|| forgotten.find(|it| it.frame == before).copied());
                let [.., oldest] = baseline.contributions;
                let verdict = baseline.interval(
                    &judged,
                    own.as_ref(),
                    frames,
                    interval_seconds,
                    &rules.baseline,
                );
                if baseline.contribution(oldest.frame).is_none() && oldest.frame > 0 {
                    contributed[at].push(oldest);
                }
                show(at, &judged, &verdict);
                let unusual = verdict
                    .event
                    .map(|_| verdict.unusual(frames.range(before, own.as_ref())));
                (verdict.event, judged.ended, None, unusual)
            }
            Item::Broken { at, why } => (baseline.broken(), at, Some(why), None),
            Item::AcrossStay => {
                baseline.across_stay();
                continue;
            }
            Item::Begun { kind, at, .. } => {
                watches.pop_front();
                (
                    baseline.begin(kind),
                    at,
                    Some(Closing::NewStay { kind, at }),
                    None,
                )
            }
        };
        let Some(event) = event else { continue };
        let Some((kind, incident)) = baseline.notify(&event, closing, other, rules) else {
            continue;
        };
        let has_ended = matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_));
        let (before, history) = match is_present {
            true => (state.watch.before.clone(), state.watch.history.clone()),
            false => (Vec::new(), state.watch.before.clone()),
        };
        changes.push(Change::Notice(RoomNotice {
            kind,
            room: room.clone(),
            watch: number,
            rule: Rule::Baseline,
            stay,
            detected,
            incident,
            since: event.since,
            until: has_ended.then_some(event.until),
            periods: event.periods,
            energy: event.energy,
            threshold: unusual.map_or(WattHours::ZERO, |unusual: Unusual| unusual.limit),
            unusual: unusual.map(Box::new),
            interval_seconds,
            before,
            history,
            handling: None,
        }));
    }
    notices
}

/// The frames of a room's items: of what is no interval, that of the interval that follows. They
/// only grow, also where a watch was withdrawn and judging began anew from earlier on.
fn frames_of(items: &[Item], interval_seconds: i64) -> Vec<u32> {
    let mut frames = vec![0; items.len()];
    let mut following = 0;
    for (at, item) in items.iter().enumerate().rev() {
        if let Item::Interval(judged) = item {
            following = frame(judged.ended, interval_seconds);
        }
        frames[at] = following;
    }
    let mut latest = 0;
    for frame in &mut frames {
        latest = latest.max(*frame);
        *frame = latest;
    }
    frames
}

/// What the staff is to be notified of a whole hotel, by one of its frames.
fn in_common(
    hotel: &HotelId,
    frame: u32,
    frames: &mut Frames,
    memory: &mut HotelMemory,
    rules: &Rules,
) -> Vec<HotelNotice> {
    let interval_seconds = rules.interval_seconds;
    let Some(vacant) = frames.vacant(frame, REPORTED_LEVEL) else {
        return Vec::new();
    };
    let began = begin(frame, interval_seconds);
    let is_later =
        |than: Option<LocalTime>, seconds| than.is_none_or(|than| began.since(than) >= seconds);
    let notice = |kind| HotelNotice {
        kind,
        hotel_id: hotel.clone(),
        detected: began.plus(interval_seconds),
        // A room that rose has used more for two intervals, which end in this frame.
        since: match kind {
            HotelNoticeKind::Rise => began.plus(-interval_seconds),
            HotelNoticeKind::Level => began,
        },
        rose: vacant.rose as u32,
        vacant: vacant.rooms as u32,
        common: WattHours(vacant.common.into()),
        tolerated: WattHours(rules.baseline.tolerance(vacant.common)),
        high: vacant.high as u32,
        high_from: WattHours(REPORTED_LEVEL.into()),
        total: WattHours(vacant.total),
        interval_seconds,
    };
    let mut notices = Vec::new();
    if vacant.is_hot && memory.rise.is_none_or(|rise| rise < began) {
        if is_later(memory.rise, (QUIET_FRAMES + 1) * interval_seconds) {
            notices.push(notice(HotelNoticeKind::Rise));
        }
        memory.rise = Some(began);
    }
    let is_high = vacant.common >= REPORTED_LEVEL && vacant.rooms >= LEVEL_ROOMS;
    if is_high && is_later(memory.level, LEVEL_SECONDS) {
        notices.push(notice(HotelNoticeKind::Level));
        memory.level = Some(began);
    }
    notices
}

impl Baseline {
    /// The notice that follows from an event, if one does, and the run that opened its incident
    /// where that is another one; `other` is the run of the rule with thresholds that the staff
    /// knows of. Of a run that it was notified of it is notified of the end, whatever the mode is
    /// by now.
    fn notify(
        &mut self,
        event: &Event,
        closing: Option<Closing>,
        other: Option<RunStart>,
        rules: &Rules,
    ) -> Option<(NoticeKind, Option<RunStart>)> {
        let own = RunStart {
            rule: Rule::Baseline,
            since: event.since,
        };
        let is_known = matches!(event.known, Known::Notified | Known::Joined);
        let kind = match event.kind {
            // A reminder of what was raised in shadow is the first that the staff hears of it.
            EventKind::Alert | EventKind::Reminder if event.known == Known::No => {
                if rules.baseline.mode != BaselineMode::On {
                    return None;
                }
                let (known, opened) = match other {
                    Some(other) => (Known::Joined, self.opened().unwrap_or(other)),
                    None => (Known::Notified, own),
                };
                self.run.known = known;
                self.opened = Some(Opened::by(opened.rule, opened.since));
                NoticeKind::Alert
            }
            // The other rule's run has its own reminders, and its end is that of the incident.
            _ if !is_known || other.is_some() => return None,
            EventKind::Alert => return None,
            EventKind::Reminder => NoticeKind::Reminder,
            EventKind::Recovered => NoticeKind::Recovered,
            EventKind::Closed => NoticeKind::Closed(closing?),
        };
        let incident = self.opened().filter(|opened| *opened != own);
        if matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_)) {
            self.opened = None;
        }
        Some((kind, incident))
    }
}

impl Verdict {
    /// What it is compared with, in a notice; `range` is what the other vacant rooms use.
    fn unusual(&self, range: Option<(u16, u16)>) -> Unusual {
        let watt_hours = |number: u16| WattHours(number.into());
        let (limit, compared) = match self.kind {
            Finding::Vacant { tolerance, .. } => {
                let of_others = range.map(|(low, high)| Others {
                    rooms: self.peers.others as u32,
                    low: watt_hours(low),
                    high: watt_hours(high),
                });
                (tolerance, Compared::Vacant { others: of_others })
            }
            Finding::Occupied { least, limit, .. } => {
                let held = least.map_or(0, i64::from) + self.base;
                let compared = Compared::Occupied {
                    held: WattHours(held),
                    level: watt_hours(self.peers.level.unwrap_or(0)),
                };
                (limit.unwrap_or(0), compared)
            }
        };
        Unusual {
            base: WattHours(self.base),
            limit: WattHours(self.base + limit),
            compared,
        }
    }
}
