//! What a message says, field by field.

use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber, trim_key_part};

use super::{Event, FieldNames, MessageFormat, MessageKind, Move, Parsed, key, key_part, time};
use crate::engine::fields::Fields;
use crate::engine::refusal::{Refusal, missing};
use crate::engine::{
    Arrival, Departure, Expectation, Fact, RoomStatus, Said, StatusChange, StayId,
};

/// A message that is being read.
struct Body<'a> {
    format: &'a MessageFormat,
    names: &'a FieldNames,
    fields: Fields<'a>,
    now: Option<LocalTime>,
}

/// What it says of rooms, and whether an expected check-out had to be ignored.
type Taken = (Vec<(RoomKey, Said)>, bool);

impl MessageFormat {
    /// # Errors
    /// Why it is refused.
    pub(super) fn read(&self, body: &[u8], now: Option<LocalTime>) -> Result<Parsed, Refusal> {
        let names = self.fields.all();
        let body = Body {
            format: self,
            names: &self.fields,
            fields: Fields::read(body, &names)?,
            now,
        };
        let Some(kind) = body.kind()? else {
            return Ok(Parsed::Ignored);
        };
        let Some((rooms, is_expected_ignored)) = body.rooms(kind)? else {
            return Ok(Parsed::Ignored);
        };
        let event = Event { kind, rooms };
        Ok(match is_expected_ignored {
            true => Parsed::EventWithoutExpected(event),
            false => Parsed::Event(event),
        })
    }
}

impl Body<'_> {
    /// `None` for a type to ignore.
    fn kind(&self) -> Result<Option<MessageKind>, Refusal> {
        let field = &self.names.msg_type;
        match self.fields.text_or_integer(field)? {
            Some(code) => self.format.types.meaning(field, code.trim()),
            None => self.kind_by_times().map(Some),
        }
    }

    fn kind_by_times(&self) -> Result<MessageKind, Refusal> {
        let names = self.names;
        let has = |field: &str| Ok(self.fields.value(field)?.is_some());
        if has(&names.check_in_time)? {
            Ok(MessageKind::Checkin)
        } else if has(&names.actual_checkin_time)? && has(&names.actual_checkout_time)? {
            Ok(MessageKind::Checkout)
        } else {
            Err(Refusal::NoKind {
                msg_type: names.msg_type.clone(),
                check_in: names.check_in_time.clone(),
                checkin: names.actual_checkin_time.clone(),
                checkout: names.actual_checkout_time.clone(),
            })
        }
    }

    /// `None` for a status to ignore.
    fn rooms(&self, kind: MessageKind) -> Result<Option<Taken>, Refusal> {
        let names = self.names;
        let room = RoomKey {
            hotel_id: HotelId::new(&key(&self.fields, &names.hotel_id, HotelId::MAX_CHARS)?),
            room_number: self.room_number(&names.room_number)?,
        };
        let said = match kind {
            MessageKind::Checkin => return self.checkin(room).map(Some),
            MessageKind::Move => return self.moved(room).map(Some),
            MessageKind::Checkout => self.checkout()?,
            MessageKind::Extend => self.extension()?,
            MessageKind::CancelCheckin => self.cancelled_checkin()?,
            MessageKind::CancelCheckout => self.cancelled_checkout()?,
            MessageKind::RoomStatus => match self.status()? {
                Some(change) => Said::Status(change),
                None => return Ok(None),
            },
        };
        Ok(Some((vec![(room, said)], false)))
    }

    fn checkin(&self, room: RoomKey) -> Result<Taken, Refusal> {
        let since = self.needed_past(&self.names.check_in_time)?;
        let (expected, is_ignored) = self.expected_after(since)?;
        let arrival = Fact::Arrival(Arrival {
            id: self.stay_id()?,
            since,
            named: None,
            expected,
        });
        Ok((vec![(room, Said::Fact(arrival))], is_ignored))
    }

    fn checkout(&self) -> Result<Said, Refusal> {
        let names = self.names;
        let until = self.needed_past(&names.actual_checkout_time)?;
        let checkin = self.time(&names.actual_checkin_time)?;
        not_before(
            (&names.actual_checkout_time, until),
            (&names.actual_checkin_time, checkin),
            0,
        )?;
        Ok(Said::Fact(Fact::Departure(Departure {
            id: self.stay_id()?,
            checkin,
            until,
        })))
    }

    fn moved(&self, to: RoomKey) -> Result<Taken, Refusal> {
        let names = self.names;
        let field = &names.old_hotel_id;
        let hotel = self.fields.text_or_integer(field)?;
        let hotel = hotel.filter(|hotel| !trim_key_part(hotel).is_empty());
        let hotel =
            hotel.map(|hotel| key_part(field, &hotel, HotelId::MAX_CHARS).map(HotelId::new));
        let from = RoomKey {
            hotel_id: hotel.transpose()?.unwrap_or_else(|| to.hotel_id.clone()),
            room_number: self.room_number(&names.old_room_number)?,
        };
        if from == to {
            return Err(Refusal::SameRoom {
                old: names.old_room_number.clone(),
                new: names.room_number.clone(),
            });
        }
        let at = self.needed_past(&names.move_time)?;
        let named = self.time(&names.check_in_time)?;
        not_before((&names.move_time, at), (&names.check_in_time, named), 0)?;
        let (expected, is_ignored) = self.expected_after(at)?;
        let event = Event::of_move(Move {
            id: self.stay_id()?,
            from,
            to,
            at,
            named,
            expected,
        });
        Ok((event.rooms, is_ignored))
    }

    fn extension(&self) -> Result<Said, Refusal> {
        let names = self.names;
        let expected = self.needed_time(&names.expected_checkout_time)?;
        let since = self.past(&names.check_in_time)?;
        if since.is_some_and(|since| expected <= since) {
            return Err(Refusal::NotAfter {
                time: names.expected_checkout_time.clone(),
                than: names.check_in_time.clone(),
            });
        }
        Ok(Said::Fact(Fact::Expectation(Expectation {
            id: self.stay_id()?,
            since,
            expected,
        })))
    }

    fn cancelled_checkin(&self) -> Result<Said, Refusal> {
        let names = self.names;
        let until = self.needed_past(&names.cancel_time)?;
        let checkin = self.time(&names.check_in_time)?;
        // A stay that begins later than that is not undone by it.
        not_before(
            (&names.cancel_time, until),
            (&names.check_in_time, checkin),
            self.format.match_seconds,
        )?;
        Ok(Said::Fact(Fact::Departure(Departure {
            id: self.stay_id()?,
            checkin,
            until,
        })))
    }

    fn cancelled_checkout(&self) -> Result<Said, Refusal> {
        let names = self.names;
        let at = self.needed_past(&names.cancel_time)?;
        let named = self.time(&names.check_in_time)?;
        not_before((&names.cancel_time, at), (&names.check_in_time, named), 0)?;
        Ok(Said::Back {
            id: self.stay_id()?,
            at,
            named,
        })
    }

    /// `None` for a status to ignore.
    fn status(&self) -> Result<Option<StatusChange>, Refusal> {
        let names = self.names;
        let code = self.fields.text_or_integer(&names.status)?;
        let code = code.ok_or_else(|| missing(&names.status))?;
        let status = self.format.statuses.meaning(&names.status, code.trim())?;
        let Some(status) = status else {
            return Ok(None);
        };
        let at = self.needed_past(&names.status_time)?;
        let status = match status {
            RoomStatus::OutOfOrder { .. } => {
                let until = self.time(&names.until)?;
                if until.is_some_and(|until| until <= at) {
                    return Err(Refusal::NotAfter {
                        time: names.until.clone(),
                        than: names.status_time.clone(),
                    });
                }
                RoomStatus::OutOfOrder { until }
            }
            other => other,
        };
        Ok(Some(StatusChange { status, at }))
    }

    fn room_number(&self, field: &str) -> Result<RoomNumber, Refusal> {
        let number = key(&self.fields, field, RoomNumber::MAX_CHARS)?;
        Ok(RoomNumber::new(&number))
    }

    /// Blanks alone are what some systems write where there is no id.
    fn stay_id(&self) -> Result<Option<StayId>, Refusal> {
        let field = &self.names.stay_id;
        let Some(id) = self.fields.text_or_integer(field)? else {
            return Ok(None);
        };
        if trim_key_part(&id).is_empty() {
            return Ok(None);
        }
        key_part(field, &id, StayId::MAX_CHARS).map(|id| Some(StayId::new(id)))
    }

    /// The expected check-out, where it is after the time from which the guest is in; and whether
    /// it is not.
    fn expected_after(&self, since: LocalTime) -> Result<(Option<LocalTime>, bool), Refusal> {
        let written = self.time(&self.names.expected_checkout_time)?;
        let expected = written.filter(|&expected| expected > since);
        Ok((expected, expected != written))
    }

    /// A time that may lie a little ahead of now, but not further.
    fn past(&self, field: &str) -> Result<Option<LocalTime>, Refusal> {
        let time = self.time(field)?;
        let ahead_seconds = self.format.max_ahead_seconds;
        if let (Some(time), Some(now)) = (time, self.now)
            && time.since(now) > ahead_seconds
        {
            return Err(Refusal::Ahead {
                field: field.to_owned(),
                time,
                now,
                ahead_seconds,
            });
        }
        Ok(time)
    }

    fn needed_past(&self, field: &str) -> Result<LocalTime, Refusal> {
        self.past(field)?.ok_or_else(|| missing(field))
    }

    fn needed_time(&self, field: &str) -> Result<LocalTime, Refusal> {
        self.time(field)?.ok_or_else(|| missing(field))
    }

    fn time(&self, field: &str) -> Result<Option<LocalTime>, Refusal> {
        let value = self.fields.value(field)?;
        value
            .map(|value| time(self.format.zone, field, value.written()))
            .transpose()
    }
}

/// Refuses a message whose time lies before the check-in that it names, by more than so many
/// seconds.
fn not_before(
    (field, time): (&str, LocalTime),
    (checkin_field, checkin): (&str, Option<LocalTime>),
    seconds: i64,
) -> Result<(), Refusal> {
    if checkin.is_some_and(|checkin| checkin.since(time) > seconds) {
        return Err(Refusal::BeforeCheckin {
            time: field.to_owned(),
            checkin: checkin_field.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
