//! What both kinds of store keep of incidents.

use crate::engine::{
    Acknowledgement, Cause, Closed, ClosedWhy, Detail, Incident, IncidentEvent, IncidentEventKind,
    IncidentKey, IncidentState, Reason,
};
use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

use super::StoreError;

/// The columns that changes write; first those that identify an incident, in the order of their
/// unique key.
pub(super) const COLUMNS: [&str; 22] = [
    "hotel_id",
    "room_number",
    "watch",
    "rule",
    "since",
    "opened_at",
    "msg_type",
    "stay_time",
    "rules",
    "periods",
    "wh",
    "state",
    "acknowledged_by",
    "acknowledged_at",
    "acknowledged_until",
    "snoozed_until",
    "escalated_step",
    "escalate_at",
    "closed_at",
    "closed_why",
    "reason",
    "note",
];

/// Of these the ones that identify an incident.
pub(super) const KEY: &[&str] = COLUMNS.split_at(6).0;

/// And those that change.
pub(super) const CHANGING: &[&str] = COLUMNS.split_at(6).1;

/// The condition that finds an incident by its key.
pub(super) fn is_key() -> String {
    let is: Vec<String> = KEY.iter().map(|column| format!("{column} = ?")).collect();
    is.join(" AND ")
}

/// The condition that finds open incidents by the index on their state.
pub(super) fn is_open() -> String {
    let [open, acknowledged] = [IncidentState::Open, IncidentState::Acknowledged];
    format!(
        "state IN ('{}', '{}')",
        open.as_str(),
        acknowledged.as_str()
    )
}

/// An event of a stored incident; `None` if only a later version knows its kind.
pub(super) fn event(
    incident: &IncidentKey,
    at: LocalTime,
    what: &str,
    by: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
) -> Option<IncidentEvent> {
    Some(IncidentEvent {
        incident: incident.clone(),
        at,
        what: IncidentEventKind::from_word(what)?,
        by,
        detail: detail.as_deref().and_then(Detail::from_json),
        request_id,
    })
}

/// A row of an incident, in the order of [`COLUMNS`] but for its state, which follows from them.
pub(super) struct Row {
    pub hotel_id: String,
    pub room_number: String,
    pub watch: u32,
    pub rule: String,
    pub since: Option<LocalTime>,
    pub opened_at: Option<LocalTime>,
    pub msg_type: Option<String>,
    pub stay_time: Option<LocalTime>,
    pub rules: String,
    pub periods: u32,
    pub wh: i64,
    pub acknowledged_by: Option<String>,
    pub acknowledged_at: Option<LocalTime>,
    pub acknowledged_until: Option<LocalTime>,
    pub snoozed_until: Option<LocalTime>,
    pub escalated_step: u32,
    pub escalate_at: Option<LocalTime>,
    pub closed_at: Option<LocalTime>,
    pub closed_why: Option<String>,
    pub reason: Option<String>,
    pub note: Option<String>,
}

impl Row {
    /// # Errors
    /// [`StoreError::Unreadable`] if a word or a time in it is none.
    pub(super) fn read(self) -> Result<Incident, StoreError> {
        let name = format!("{:?}, room {:?}", self.hotel_id, self.room_number);
        let unreadable = || StoreError::Unreadable(format!("an incident of {name}"));
        let kind = self.msg_type.as_deref().and_then(Kind::from_word);
        let acknowledged = self.acknowledged_by.map(|by| {
            let at = self.acknowledged_at.ok_or_else(unreadable)?;
            let until = self.acknowledged_until.ok_or_else(unreadable)?;
            Ok::<_, StoreError>(Acknowledgement { by, at, until })
        });
        let closed = self.closed_at.map(|at| {
            let why = self.closed_why.as_deref().and_then(ClosedWhy::from_word);
            let why = why.ok_or_else(unreadable)?;
            Ok::<_, StoreError>(Closed { at, why })
        });
        Ok(Incident {
            key: IncidentKey {
                place: RoomKey {
                    hotel_id: HotelId::new(&self.hotel_id),
                    room_number: RoomNumber::new(&self.room_number),
                },
                watch: self.watch,
                cause: Cause::from_word(&self.rule).ok_or_else(unreadable)?,
                since: self.since.ok_or_else(unreadable)?,
                opened_at: self.opened_at.ok_or_else(unreadable)?,
            },
            stay: self.stay_time.zip(kind),
            causes: Incident::causes_from_words(&self.rules).ok_or_else(unreadable)?,
            periods: self.periods,
            energy: WattHours(self.wh),
            acknowledged: acknowledged.transpose()?,
            snoozed_until: self.snoozed_until,
            escalated_step: self.escalated_step,
            escalate_at: self.escalate_at,
            closed: closed.transpose()?,
            // A word of a later version is none of ours.
            reason: self.reason.as_deref().and_then(Reason::from_word),
            note: self.note,
        })
    }
}
