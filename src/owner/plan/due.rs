//! What becomes of incidents by time alone.

use crate::engine::{
    Handling, Incident, MeterCheck, MeterNotice, MeterNoticeKind, MeterTrouble, Notice,
};
use crate::types::{HotelId, LocalTime, RoomKey};

use super::Planner;

impl Planner<'_> {
    /// Takes what is due by `now`: acknowledgements and snoozes that have lapsed, of which the
    /// staff is reminded. The times are in the incidents, so that a restart neither repeats nor
    /// misses one.
    pub(in crate::owner) fn due(&mut self, now: LocalTime) {
        for incident in self.rooms.due_incidents(now) {
            let incident = self.incidents.current(&incident).clone();
            self.lapse(incident, now);
        }
    }

    fn lapse(&mut self, incident: Incident, now: LocalTime) {
        let handling = incident.handling();
        let Some((after, event)) = incident.lapsed(now) else {
            return;
        };
        let handling = handling.map(|handling| Handling {
            lapsed_at: Some(event.at),
            ..handling
        });
        let reminder = self.reminder(&after.key.place, now);
        self.incidents.take_due(after, event, self.rooms);
        // What has ended meanwhile has closed its incident.
        if let Some(mut reminder) = reminder {
            reminder.set_handling(handling);
            self.notify(reminder);
        }
    }

    /// A reminder of what goes on in a room, or of a hotel's meters, as it is now.
    fn reminder(&self, place: &RoomKey, now: LocalTime) -> Option<Notice> {
        if place.room_number.as_str().is_empty() {
            return self.reminder_of_meters(&place.hotel_id, now);
        }
        let state = self.current(place)?;
        state.reminder(place, self.rules).map(Notice::Room)
    }

    fn reminder_of_meters(&self, hotel: &HotelId, now: LocalTime) -> Option<Notice> {
        let (kind, since) = match self.rooms.trouble(hotel)? {
            MeterTrouble::Silent(since) => (MeterNoticeKind::Silent, since),
            MeterTrouble::Frozen(since) => (MeterNoticeKind::Frozen, Some(since)),
            MeterTrouble::Moved(_) => return None,
        };
        let swept = self.rooms.last_sweep();
        let check = MeterCheck {
            now,
            listening_since: swept.map_or(now, |sweep| sweep.listening_since),
            silent_after: self.rules.silent_after_seconds,
        };
        let meters = self.rooms.meters_of(hotel, &check, self.rules);
        Some(Notice::Meters(MeterNotice {
            kind,
            hotel_id: hotel.clone(),
            detected: now,
            since,
            silent: meters.silent,
            watched: meters.watched,
            rooms: meters.rooms.into_iter().collect(),
            handling: None,
        }))
    }
}
