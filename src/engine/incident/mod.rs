//! Incidents: an alert as something that somebody takes care of, until it is over. All that becomes
//! of one follows from the notices of its room, or of its hotel's meters, in their order.

mod act;
mod words;

use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

use super::{
    Acknowledgement, Closing, MeterNotice, MeterNoticeKind, MeterTrouble, Notice, NoticeKind,
    RoomNotice, Rule, Run, RunKey, Stay, WatchKey,
};

pub use act::{Act, ActRefused};
pub use words::{IncidentEventKind, IncidentState, Reason};

/// One incident, as it is kept. A room has at most one that is open when a transaction is written,
/// and so have the meters of a hotel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    pub key: IncidentKey,
    /// The stay under which its room was last judged: when it began, and its kind. `None` for
    /// meters.
    pub stay: Option<(LocalTime, Kind)>,
    /// What alerted in it, each once; what opened it is the first.
    pub causes: Vec<Cause>,
    /// The periods and the energy of the run that was last notified; none for meters.
    pub periods: u32,
    pub energy: WattHours,
    /// Who takes care of it, if somebody does.
    pub acknowledged: Option<Acknowledgement>,
    /// Until when nothing but its end is notified.
    pub snoozed_until: Option<LocalTime>,
    /// How many steps of its escalation were taken.
    pub escalated_step: u32,
    /// When the next one is due.
    pub escalate_at: Option<LocalTime>,
    pub closed: Option<Closed>,
    /// What it was, where somebody has said so.
    pub reason: Option<Reason>,
    pub note: Option<String>,
}

/// What identifies an incident: the run that opened it, and when it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentKey {
    /// Of a hotel's meters, one with an empty number: see [`meters_of`].
    pub place: RoomKey,
    /// The number of the watch; 0 for watches of version 0.1 and for meters.
    pub watch: u32,
    pub cause: Cause,
    /// When the run began, or the trouble of the meters.
    pub since: LocalTime,
    /// The time of the reading that the alert is of; for meters, of the check.
    pub opened_at: LocalTime,
}

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A run of the rule with thresholds.
    Fixed,
    /// A run of the baseline rule.
    Baseline,
    /// A hotel's meters are silent.
    Silent,
    /// A hotel's meters are frozen.
    Frozen,
}

/// The end of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub at: LocalTime,
    pub why: ClosedWhy,
}

/// Why an incident is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClosedWhy {
    /// The room is normal again.
    Recovered,
    /// There was no reading for too long.
    Gap,
    /// The meter was replaced or reset.
    MeterChanged,
    /// A new stay began.
    NewStay,
    /// The room is out of order.
    OutOfOrder,
    /// The configured length of the interval changed.
    IntervalChanged,
    /// The rule that had found it was switched off.
    RuleOff,
    /// The hotel's meters report again, or move again.
    MetersBack,
    /// Somebody closed it.
    ByHand,
    /// It ended while a version ran that keeps no incidents: how and when is not known.
    NotRecorded,
}

/// Something that became of an incident, to be appended to its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentEvent {
    pub incident: IncidentKey,
    pub at: LocalTime,
    pub what: IncidentEventKind,
    /// Who did it; `None` for what the service does by itself.
    pub by: Option<String>,
    pub detail: Option<Detail>,
    /// Which request it follows from, so that one that comes again has no second effect.
    pub request_id: Option<String>,
}

/// What is kept of an event beside its word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What a notice said of its run, or why the incident was closed.
    Run(RunDetail),
    /// Until when somebody takes care of it, or has snoozed it.
    Until(LocalTime),
    /// What somebody said that it was; an empty note was taken away.
    Explained {
        reason: Option<Reason>,
        note: Option<String>,
    },
}

/// What is kept of a notice in the history of its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunDetail {
    pub cause: Cause,
    pub since: LocalTime,
    pub periods: u32,
    pub energy: WattHours,
    /// Why the incident is over, if it is.
    pub closed: Option<ClosedWhy>,
}

/// The place of the incidents of a hotel's meters: a room without a number, as tables have it.
pub fn meters_of(hotel_id: &HotelId) -> RoomKey {
    RoomKey {
        hotel_id: hotel_id.clone(),
        room_number: RoomNumber::new(""),
    }
}

impl Incident {
    /// The room that a notice is of, or the meters of its hotel; `None` for one that is part of no
    /// incident.
    pub fn place(notice: &Notice) -> Option<RoomKey> {
        match notice {
            Notice::Room(notice) => Some(notice.room.clone()),
            Notice::Meters(notice) => Some(meters_of(&notice.hotel_id)),
            Notice::Hotel(_) => None,
        }
    }

    pub fn is_open(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether a notice of its place is part of it. What was unusual in a stay that is over by then
    /// may be found while the incident of the next one is open: that one is another.
    pub fn has(&self, notice: &Notice) -> bool {
        match notice {
            Notice::Room(notice) => self.key.is_of(&notice.incident()),
            Notice::Meters(_) => true,
            Notice::Hotel(_) => false,
        }
    }

    /// What a notice makes of the incident that it is part of: `open` is that, if it is open. Gives
    /// it as it is from then on, and what is to be added to its history; `None` where the notice is
    /// part of none.
    pub fn follow(open: Option<Incident>, notice: &Notice) -> Option<(Incident, IncidentEvent)> {
        let (incident, detail) = match notice {
            Notice::Room(notice) => Incident::follow_room(open, notice)?,
            Notice::Meters(notice) => Incident::follow_meters(open, notice)?,
            Notice::Hotel(_) => return None,
        };
        let (at, detail) = (notice.detected(), Some(Detail::Run(detail)));
        let event = incident.event(at, IncidentEventKind::of(notice)?, None, detail);
        Some((incident, event))
    }

    fn follow_room(open: Option<Incident>, notice: &RoomNotice) -> Option<(Incident, RunDetail)> {
        let (cause, detected) = (Cause::of(notice.rule), notice.detected);
        let mut incident = match (open, notice.kind) {
            (Some(open), _) => open,
            (None, NoticeKind::Alert) => {
                Incident::opened(IncidentKey::of(&notice.incident(), detected))
            }
            (None, _) => return None,
        };
        let stay = &notice.stay;
        incident.stay = Some((stay.time(), stay.kind()));
        (incident.periods, incident.energy) = (notice.periods, notice.energy);
        let why = match notice.kind {
            NoticeKind::Alert => {
                incident.add(cause);
                None
            }
            NoticeKind::Reminder => None,
            // A run that ends while one of the other rule goes on has no notice of its end.
            NoticeKind::Recovered => Some(ClosedWhy::Recovered),
            NoticeKind::Closed(why) => Some(why.into()),
        };
        incident.closed = why.map(|why| Closed { at: detected, why });
        let detail = RunDetail {
            cause,
            since: notice.since,
            periods: notice.periods,
            energy: notice.energy,
            closed: why,
        };
        Some((incident, detail))
    }

    fn follow_meters(
        open: Option<Incident>,
        notice: &MeterNotice,
    ) -> Option<(Incident, RunDetail)> {
        let (since, at) = (notice.since.unwrap_or(notice.detected), notice.detected);
        let begun = match notice.kind {
            MeterNoticeKind::Silent => Some(Cause::Silent),
            MeterNoticeKind::Frozen => Some(Cause::Frozen),
            MeterNoticeKind::Reporting | MeterNoticeKind::Moving => None,
        };
        let mut incident = match (open, begun) {
            (Some(open), _) => open,
            (None, Some(cause)) => {
                let place = meters_of(&notice.hotel_id);
                Incident::of_meters(place, cause, since, at)
            }
            (None, None) => return None,
        };
        match begun {
            Some(cause) => incident.add(cause),
            None => {
                let why = ClosedWhy::MetersBack;
                incident.closed = Some(Closed { at, why });
            }
        }
        let detail = RunDetail {
            cause: begun.unwrap_or(incident.key.cause),
            since: incident.key.since,
            periods: 0,
            energy: WattHours::ZERO,
            closed: incident.closed.map(|closed| closed.why),
        };
        Some((incident, detail))
    }

    /// The incident that goes on in a room since an earlier version wrote its alert: of the run
    /// that opened it, with what is known of the run that goes on.
    pub fn of_run(opened_by: &RunKey, stay: &Stay, run: &Run, opened_at: LocalTime) -> Incident {
        Incident {
            stay: Some((stay.time(), stay.kind())),
            periods: run.periods,
            energy: run.energy,
            ..Incident::opened(IncidentKey::of(opened_by, opened_at))
        }
    }

    /// The incident of a hotel's meters whose trouble an earlier version has notified; `None` where
    /// that is over. When it did is not known: it is taken to be open since the trouble began, or
    /// `now` where that is not known either.
    pub fn of_trouble(place: RoomKey, trouble: MeterTrouble, now: LocalTime) -> Option<Incident> {
        let (cause, since) = match trouble {
            MeterTrouble::Silent(since) => (Cause::Silent, since.unwrap_or(now)),
            MeterTrouble::Frozen(since) => (Cause::Frozen, since),
            MeterTrouble::Moved(_) => return None,
        };
        Some(Incident::of_meters(place, cause, since, since))
    }

    /// Whether this trouble of its hotel's meters may be what it is about. Since when meters are
    /// silent that never reported is not known.
    pub fn is_of_trouble(&self, trouble: MeterTrouble) -> bool {
        match trouble {
            MeterTrouble::Silent(since) => {
                self.key.cause == Cause::Silent && since.is_none_or(|since| since == self.key.since)
            }
            MeterTrouble::Frozen(since) => {
                self.key.cause == Cause::Frozen && since == self.key.since
            }
            MeterTrouble::Moved(_) => false,
        }
    }

    fn of_meters(place: RoomKey, cause: Cause, since: LocalTime, opened_at: LocalTime) -> Incident {
        Incident::opened(IncidentKey {
            place,
            watch: 0,
            cause,
            since,
            opened_at,
        })
    }

    fn opened(key: IncidentKey) -> Incident {
        Incident {
            stay: None,
            causes: vec![key.cause],
            periods: 0,
            energy: WattHours::ZERO,
            acknowledged: None,
            snoozed_until: None,
            escalated_step: 0,
            escalate_at: None,
            closed: None,
            reason: None,
            note: None,
            key,
        }
    }

    fn add(&mut self, cause: Cause) {
        if !self.causes.contains(&cause) {
            self.causes.push(cause);
        }
    }

    /// The event of its first alert, where that was written by an earlier version.
    pub fn found_open(&self) -> IncidentEvent {
        let what = match self.key.cause {
            Cause::Fixed | Cause::Baseline => IncidentEventKind::Alert,
            Cause::Silent => IncidentEventKind::Silent,
            Cause::Frozen => IncidentEventKind::Frozen,
        };
        let detail = self.run_detail(None);
        self.event(self.key.opened_at, what, None, Some(detail))
    }

    /// Closes it at `now`, because it ended while a version ran that keeps no incidents.
    pub fn close_not_recorded(mut self, now: LocalTime) -> (Incident, IncidentEvent) {
        let why = ClosedWhy::NotRecorded;
        self.closed = Some(Closed { at: now, why });
        let detail = self.run_detail(Some(why));
        let event = self.event(now, IncidentEventKind::Closed, None, Some(detail));
        (self, event)
    }

    fn run_detail(&self, closed: Option<ClosedWhy>) -> Detail {
        Detail::Run(RunDetail {
            cause: self.key.cause,
            since: self.key.since,
            periods: self.periods,
            energy: self.energy,
            closed,
        })
    }

    fn event(
        &self,
        at: LocalTime,
        what: IncidentEventKind,
        by: Option<&str>,
        detail: Option<Detail>,
    ) -> IncidentEvent {
        IncidentEvent {
            incident: self.key.clone(),
            at,
            what,
            by: by.map(str::to_owned),
            detail,
            request_id: None,
        }
    }
}

impl IncidentKey {
    fn of(run: &RunKey, opened_at: LocalTime) -> IncidentKey {
        IncidentKey {
            place: run.room.clone(),
            watch: watch_number(run),
            cause: Cause::of(run.rule),
            since: run.since,
            opened_at,
        }
    }

    /// Whether this run has opened it.
    pub fn is_of(&self, run: &RunKey) -> bool {
        self.place == run.room
            && self.watch == watch_number(run)
            && self.cause == Cause::of(run.rule)
            && self.since == run.since
    }
}

/// The number of a run's watch; 0 where version 0.1 began that, which is the room's first one then.
fn watch_number(run: &RunKey) -> u32 {
    match run.watch {
        WatchKey::Uncounted(..) => 0,
        WatchKey::Counted(number) => number,
    }
}

impl Cause {
    fn of(rule: Rule) -> Cause {
        match rule {
            Rule::Fixed => Cause::Fixed,
            Rule::Baseline => Cause::Baseline,
        }
    }
}

impl From<Closing> for ClosedWhy {
    fn from(closing: Closing) -> ClosedWhy {
        match closing {
            Closing::Gap => ClosedWhy::Gap,
            Closing::MeterChanged => ClosedWhy::MeterChanged,
            Closing::IntervalChanged => ClosedWhy::IntervalChanged,
            Closing::RuleOff => ClosedWhy::RuleOff,
            Closing::OutOfOrder { .. } => ClosedWhy::OutOfOrder,
            Closing::ByHand => ClosedWhy::ByHand,
            Closing::NewStay { .. } => ClosedWhy::NewStay,
        }
    }
}
