//! Messages as the property management system would write them.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::types::{LocalTime, RoomKey};

use super::super::{Arrival, Departure, Expectation, Fact, RoomStatus, Said, StatusChange, StayId};
use super::{Event, MessageFormat, MessageKind, Move};

/// Why a message can't be written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unwritten {
    #[error(
        "{section}.{key} is not set: it needs the code that your property management system has"
    )]
    NoCode {
        section: &'static str,
        key: &'static str,
    },
    #[error("no {0} says this of a room")]
    NotOfItsKind(MessageKind),
}

/// A field's name, and its text where it is there.
type Field<'a> = (&'a String, Option<String>);

impl MessageFormat {
    /// The body of the message that says this: what [`MessageFormat::parse`] reads. Of several
    /// codes of its kind it has the first.
    ///
    /// # Errors
    /// [`Unwritten`].
    pub fn write(&self, event: &Event) -> Result<String, Unwritten> {
        let code = self.types.of(event.kind).next();
        let code = code.ok_or(Unwritten::NoCode {
            section: "message_types",
            key: event.kind.key(),
        })?;
        self.write_as(code, event)
    }

    /// The same with this code of its kind.
    ///
    /// # Errors
    /// [`Unwritten`].
    pub fn write_as(&self, code: &str, event: &Event) -> Result<String, Unwritten> {
        let (room, of_kind) = self.fields_of_kind(event)?;
        let names = &self.fields;
        let of_all = [
            (&names.hotel_id, Some(room.hotel_id.as_str().to_owned())),
            (
                &names.room_number,
                Some(room.room_number.as_str().to_owned()),
            ),
            (&names.msg_type, Some(code.to_owned())),
        ];
        let fields = of_all.into_iter().chain(of_kind);
        let present = fields.filter_map(|(name, text)| Some((name.clone(), Value::from(text?))));
        Ok(Value::Object(Map::from_iter(present)).to_string())
    }

    /// The room that its message is about, and the fields that not all kinds have.
    fn fields_of_kind<'a>(
        &'a self,
        event: &'a Event,
    ) -> Result<(&'a RoomKey, Vec<Field<'a>>), Unwritten> {
        let names = &self.fields;
        let time = |time: &Option<LocalTime>| time.map(|time| time.to_string());
        let word = |id: &Option<StayId>| id.as_ref().map(|id| id.as_str().to_owned());
        Ok(match (event.kind, &event.rooms[..]) {
            (
                MessageKind::Checkin,
                [
                    (
                        room,
                        Said::Fact(Fact::Arrival(Arrival {
                            id,
                            since,
                            named: None,
                            expected,
                        })),
                    ),
                ],
            ) => {
                let fields = vec![
                    (&names.stay_id, word(id)),
                    (&names.check_in_time, Some(since.to_string())),
                    (&names.expected_checkout_time, time(expected)),
                ];
                (room, fields)
            }
            (
                MessageKind::Checkout | MessageKind::CancelCheckin,
                [(room, Said::Fact(Fact::Departure(Departure { id, checkin, until })))],
            ) => {
                let (of_checkin, of_until) = match event.kind {
                    MessageKind::Checkout => {
                        (&names.actual_checkin_time, &names.actual_checkout_time)
                    }
                    _ => (&names.check_in_time, &names.cancel_time),
                };
                let fields = vec![
                    (&names.stay_id, word(id)),
                    (of_checkin, time(checkin)),
                    (of_until, Some(until.to_string())),
                ];
                (room, fields)
            }
            (
                MessageKind::Extend,
                [
                    (
                        room,
                        Said::Fact(Fact::Expectation(Expectation {
                            id,
                            since,
                            expected,
                        })),
                    ),
                ],
            ) => {
                let fields = vec![
                    (&names.stay_id, word(id)),
                    (&names.check_in_time, time(since)),
                    (&names.expected_checkout_time, Some(expected.to_string())),
                ];
                (room, fields)
            }
            (MessageKind::CancelCheckout, [(room, Said::Back { id, at, named })]) => {
                let fields = vec![
                    (&names.stay_id, word(id)),
                    (&names.check_in_time, time(named)),
                    (&names.cancel_time, Some(at.to_string())),
                ];
                (room, fields)
            }
            (MessageKind::RoomStatus, [(room, Said::Status(StatusChange { status, at }))]) => {
                let (until, plain) = match *status {
                    RoomStatus::OutOfOrder { until } => {
                        (until, RoomStatus::OutOfOrder { until: None })
                    }
                    other => (None, other),
                };
                let code = self.statuses.of(plain).next();
                let code = code.ok_or(Unwritten::NoCode {
                    section: "room_status",
                    key: plain.key(),
                })?;
                let fields = vec![
                    (&names.status, Some(code.to_owned())),
                    (&names.status_time, Some(at.to_string())),
                    (&names.until, time(&until)),
                ];
                (room, fields)
            }
            (MessageKind::Move, [_, (to, _)]) => {
                let Some(Move {
                    id,
                    from,
                    to: _,
                    at,
                    named,
                    expected,
                }) = event.as_move()
                else {
                    return Err(Unwritten::NotOfItsKind(event.kind));
                };
                let other_hotel = (from.hotel_id != to.hotel_id).then_some(from.hotel_id);
                let fields = vec![
                    (&names.stay_id, word(&id)),
                    (
                        &names.old_hotel_id,
                        other_hotel.map(|id| id.as_str().to_owned()),
                    ),
                    (
                        &names.old_room_number,
                        Some(from.room_number.as_str().to_owned()),
                    ),
                    (&names.move_time, Some(at.to_string())),
                    (&names.check_in_time, time(&named)),
                    (&names.expected_checkout_time, time(&expected)),
                ];
                (to, fields)
            }
            _ => return Err(Unwritten::NotOfItsKind(event.kind)),
        })
    }
}
