//! The words that are stored of incidents.

use serde_json::{Value, json};

use crate::engine::{MeterNoticeKind, Notice, NoticeKind};
use crate::types::{LocalTime, WattHours};

use super::{Cause, ClosedWhy, Detail, Incident, RunDetail};

impl Cause {
    pub const ALL: [Cause; 4] = [Cause::Fixed, Cause::Baseline, Cause::Silent, Cause::Frozen];

    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Fixed => "fixed",
            Cause::Baseline => "baseline",
            Cause::Silent => "silent",
            Cause::Frozen => "frozen",
        }
    }

    /// The inverse of [`Cause::as_str`].
    pub fn from_word(word: &str) -> Option<Cause> {
        Cause::ALL.into_iter().find(|cause| cause.as_str() == word)
    }
}

impl ClosedWhy {
    pub const ALL: [ClosedWhy; 10] = [
        ClosedWhy::Recovered,
        ClosedWhy::Gap,
        ClosedWhy::MeterChanged,
        ClosedWhy::NewStay,
        ClosedWhy::OutOfOrder,
        ClosedWhy::IntervalChanged,
        ClosedWhy::RuleOff,
        ClosedWhy::MetersBack,
        ClosedWhy::ByHand,
        ClosedWhy::NotRecorded,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ClosedWhy::Recovered => "recovered",
            ClosedWhy::Gap => "gap",
            ClosedWhy::MeterChanged => "meter_changed",
            ClosedWhy::NewStay => "new_stay",
            ClosedWhy::OutOfOrder => "out_of_order",
            ClosedWhy::IntervalChanged => "interval_changed",
            ClosedWhy::RuleOff => "rule_off",
            ClosedWhy::MetersBack => "meters_back",
            ClosedWhy::ByHand => "by_hand",
            ClosedWhy::NotRecorded => "not_recorded",
        }
    }

    /// The inverse of [`ClosedWhy::as_str`].
    pub fn from_word(word: &str) -> Option<ClosedWhy> {
        ClosedWhy::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// The state of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentState {
    /// Nobody takes care of it yet.
    Open,
    Acknowledged,
    Closed,
}

impl IncidentState {
    /// The word stored in `incident`.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Acknowledged => "acknowledged",
            IncidentState::Closed => "closed",
        }
    }
}

impl Incident {
    pub fn state(&self) -> IncidentState {
        match (&self.closed, &self.acknowledged) {
            (Some(_), _) => IncidentState::Closed,
            (None, Some(_)) => IncidentState::Acknowledged,
            (None, None) => IncidentState::Open,
        }
    }

    /// Its causes as they are stored, as `fixed,baseline`.
    pub fn causes_as_words(&self) -> String {
        let words: Vec<&str> = self.causes.iter().map(|cause| cause.as_str()).collect();
        words.join(",")
    }

    /// The inverse of [`Incident::causes_as_words`]; `None` if a word is unknown.
    pub fn causes_from_words(words: &str) -> Option<Vec<Cause>> {
        words.split(',').map(Cause::from_word).collect()
    }

    /// Whether it is snoozed at `now`.
    pub fn is_snoozed(&self, now: LocalTime) -> bool {
        self.snoozed_until.is_some_and(|until| until > now)
    }
}

/// What an incident was, as the staff found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    AirConditioning,
    /// Heating, or hot water.
    Heating,
    Charging,
    /// A strong appliance.
    HighPower,
    /// Somebody is in the room.
    Occupied,
    Cleaning,
    Maintenance,
    /// The meter is at fault.
    Meter,
    /// The threshold does not fit.
    Threshold,
    Other,
}

impl Reason {
    pub const ALL: [Reason; 10] = [
        Reason::AirConditioning,
        Reason::Heating,
        Reason::Charging,
        Reason::HighPower,
        Reason::Occupied,
        Reason::Cleaning,
        Reason::Maintenance,
        Reason::Meter,
        Reason::Threshold,
        Reason::Other,
    ];

    /// The word stored in `incident`, of at most 20 characters.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AirConditioning => "air_conditioning",
            Reason::Heating => "heating",
            Reason::Charging => "charging",
            Reason::HighPower => "high_power",
            Reason::Occupied => "occupied",
            Reason::Cleaning => "cleaning",
            Reason::Maintenance => "maintenance",
            Reason::Meter => "meter",
            Reason::Threshold => "threshold",
            Reason::Other => "other",
        }
    }

    /// The inverse of [`Reason::as_str`].
    pub fn from_word(word: &str) -> Option<Reason> {
        let mut all = Reason::ALL.into_iter();
        all.find(|reason| reason.as_str() == word)
    }
}

/// What became of an incident: a notice that is part of it, or something done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentEventKind {
    Alert,
    Reminder,
    Recovered,
    /// It ended otherwise; [`IncidentEvent::closed`](super::IncidentEvent::closed) says why.
    Closed,
    /// The hotel's meters are silent.
    Silent,
    /// They report again.
    Reporting,
    /// The hotel's meters are frozen.
    Frozen,
    /// They move again.
    Moving,
    /// Its alert was delivered.
    Notified,
    Escalated,
    Acknowledged,
    Snoozed,
    /// Its acknowledgement and its snooze are over.
    Lapsed,
    /// Somebody said what it was.
    Explained,
}

impl IncidentEventKind {
    pub const ALL: [IncidentEventKind; 14] = [
        IncidentEventKind::Alert,
        IncidentEventKind::Reminder,
        IncidentEventKind::Recovered,
        IncidentEventKind::Closed,
        IncidentEventKind::Silent,
        IncidentEventKind::Reporting,
        IncidentEventKind::Frozen,
        IncidentEventKind::Moving,
        IncidentEventKind::Notified,
        IncidentEventKind::Escalated,
        IncidentEventKind::Acknowledged,
        IncidentEventKind::Snoozed,
        IncidentEventKind::Lapsed,
        IncidentEventKind::Explained,
    ];

    /// That of a notice; `None` for one that is part of no incident.
    pub fn of(notice: &Notice) -> Option<IncidentEventKind> {
        Some(match notice {
            Notice::Room(notice) => match notice.kind {
                NoticeKind::Alert => IncidentEventKind::Alert,
                NoticeKind::Reminder => IncidentEventKind::Reminder,
                NoticeKind::Recovered => IncidentEventKind::Recovered,
                NoticeKind::Closed(_) => IncidentEventKind::Closed,
            },
            Notice::Meters(notice) => match notice.kind {
                MeterNoticeKind::Silent => IncidentEventKind::Silent,
                MeterNoticeKind::Reporting => IncidentEventKind::Reporting,
                MeterNoticeKind::Frozen => IncidentEventKind::Frozen,
                MeterNoticeKind::Moving => IncidentEventKind::Moving,
            },
            Notice::Hotel(_) => return None,
        })
    }

    /// The word stored in `incident_event`. Those of notices are those of the outbox.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentEventKind::Alert => "alert",
            IncidentEventKind::Reminder => "reminder",
            IncidentEventKind::Recovered => "recovered",
            IncidentEventKind::Closed => "closed",
            IncidentEventKind::Silent => MeterNoticeKind::Silent.as_str(),
            IncidentEventKind::Reporting => MeterNoticeKind::Reporting.as_str(),
            IncidentEventKind::Frozen => MeterNoticeKind::Frozen.as_str(),
            IncidentEventKind::Moving => MeterNoticeKind::Moving.as_str(),
            IncidentEventKind::Notified => "notified",
            IncidentEventKind::Escalated => "escalated",
            IncidentEventKind::Acknowledged => "acknowledged",
            IncidentEventKind::Snoozed => "snoozed",
            IncidentEventKind::Lapsed => "lapsed",
            IncidentEventKind::Explained => "explained",
        }
    }

    /// The inverse of [`IncidentEventKind::as_str`].
    pub fn from_word(word: &str) -> Option<IncidentEventKind> {
        let mut all = IncidentEventKind::ALL.into_iter();
        all.find(|kind| kind.as_str() == word)
    }
}

impl Detail {
    /// What is stored of it, as JSON.
    pub fn as_json(&self) -> String {
        let fields = match self {
            Detail::Run(run) => {
                let mut fields = json!({
                    "rule": run.cause.as_str(),
                    "since": run.since,
                });
                if run.periods > 0 {
                    fields["periods"] = run.periods.into();
                    fields["wh"] = run.energy.0.into();
                }
                if let Some(why) = run.closed {
                    fields["closed"] = why.as_str().into();
                }
                fields
            }
            Detail::Until(until) => json!({ "until": until }),
            Detail::Explained { reason, note } => {
                let mut fields = json!({});
                if let Some(reason) = reason {
                    fields["reason"] = reason.as_str().into();
                }
                if let Some(note) = note {
                    fields["note"] = note.as_str().into();
                }
                fields
            }
        };
        fields.to_string()
    }

    /// The inverse of [`Detail::as_json`]; `None` if it is none of ours.
    pub fn from_json(json: &str) -> Option<Detail> {
        let fields: Value = serde_json::from_str(json).ok()?;
        let word = |name: &str| fields.get(name).and_then(Value::as_str);
        let time = |name: &str| LocalTime::parse(word(name)?).ok();
        let number = |name: &str| fields.get(name).and_then(Value::as_i64);
        if let Some(cause) = word("rule") {
            return Some(Detail::Run(RunDetail {
                cause: Cause::from_word(cause)?,
                since: time("since")?,
                periods: u32::try_from(number("periods").unwrap_or(0)).ok()?,
                energy: WattHours(number("wh").unwrap_or(0)),
                closed: word("closed").and_then(ClosedWhy::from_word),
            }));
        }
        if fields.get("until").is_some() {
            return Some(Detail::Until(time("until")?));
        }
        if fields.get("reason").is_none() && fields.get("note").is_none() {
            return None;
        }
        Some(Detail::Explained {
            reason: word("reason").and_then(Reason::from_word),
            note: word("note").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> LocalTime {
        LocalTime::parse("2023-04-10 12:00:00").expect("a time")
    }

    #[test]
    fn kinds_of_events_fit_their_column_and_are_read_again() {
        for kind in IncidentEventKind::ALL {
            assert!(kind.as_str().len() <= 20);
            assert_eq!(IncidentEventKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(IncidentEventKind::from_word("danced"), None);
    }

    #[test]
    fn details_are_read_as_they_were_stored() {
        let run = |cause, periods, energy, closed| {
            Detail::Run(RunDetail {
                cause,
                since: noon(),
                periods,
                energy: WattHours(energy),
                closed,
            })
        };
        let explained = |reason, note: Option<&str>| Detail::Explained {
            reason,
            note: note.map(str::to_owned),
        };
        for detail in [
            run(Cause::Baseline, 4, 9_600, None),
            run(Cause::Fixed, 4, 0, Some(ClosedWhy::Recovered)),
            run(Cause::Silent, 0, 0, Some(ClosedWhy::MetersBack)),
            Detail::Until(noon()),
            explained(Some(Reason::Cleaning), None),
            explained(None, Some("\"12:30\" \u{738b}\u{5de5}")),
            explained(Some(Reason::Other), Some("")),
        ] {
            assert_eq!(Detail::from_json(&detail.as_json()), Some(detail));
        }
        for other in ["", "[", "{}", r#"{"rule":"later"}"#, r#"{"until":"soon"}"#] {
            assert_eq!(Detail::from_json(other), None, "{other}");
        }
    }
}
