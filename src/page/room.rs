//! A room: one of its stays as a chart and as a table, and its other stays.

use askama::Template;

use crate::config::Language;
use crate::engine::Stay;
use crate::review::{self, En, Folded, Line, Usual, Zh, is_repetition, used};
use crate::types::{LocalTime, RoomKey, WattHours};

use super::archive::Trouble;
use super::chart::{self, Chart, Drawn};
use super::frame::Frame;
use super::link::{self, Query, to};
use super::marks::{Event, EventKind, events};
use super::now::Incident;
use super::stay::StayOf;
use super::words::Words;
use super::{Pages, Viewer, numbers};

/// The stays that are listed.
const LISTED: usize = 30;

#[derive(Template)]
#[template(path = "room.html")]
pub(super) struct Room<'a> {
    f: Frame<'a>,
    hotel: String,
    hotel_href: String,
    number: String,
    kw: Option<String>,
    until: Option<String>,
    is_silent: bool,
    run: Option<String>,
    /// How the run is marked.
    run_class: &'static str,
    stay: String,
    rule: String,
    chart: Chart,
    chart_name: String,
    earlier: Option<String>,
    later: Option<String>,
    csv: String,
    heads: [&'static str; 2],
    captions: Vec<String>,
    rows: Vec<Row>,
    nothing: &'static str,
    stays: Vec<Other>,
}

/// A reading, or several that say the same, or something else that happened.
struct Row {
    /// When it was, or the last of them.
    at: LocalTime,
    class: &'static str,
    time: String,
    /// What happened; empty of readings.
    label: &'static str,
    /// Register, energy and verdict of a single one.
    single: Option<(String, String, String)>,
    text: String,
}

impl Row {
    /// Of something that happened.
    fn of(event: Event, now: LocalTime, w: &Words) -> Row {
        Row {
            at: event.at,
            class: match event.kind {
                EventKind::Alert | EventKind::Reminder => "m a",
                _ => "m",
            },
            time: numbers::time(event.at, now, w),
            label: event.kind.label(w),
            single: None,
            text: event.detail,
        }
    }
}

struct Other {
    href: String,
    text: String,
    is_here: bool,
}

/// The texts that `explain` has, too.
pub(super) fn explained(language: Language) -> &'static dyn review::Words {
    match language {
        Language::Zh => &Zh,
        Language::En => &En,
    }
}

/// The room and the stay that a query asks for.
pub(super) fn asked(query: &Query) -> (RoomKey, Option<LocalTime>) {
    let key = RoomKey::new(query.get("hotel"), query.get("room"));
    (key, LocalTime::parse(query.get("stay")).ok())
}

impl Pages {
    /// # Errors
    /// [`Trouble`] if there is no such room for the viewer, or it can't be read now.
    pub(super) fn room<'a>(
        &self,
        query: &Query,
        viewer: &'a Viewer,
        path: String,
    ) -> Result<Room<'a>, Trouble> {
        let (key, asked) = asked(query);
        let at = self.moment();
        let StayOf {
            room,
            chapter,
            thresholds,
            usual,
            recorded,
            stays,
        } = self.stay(&key, asked, viewer, &at)?;
        let explained = explained(viewer.language);
        let hotel = numbers::name(self.cards.name_of(&key.hotel_id)).into_owned();
        let number = numbers::name(key.room_number.as_str()).into_owned();
        let newest = chapter.lines.last().map(|line| line.reading.time);
        let frame = Frame::new(viewer, format!("{number} · {hotel}"), path)
            .of_hotel(&key.hotel_id, None)
            .fresh(self, &at, newest);
        let w = frame.w;
        let ends = chapter.until.unwrap_or(at.now);
        let shown_to = LocalTime::parse(query.get("to")).ok();
        let shown_to = shown_to.filter(|to| *to > chapter.stay.time() && *to < ends);
        let longest = self.rules.max_gap_seconds;
        let ends = shown_to.unwrap_or(ends);
        let mut events = events(&chapter, &recorded, at.now, w);
        events.extend(changes(&thresholds, w));
        let drawn = Drawn {
            chapter: &chapter,
            thresholds: &thresholds,
            events: &events,
            usual: &usual,
        };
        let chart = Chart::of(&drawn, ends, at.now, longest, w);
        let in_force = thresholds.last().map(|(_, energy)| *energy);
        let begin = chapter.stay.time().to_string();
        let link = |ends: LocalTime| {
            let (hotel, room) = (key.hotel_id.as_str(), key.room_number.as_str());
            let ends = ends.to_string();
            to(
                "/room",
                &[
                    ("hotel", hotel),
                    ("room", room),
                    ("stay", &begin),
                    ("to", &ends),
                ],
            )
        };
        let lines: Vec<&Line> = (chapter.lines.iter())
            .filter(|line| line.matters && line.reading.time <= chart.to)
            .filter(|line| line.reading.time >= chart.from.plus(-self.rules.interval_seconds))
            .collect();
        let is_between = |one: &Line, next: &Line| {
            let between = one.reading.time..next.reading.time;
            events.iter().any(|event| between.contains(&event.at))
        };
        let alike = lines.chunk_by(|one, next| is_repetition(one, next) && !is_between(one, next));
        let mut rows: Vec<Row> = alike
            .flat_map(|alike| rows(alike, &usual, explained, at.now, w))
            .collect();
        let shown =
            (events.into_iter()).filter(|event| event.at >= chart.from && event.at <= chart.to);
        rows.extend(shown.map(|event| Row::of(event, at.now, w)));
        rows.sort_by_key(|row| row.at);
        // The newest first: that is what somebody looks for.
        rows.reverse();
        // How the room is now says nothing of a stay that is over.
        let now = Some(room).filter(|_| chapter.until.is_none());
        let power = now.as_ref().and_then(|now| now.power);
        let incident = now.as_ref().map_or(Incident::None, |now| now.incident);
        let (run_class, run) = match incident {
            Incident::Open { periods, since } => ("a", Some((periods, since))),
            Incident::Begins { periods, since } => ("b", Some((periods, since))),
            Incident::None => ("", None),
        };
        let [time, register, _] = explained.heads_of_readings();
        let heads = [time, register];
        Ok(Room {
            hotel,
            hotel_href: link::hotel(&key.hotel_id),
            number,
            kw: power.map(|(watts, _)| numbers::kw(watts)),
            until: power.map(|(_, ended)| numbers::time(ended, at.now, w)),
            run: run.map(|(periods, since)| {
                let run = (w.periods)(periods, self.rules.interval_seconds);
                format!("{run} {} {}", w.since, numbers::time(since, at.now, w))
            }),
            run_class,
            is_silent: now.is_some_and(|now| now.is_silent),
            stay: explained.stay(&chapter.stay, chapter.until),
            rule: explained.rule(in_force.unwrap_or(chapter.threshold), &self.rules),
            captions: captions(&chart, at.now, self.keep_days, w),
            chart_name: (w.chart_of)(&numbers::span(chart.from, chart.to, at.now, w)),
            earlier: (chart.from > chapter.stay.time()).then(|| link(chart.from)),
            later: shown_to.map(|to| link(to.plus(chart::SPAN))),
            csv: to(
                "/room.csv",
                &[
                    ("hotel", key.hotel_id.as_str()),
                    ("room", key.room_number.as_str()),
                    ("stay", &begin),
                ],
            ),
            heads,
            rows,
            nothing: explained.nothing_judged(),
            stays: others(&stays, &chapter.stay, &key, explained),
            chart,
            f: frame,
        })
    }
}

fn rows(
    alike: &[&Line],
    usual: &[Usual],
    explained: &dyn review::Words,
    now: LocalTime,
    w: &Words,
) -> Vec<Row> {
    let class = |line: &Line| match line.verdict {
        review::Verdict::Abnormal => "a",
        review::Verdict::Gap => "s",
        _ => "",
    };
    let time = |line: &Line| numbers::time(line.reading.time, now, w);
    if let (Some(folded), [first, .., last]) = (Folded::of(alike), alike) {
        return vec![Row {
            at: last.reading.time,
            class: class(first),
            time: numbers::span(first.reading.time, last.reading.time, now, w),
            label: "",
            single: None,
            text: explained.folded(&folded),
        }];
    }
    let row = |line: &&Line| {
        let used = |energy| used(energy, line.threshold);
        let verdict = explained.verdict(line.verdict);
        let run = line
            .run
            .map_or(String::new(), |run| format!(" {}", run.periods));
        Row {
            at: line.reading.time,
            class: class(line),
            time: time(line),
            label: "",
            single: Some((
                line.reading.register.to_string(),
                line.per_interval.map(used).unwrap_or_default(),
                format!("{verdict}{run}"),
            )),
            text: reason(line, usual, explained, w),
        }
    };
    alike.iter().map(row).collect()
}

/// Why a reading was judged so, and what is usual where it was more.
fn reason(line: &Line, usual: &[Usual], explained: &dyn review::Words, w: &Words) -> String {
    let reason = explained.reason(&line.reason);
    let usual = usual.iter().find(|it| it.ended == line.reading.time);
    let exceeded = usual.filter(|it| it.limit.is_some_and(|most| line.per_interval > Some(most)));
    match exceeded {
        Some(usual) => format!("{reason}{}{}", w.and_also, chart::usual_text(usual, w)),
        None => reason,
    }
}

/// How the table is to be read.
fn captions(chart: &Chart, now: LocalTime, keep_days: u32, w: &Words) -> Vec<String> {
    let judged = match chart.is_recorded {
        true => w.readings_caption,
        false => w.readings_caption_unrecorded,
    };
    let kept_since = now.plus(-i64::from(keep_days) * 86_400);
    let deleted = (chart.from < kept_since).then(|| (w.notices_deleted)(keep_days));
    [judged, w.notified_caption]
        .map(str::to_owned)
        .into_iter()
        .chain(deleted)
        .collect()
}

/// When other thresholds came into force in the stay.
fn changes(thresholds: &[(LocalTime, WattHours)], w: &Words) -> Vec<Event> {
    let changes = thresholds.iter().enumerate();
    changes
        .map(|(nth, (since, energy))| Event {
            at: *since,
            kind: EventKind::Threshold,
            detail: (w.threshold_since)(&energy.to_string(), nth == 0),
        })
        .collect()
}

/// Links to the stays of a room, the newest first; each ends where the next one begins.
fn others(stays: &[Stay], here: &Stay, key: &RoomKey, explained: &dyn review::Words) -> Vec<Other> {
    let ends = std::iter::once(None).chain(stays.iter().map(|stay| Some(stay.time())));
    let listed = stays.iter().zip(ends).take(LISTED);
    listed
        .map(|(stay, until)| Other {
            href: to(
                "/room",
                &[
                    ("hotel", key.hotel_id.as_str()),
                    ("room", key.room_number.as_str()),
                    ("stay", &stay.time().to_string()),
                ],
            ),
            text: explained.stay(stay, until),
            is_here: stay.order() == here.order(),
        })
        .collect()
}
