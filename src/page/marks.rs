//! What happened in a stay: marks of its chart, and rows of its table. What the staff was notified
//! of is what was recorded then, not what today's rules would say.

use crate::engine::{NoticeKind, Rule, Stay};
use crate::review::Chapter;
use crate::store::{NoticeState, Recorded};
use crate::types::{Kind, LocalTime};

use super::numbers;
use super::words::{Notified, Words};

/// Something that happened.
#[derive(Clone)]
pub(super) struct Event {
    pub(super) at: LocalTime,
    pub(super) kind: EventKind,
    /// More of it, where there is more to say.
    pub(super) detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    Arrival,
    Departure,
    Alert,
    Reminder,
    Recovered,
    Closed,
    MeterChanged,
    /// Another threshold came into force. It shows in the line of the chart.
    Threshold,
}

impl EventKind {
    pub(super) fn label(self, w: &Words) -> &'static str {
        match self {
            EventKind::Arrival => w.arrival,
            EventKind::Departure => w.departure,
            EventKind::Alert => w.alert,
            EventKind::Reminder => w.reminder,
            EventKind::Recovered => w.recovered,
            EventKind::Closed => w.closed,
            EventKind::MeterChanged => w.meter_changed,
            EventKind::Threshold => w.threshold_name,
        }
    }

    /// How it is marked.
    pub(super) fn class(self) -> &'static str {
        match self {
            EventKind::Alert | EventKind::Reminder => "alert",
            EventKind::Recovered => "recovered",
            EventKind::MeterChanged => "meter",
            _ => "stay",
        }
    }

    /// Its sign as a path around the origin: each has a shape of its own. A guest is a full dot and
    /// nobody a ring, as in the list of rooms.
    pub(super) fn sign(self) -> &'static str {
        match self {
            EventKind::Arrival | EventKind::Departure => "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z",
            EventKind::Alert | EventKind::Reminder => "m0-6l6 11h-12z",
            EventKind::Recovered => "m-5 0l4 4l7-8",
            EventKind::Closed => "m-4-4l8 8m0-8l-8 8",
            EventKind::MeterChanged => "m0-6l6 6l-6 6l-6-6z",
            EventKind::Threshold => "",
        }
    }

    /// Whether its sign is filled.
    pub(super) fn is_full(self) -> bool {
        matches!(self, EventKind::Arrival | EventKind::Alert)
    }

    fn of(kind: Kind) -> EventKind {
        match kind {
            Kind::Checkin => EventKind::Arrival,
            Kind::Checkout => EventKind::Departure,
        }
    }
}

/// All that happened in a stay, in order.
pub(super) fn events(
    chapter: &Chapter,
    recorded: &[Recorded],
    now: LocalTime,
    w: &Words,
) -> Vec<Event> {
    let plain = |at, kind| Event {
        at,
        kind,
        detail: String::new(),
    };
    let kind = chapter.stay.kind();
    let mut events = vec![plain(Stay::time(&chapter.stay), EventKind::of(kind))];
    events.extend(recorded.iter().map(|it| notified(it, now, w)));
    let changed = chapter
        .lines
        .iter()
        .filter(|line| line.reason.meter_changed);
    events.extend(changed.map(|line| plain(line.reading.time, EventKind::MeterChanged)));
    events.extend(chapter.until.map(|until| {
        let next = match kind {
            Kind::Checkin => Kind::Checkout,
            Kind::Checkout => Kind::Checkin,
        };
        plain(until, EventKind::of(next))
    }));
    events.sort_by_key(|event| event.at);
    events
}

fn notified(recorded: &Recorded, now: LocalTime, w: &Words) -> Event {
    let (kind, rule, since, periods, energy, state) = match recorded {
        Recorded::Notice(notice, state) => {
            let kind = match notice.kind {
                NoticeKind::Alert => EventKind::Alert,
                NoticeKind::Reminder => EventKind::Reminder,
                NoticeKind::Recovered => EventKind::Recovered,
                NoticeKind::Closed(_) => EventKind::Closed,
            };
            let rule = match notice.rule {
                Rule::Fixed => w.rule_threshold,
                Rule::Baseline => w.rule_baseline,
            };
            let since = numbers::time(notice.since, now, w);
            let run = (w.periods)(notice.periods, notice.interval_seconds);
            (kind, rule, since, run, notice.energy, became(*state, w))
        }
        Recorded::Alert(row) => {
            let state = match row.is_notified {
                true => w.sent,
                false => w.not_sent,
            };
            let run = (w.intervals)(row.periods);
            (EventKind::Alert, "", String::new(), run, row.energy, state)
        }
    };
    Event {
        at: recorded.at(),
        kind,
        detail: (w.notified)(&Notified {
            rule,
            since: &since,
            run: &periods,
            kwh: &numbers::kwh_of_interval(energy),
            state,
        }),
    }
}

/// What has become of a notice.
fn became(state: NoticeState, w: &Words) -> &'static str {
    match state {
        NoticeState::Pending => w.pending,
        NoticeState::Sent => w.sent,
        NoticeState::Logged => w.logged,
        NoticeState::Expired => w.expired,
        NoticeState::Failed => w.failed,
        NoticeState::Withdrawn => w.withdrawn,
        NoticeState::Joined => w.joined,
        NoticeState::Muted => w.muted,
    }
}
