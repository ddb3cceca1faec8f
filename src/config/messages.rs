//! The format of messages: the codes of their types, and the names of their fields.

use std::collections::HashMap;

use crate::engine::{FieldNames, TypeCodes};

use super::problems::Problems;
use super::raw;

/// Checks the values of the type field: each may have one meaning only.
pub(super) fn type_codes(raw: raw::MessageTypes, problems: &mut Problems) -> TypeCodes {
    let known = TypeCodes::default();
    let codes = TypeCodes {
        checkin: raw.checkin.unwrap_or(known.checkin),
        checkout: raw.checkout.unwrap_or(known.checkout),
        ignore: raw.ignore,
    };
    for (key, code) in [("checkin", &codes.checkin), ("checkout", &codes.checkout)] {
        let key = format!("message_types.{key}");
        problems.unless(!code.trim().is_empty(), &key, "is empty");
        problems.unless(
            !codes.ignore.contains(code),
            "message_types.ignore",
            format_args!("has {code:?}, which is {key}"),
        );
    }
    problems.unless(
        codes.checkin != codes.checkout,
        "message_types.checkout",
        "is the same as message_types.checkin",
    );
    codes
}

/// Checks the names of the fields. Within a message they must differ; a check-in and a check-out
/// may use the same name for their times.
pub(super) fn field_names(raw: raw::MessageFields, problems: &mut Problems) -> FieldNames {
    let known = FieldNames::default();
    let names = FieldNames {
        hotel_id: raw.hotel_id.unwrap_or(known.hotel_id),
        room_number: raw.room_number.unwrap_or(known.room_number),
        msg_type: raw.msg_type.unwrap_or(known.msg_type),
        check_in_time: raw.check_in_time.unwrap_or(known.check_in_time),
        expected_checkout_time: raw
            .expected_checkout_time
            .unwrap_or(known.expected_checkout_time),
        actual_checkin_time: raw.actual_checkin_time.unwrap_or(known.actual_checkin_time),
        actual_checkout_time: raw
            .actual_checkout_time
            .unwrap_or(known.actual_checkout_time),
    };
    let room = [
        ("hotel_id", &names.hotel_id),
        ("room_number", &names.room_number),
        ("msgType", &names.msg_type),
    ];
    let checkin = [
        ("check_in_time", &names.check_in_time),
        ("expected_checkout_time", &names.expected_checkout_time),
    ];
    let checkout = [
        ("actual_checkin_time", &names.actual_checkin_time),
        ("actual_checkout_time", &names.actual_checkout_time),
    ];
    let mut of_room = HashMap::new();
    different(room, &mut of_room, problems);
    different(checkin, &mut of_room.clone(), problems);
    different(checkout, &mut of_room, problems);
    names
}

/// Checks that names are given, and that none is used twice.
fn different<'a>(
    names: impl IntoIterator<Item = (&'static str, &'a String)>,
    others: &mut HashMap<&'a str, &'static str>,
    problems: &mut Problems,
) {
    for (key, name) in names {
        let path = format!("message_fields.{key}");
        if name.is_empty() {
            problems.add(&path, "is empty");
        } else if let Some(other) = others.insert(name, key) {
            let says = format_args!("is the same as message_fields.{other}");
            problems.add(&path, says);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded;

    #[test]
    fn each_type_code_and_field_name_has_one_meaning() {
        for (text, wrong) in [
            (
                "[message_types]\ncheckin = ''\n",
                "2: message_types.checkin is empty",
            ),
            (
                "[message_types]\ncheckout = '5710005'\n",
                "2: message_types.checkout is the same as message_types.checkin",
            ),
            (
                "[message_types]\nignore = ['1', '5710013']\n",
                "2: message_types.ignore has \"5710013\", which is message_types.checkout",
            ),
            (
                "[message_fields]\nmsgType = ''\n",
                "2: message_fields.msgType is empty",
            ),
            (
                "[message_fields]\nroom_number = 'hotel_id'\n",
                "2: message_fields.room_number is the same as message_fields.hotel_id",
            ),
            (
                "[message_fields]\nactual_checkin_time = 'msgType'\n",
                "2: message_fields.actual_checkin_time is the same as message_fields.msgType",
            ),
            (
                "[message_fields]\nexpected_checkout_time = 'check_in_time'\n",
                "2: message_fields.expected_checkout_time is the same as \
                 message_fields.check_in_time",
            ),
        ] {
            let error = loaded(text, &[], &[]).expect_err(wrong);
            assert_eq!(error, format!("roomwatt.toml:{wrong}"), "{text}");
        }
        // A check-in and a check-out are two messages.
        let alike = "[message_fields]\ncheck_in_time = 'arrival'\nactual_checkin_time = 'arrival'\n\
         expected_checkout_time = 'departure'\nactual_checkout_time = 'departure'\n";
        loaded(alike, &[], &[]).expect("all right");
    }
}
