//! What people have done about an incident, as its notices say it.

use serde::{Deserialize, Serialize};

use crate::types::LocalTime;

/// What somebody has done about the incident of a notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handling {
    /// Who takes care of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// Until when it is snoozed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<LocalTime>,
    /// When that lapsed; the notice reminds of what it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed_at: Option<LocalTime>,
}

/// Somebody takes care of an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    pub by: String,
    pub at: LocalTime,
    /// When it lapses.
    pub until: LocalTime,
}
