//! The words that are stored of incidents.

use serde_json::json;

use crate::types::LocalTime;

use super::{Cause, ClosedWhy, Detail, Incident};

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
}
