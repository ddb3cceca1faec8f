//! What people do to an incident.

use crate::engine::{Handling, MeterNoticeKind, Notice, NoticeKind};
use crate::types::LocalTime;

use super::{
    Acknowledgement, Closed, ClosedWhy, Detail, Incident, IncidentEvent, IncidentEventKind, Reason,
};

/// For so long an incident may be snoozed. Seconds.
const LONGEST_SNOOZE: i64 = 72 * 3_600;

/// Something that somebody does to an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// `by` takes care of it until then.
    Acknowledge { until: LocalTime },
    /// Until then nothing but its end is notified.
    Snooze { until: LocalTime },
    /// Says what it was: what is `None` stays as it is, and an empty note takes the note away.
    Explain {
        reason: Option<Reason>,
        note: Option<String>,
    },
    /// Closes it, where nothing else will.
    Close,
}

/// Why an act is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActRefused {
    #[error("there is no such incident")]
    Unknown,
    #[error("it is over since {} ({})", .0.at, .0.why.as_str())]
    Over(Closed),
    #[error("{0} is not later than now ({1})")]
    NotLater(LocalTime, LocalTime),
    #[error("an incident can be snoozed for 72 hours at most")]
    TooLong,
    #[error(
        "it ends by itself with the room's next readings; only one whose room is out of order, or \
         whose meter reports no more, can be closed by hand"
    )]
    EndsByItself,
    #[error("it can't be written: {0}")]
    Unstorable(String),
}

impl Incident {
    /// What it is after `by` has done this at `now`, and what is added to its history. Closing is
    /// none of it: it is done to the room ([`close_by_hand`](crate::engine::close_by_hand)), and
    /// the end of its incident follows from the notice of that.
    ///
    /// # Errors
    /// Why it can't be done.
    pub fn acted(
        mut self,
        act: &Act,
        by: &str,
        now: LocalTime,
    ) -> Result<(Incident, IncidentEvent), ActRefused> {
        let detail = match act {
            Act::Acknowledge { until } => {
                self.is_to_last(*until, now)?;
                self.acknowledged = Some(Acknowledgement {
                    by: by.to_owned(),
                    at: now,
                    until: *until,
                });
                self.escalate_at = None;
                Some(Detail::Until(*until))
            }
            Act::Snooze { until } => {
                self.is_to_last(*until, now)?;
                if until.since(now) > LONGEST_SNOOZE {
                    return Err(ActRefused::TooLong);
                }
                self.snoozed_until = Some(*until);
                self.escalate_at = None;
                Some(Detail::Until(*until))
            }
            Act::Explain { reason, note } => {
                if let Some(reason) = reason {
                    self.reason = Some(*reason);
                }
                if let Some(note) = note {
                    self.note = Some(note.clone()).filter(|note| !note.is_empty());
                }
                Some(Detail::Explained {
                    reason: *reason,
                    note: note.clone(),
                })
            }
            Act::Close => return Err(ActRefused::EndsByItself),
        };
        let event = self.event(now, act.kind(), Some(by), detail);
        Ok((self, event))
    }

    fn is_to_last(&self, until: LocalTime, now: LocalTime) -> Result<(), ActRefused> {
        match self.closed {
            Some(closed) => Err(ActRefused::Over(closed)),
            None if until <= now => Err(ActRefused::NotLater(until, now)),
            None => Ok(()),
        }
    }

    /// Whether at `now` it is acknowledged or snoozed, so that no reminder and no escalation is
    /// sent.
    pub fn is_muted(&self, now: LocalTime) -> bool {
        self.lapses_at().is_some_and(|at| at > now)
    }

    /// Whether a notice that is about to be sent at `now` is not: people asked for that. Its end is
    /// always sent.
    pub fn mutes(&self, notice: &Notice, now: LocalTime) -> bool {
        match notice {
            Notice::Room(notice) => match notice.kind {
                NoticeKind::Alert => self.is_snoozed(now),
                NoticeKind::Reminder => self.is_muted(now),
                NoticeKind::Recovered | NoticeKind::Closed(_) => false,
            },
            Notice::Meters(notice) => match notice.kind {
                MeterNoticeKind::Silent | MeterNoticeKind::Frozen => self.is_snoozed(now),
                MeterNoticeKind::Reporting | MeterNoticeKind::Moving => false,
            },
            Notice::Hotel(_) => false,
        }
    }

    /// What somebody has done about it, as its notices say it.
    pub fn handling(&self) -> Option<Handling> {
        let handling = Handling {
            acknowledged: self.acknowledged.clone(),
            snoozed_until: self.snoozed_until,
            lapsed_at: None,
        };
        let is_handled = handling.acknowledged.is_some() || handling.snoozed_until.is_some();
        is_handled.then_some(handling)
    }

    /// When its acknowledgement and its snooze lapse, if it has one: the later of the two, because
    /// a snooze lies over an acknowledgement.
    pub fn lapses_at(&self) -> Option<LocalTime> {
        let acknowledged = self.acknowledged.as_ref().map(|it| it.until);
        acknowledged.max(self.snoozed_until)
    }

    /// When something becomes of it by time alone.
    pub fn due_at(&self) -> Option<LocalTime> {
        self.lapses_at().filter(|_| self.is_open())
    }

    /// What it is after its acknowledgement and its snooze have lapsed by `now`, and what is added
    /// to its history; `None` while one of them lasts, or where there is none. It is open again
    /// then, and its next reminder is due at once.
    pub fn lapsed(mut self, now: LocalTime) -> Option<(Incident, IncidentEvent)> {
        let at = self.lapses_at().filter(|at| *at <= now && self.is_open())?;
        self.acknowledged = None;
        self.snoozed_until = None;
        let event = self.event(at, IncidentEventKind::Lapsed, None, None);
        Some((self, event))
    }
}

impl Act {
    /// What is added to the history of its incident.
    pub fn kind(&self) -> IncidentEventKind {
        match self {
            Act::Acknowledge { .. } => IncidentEventKind::Acknowledged,
            Act::Snooze { .. } => IncidentEventKind::Snoozed,
            Act::Explain { .. } => IncidentEventKind::Explained,
            Act::Close => IncidentEventKind::Closed,
        }
    }
}

impl IncidentEvent {
    /// Why its incident is over, if it is the event of that.
    pub fn closed(&self) -> Option<ClosedWhy> {
        match &self.detail {
            Some(Detail::Run(run)) => run.closed,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        Closing, Incident, IncidentState, MeterNotice, MeterTrouble, RoomNotice, Rule, Stay,
        meters_of,
    };
    use crate::types::{HotelId, RoomKey, WattHours};

    const HOUR: i64 = 3_600;

    fn noon() -> LocalTime {
        LocalTime::parse("2023-04-10 12:00:00").expect("a time")
    }

    fn at(hours: i64) -> LocalTime {
        noon().plus(hours * HOUR)
    }

    fn open() -> Incident {
        let place = meters_of(&HotelId::new("H1"));
        let trouble = MeterTrouble::Silent(Some(noon()));
        Incident::of_trouble(place, trouble, noon()).expect("it goes on")
    }

    fn acted(incident: Incident, act: &Act, hours: i64) -> Result<Incident, ActRefused> {
        let (after, event) = incident.acted(act, "W", at(hours))?;
        assert_eq!((event.at, event.by.as_deref()), (at(hours), Some("W")));
        assert_eq!(
            (event.what, event.incident),
            (act.kind(), after.key.clone())
        );
        Ok(after)
    }

    fn acknowledge(hours: i64) -> Act {
        Act::Acknowledge { until: at(hours) }
    }

    fn snooze(hours: i64) -> Act {
        Act::Snooze { until: at(hours) }
    }

    #[test]
    fn an_acknowledgement_mutes_until_it_lapses_and_the_incident_is_open_again() {
        let incident = Incident {
            escalate_at: Some(at(1)),
            ..open()
        };
        assert!(!incident.is_muted(noon()));
        let taken = acted(incident, &acknowledge(4), 0).expect("taken");
        assert_eq!(taken.state(), IncidentState::Acknowledged);
        assert_eq!(taken.escalate_at, None, "nobody else is called");
        assert!(taken.is_muted(at(3)) && !taken.is_muted(at(4)));
        assert_eq!(taken.clone().lapsed(at(3)), None);
        let (lapsed, event) = taken.lapsed(at(9)).expect("it lapses");
        assert_eq!(
            (event.what, event.at, event.by),
            (IncidentEventKind::Lapsed, at(4), None)
        );
        assert_eq!(lapsed.state(), IncidentState::Open);
        assert_eq!(lapsed.clone().lapsed(at(9)), None, "once");
        // Whoever goes again says so again.
        let again = acted(lapsed, &acknowledge(13), 9).expect("taken");
        assert!(again.is_muted(at(12)));
    }

    #[test]
    fn a_snooze_lies_over_an_acknowledgement() {
        let taken = acted(open(), &acknowledge(4), 0).expect("taken");
        let snoozed = acted(taken, &snooze(8), 1).expect("snoozed");
        assert_eq!(snoozed.state(), IncidentState::Acknowledged);
        assert!(snoozed.is_snoozed(at(7)) && snoozed.is_muted(at(7)));
        assert_eq!(snoozed.clone().lapsed(at(7)), None);
        let (lapsed, event) = snoozed.lapsed(at(8)).expect("it lapses");
        assert_eq!(event.at, at(8));
        assert_eq!(
            (lapsed.state(), lapsed.is_snoozed(at(8))),
            (IncidentState::Open, false)
        );
    }

    #[test]
    fn an_acknowledgement_mutes_reminders_and_a_snooze_alerts_too_and_neither_an_end() {
        let meters = |kind| {
            Notice::Meters(MeterNotice {
                kind,
                hotel_id: HotelId::new("H1"),
                detected: noon(),
                since: Some(noon()),
                silent: 5,
                watched: 5,
                rooms: Vec::new(),
                handling: None,
            })
        };
        let stay = Stay::Vacant {
            actual_checkin: None,
            actual_checkout: noon(),
        };
        let room = |kind| {
            Notice::Room(RoomNotice {
                kind,
                room: RoomKey::new("H1", "101"),
                watch: 1,
                rule: Rule::Fixed,
                incident: None,
                stay,
                detected: noon(),
                since: noon(),
                until: None,
                periods: 4,
                energy: WattHours(9_600),
                threshold: WattHours(1_500),
                unusual: None,
                interval_seconds: 1_800,
                before: Vec::new(),
                history: Vec::new(),
                handling: None,
            })
        };
        let acknowledged = acted(open(), &acknowledge(4), 0).expect("taken");
        let snoozed = acted(open(), &snooze(4), 0).expect("snoozed");
        for (notice, muted) in [
            (room(NoticeKind::Alert), [false, true]),
            (room(NoticeKind::Reminder), [true, true]),
            (room(NoticeKind::Recovered), [false, false]),
            (room(NoticeKind::Closed(Closing::Gap)), [false, false]),
            (meters(MeterNoticeKind::Silent), [false, true]),
            (meters(MeterNoticeKind::Reporting), [false, false]),
            (meters(MeterNoticeKind::Frozen), [false, true]),
            (meters(MeterNoticeKind::Moving), [false, false]),
        ] {
            let at_hour = |hours| {
                let by = [&acknowledged, &snoozed];
                by.map(|incident| incident.mutes(&notice, at(hours)))
            };
            assert_eq!(at_hour(3), muted, "{}", notice.kind());
            assert_eq!(at_hour(4), [false, false], "{}", notice.kind());
            assert!(!open().mutes(&notice, at(3)));
        }
    }

    #[test]
    fn what_is_over_or_lasts_too_long_is_refused() {
        for act in [acknowledge(0), snooze(0), snooze(-1)] {
            let refused = acted(open(), &act, 0);
            assert!(
                matches!(refused, Err(ActRefused::NotLater(..))),
                "{refused:?}"
            );
        }
        assert!(acted(open(), &snooze(72), 0).is_ok());
        assert_eq!(acted(open(), &snooze(73), 0), Err(ActRefused::TooLong));
        let (closed, _) = open().close_not_recorded(at(2));
        let over = ActRefused::Over(closed.closed.expect("closed"));
        assert_eq!(acted(closed.clone(), &acknowledge(9), 3), Err(over.clone()));
        assert_eq!(acted(closed.clone(), &snooze(9), 3), Err(over));
        assert_eq!(acted(closed, &Act::Close, 3), Err(ActRefused::EndsByItself));
    }

    #[test]
    fn a_reason_is_given_at_any_time_and_takes_nothing_else_away() {
        let (closed, _) = open().close_not_recorded(at(2));
        let reason = Act::Explain {
            reason: Some(Reason::Cleaning),
            note: None,
        };
        let explained = acted(closed.clone(), &reason, 3).expect("taken");
        assert_eq!(explained.reason, Some(Reason::Cleaning));
        assert_eq!(
            (&explained.closed, &explained.note),
            (&closed.closed, &None)
        );
        let note = |note: &str| Act::Explain {
            reason: None,
            note: Some(note.to_owned()),
        };
        let noted = acted(explained, &note("at 12:30"), 4).expect("taken");
        assert_eq!(noted.reason, Some(Reason::Cleaning));
        assert_eq!(noted.note.as_deref(), Some("at 12:30"));
        let without = acted(noted, &note(""), 5).expect("taken");
        assert_eq!(
            (without.reason, without.note),
            (Some(Reason::Cleaning), None)
        );
    }

    #[test]
    fn words_of_reasons_fit_their_column_and_are_read_again() {
        for reason in Reason::ALL {
            assert!(reason.as_str().len() <= 20);
            assert_eq!(Reason::from_word(reason.as_str()), Some(reason));
        }
    }
}
