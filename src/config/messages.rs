//! The format of messages: the codes of their types, and the names of their fields.

use std::collections::HashMap;
use std::fmt;

use crate::engine::{Codes, FieldNames, MessageKind, RoomStatus, StatusCodes, TypeCodes};

use super::problems::Problems;
use super::raw;

/// Checks the values of the type field: each may have one meaning only.
pub(super) fn type_codes(raw: raw::MessageTypes, problems: &mut Problems) -> TypeCodes {
    let keys = [
        (MessageKind::Checkin, raw.checkin),
        (MessageKind::Checkout, raw.checkout),
        (MessageKind::Move, raw.moved),
        (MessageKind::Extend, raw.extend),
        (MessageKind::CancelCheckin, raw.cancel_checkin),
        (MessageKind::CancelCheckout, raw.cancel_checkout),
        (MessageKind::RoomStatus, raw.room_status),
    ];
    let keys = keys.map(|(kind, codes)| (kind, kind.key(), codes));
    let codes = codes("message_types", keys, raw.ignore, problems);
    // Every hotel has these two.
    for kind in [MessageKind::Checkin, MessageKind::Checkout] {
        let key = format!("message_types.{}", kind.key());
        let has_one = codes.of(kind).next().is_some() || problems.is_wrong(&key);
        problems.unless(has_one, &key, "is empty");
    }
    codes
}

/// Checks the values of the status field, likewise.
pub(super) fn status_codes(raw: raw::RoomStatus, problems: &mut Problems) -> StatusCodes {
    let [out_of_order, in_order, dirty, clean] = RoomStatus::ALL;
    let keys = [
        (out_of_order, raw.out_of_order),
        (in_order, raw.in_order),
        (dirty, raw.dirty),
        (clean, raw.clean),
    ];
    let keys = keys.map(|(status, codes)| (status, status.key(), codes));
    codes("room_status", keys, raw.ignore, problems)
}

/// The codes of a section, each of which has one meaning. A key that is not set has those that it
/// has by default.
fn codes<M: Copy + PartialEq + fmt::Display>(
    section: &str,
    keys: impl IntoIterator<Item = (M, &'static str, Option<raw::Codes>)>,
    ignore: Option<raw::Codes>,
    problems: &mut Problems,
) -> Codes<M>
where
    Codes<M>: Default,
{
    let default = Codes::<M>::default();
    let mut codes = Codes {
        known: Vec::new(),
        ignore: Vec::new(),
    };
    // The key that has a code.
    let mut key_of: HashMap<String, String> = HashMap::new();
    let mut checked = |key: &str, written: Vec<String>, problems: &mut Problems| {
        let key = format!("{section}.{key}");
        // Those of messages are trimmed, too.
        let written = written.into_iter().map(|code| code.trim().to_owned());
        let written: Vec<String> = written.collect();
        for code in &written {
            if code.is_empty() {
                problems.add(&key, "is empty");
            }
            let other = key_of.entry(code.clone()).or_insert_with(|| key.clone());
            let is_here = *other == key;
            problems.unless(
                is_here,
                &key,
                format_args!("has {code:?}, which is {other}"),
            );
        }
        written
    };
    for (meaning, key, written) in keys {
        let written = match written {
            Some(raw::Codes(written)) => written,
            None => default.of(meaning).map(str::to_owned).collect(),
        };
        let written = checked(key, written, problems);
        codes
            .known
            .extend(written.into_iter().map(|code| (code, meaning)));
    }
    let raw::Codes(written) = ignore.unwrap_or_default();
    codes.ignore = checked("ignore", written, problems);
    codes
}

/// Checks the names of the fields. Within a message they must differ; messages of different kinds
/// may use the same names.
pub(super) fn field_names(
    raw: raw::MessageFields,
    types: &TypeCodes,
    problems: &mut Problems,
) -> FieldNames {
    let known = FieldNames::default();
    let names = FieldNames {
        hotel_id: raw.hotel_id.unwrap_or(known.hotel_id),
        room_number: raw.room_number.unwrap_or(known.room_number),
        msg_type: raw.msg_type.unwrap_or(known.msg_type),
        stay_id: raw.stay_id.unwrap_or(known.stay_id),
        check_in_time: raw.check_in_time.unwrap_or(known.check_in_time),
        expected_checkout_time: raw
            .expected_checkout_time
            .unwrap_or(known.expected_checkout_time),
        actual_checkin_time: raw.actual_checkin_time.unwrap_or(known.actual_checkin_time),
        actual_checkout_time: raw
            .actual_checkout_time
            .unwrap_or(known.actual_checkout_time),
        old_hotel_id: raw.old_hotel_id.unwrap_or(known.old_hotel_id),
        old_room_number: raw.old_room_number.unwrap_or(known.old_room_number),
        move_time: raw.move_time.unwrap_or(known.move_time),
        cancel_time: raw.cancel_time.unwrap_or(known.cancel_time),
        status: raw.status.unwrap_or(known.status),
        status_time: raw.status_time.unwrap_or(known.status_time),
        until: raw.until.unwrap_or(known.until),
    };
    for (key, name) in names.by_key() {
        let key = format!("message_fields.{key}");
        problems.unless(!name.is_empty(), &key, "is empty");
    }
    // Names of a kind that this hotel's system does not send may be anything.
    for kind in MessageKind::ALL {
        if types.of(kind).next().is_some() {
            different(&names, of_kind(kind), problems);
        }
    }
    names
}

/// The keys of the fields that a message of this kind may have.
fn of_kind(kind: MessageKind) -> &'static [&'static str] {
    match kind {
        MessageKind::Checkin | MessageKind::Extend => {
            &["stay_id", "check_in_time", "expected_checkout_time"]
        }
        MessageKind::Checkout => &["stay_id", "actual_checkin_time", "actual_checkout_time"],
        MessageKind::Move => &[
            "stay_id",
            "check_in_time",
            "expected_checkout_time",
            "old_hotel_id",
            "old_room_number",
            "move_time",
        ],
        MessageKind::CancelCheckin | MessageKind::CancelCheckout => {
            &["stay_id", "check_in_time", "cancel_time"]
        }
        MessageKind::RoomStatus => &["status", "status_time", "until"],
    }
}

/// Checks that no name is used twice in messages of a kind.
fn different(names: &FieldNames, of_kind: &[&str], problems: &mut Problems) {
    let mut others: HashMap<&str, &str> = HashMap::new();
    for (key, name) in names.by_key() {
        let is_of_all = ["hotel_id", "room_number", "msgType"].contains(&key);
        if !is_of_all && !of_kind.contains(&key) {
            continue;
        }
        let path = format!("message_fields.{key}");
        if let Some(other) = others.insert(name, key)
            && !problems.is_wrong(&path)
        {
            let says = format_args!("is the same as message_fields.{other}");
            problems.add(&path, says);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::loaded;
    use crate::engine::{MessageKind, RoomStatus};

    #[test]
    fn each_type_code_and_field_name_has_one_meaning() {
        for (text, wrong) in [
            (
                "[message_types]\ncheckin = ''\n",
                "2: message_types.checkin is empty",
            ),
            (
                "[message_types]\ncheckout = '5710005'\n",
                "2: message_types.checkout has \"5710005\", which is message_types.checkin",
            ),
            (
                "[message_types]\nignore = ['1', '5710013']\n",
                "2: message_types.ignore has \"5710013\", which is message_types.checkout",
            ),
            (
                "[message_types]\ncheckin = []\n",
                "2: message_types.checkin is empty",
            ),
            (
                "[message_types]\nextend = ['1', '2']\nmove = ['3', ' 2 ']\n",
                "2: message_types.extend has \"2\", which is message_types.move",
            ),
            (
                "[message_types]\nmove = 5710020\n",
                "2: message_types.move is integer `5710020`, expected is a text in quotes, or a \
                 list of such in [ ]",
            ),
            (
                "[message_types]\nmove = ['1', 2]\n",
                "2: message_types.move is integer `2`, expected is a text in quotes",
            ),
            (
                "[room_status]\nclean = ['VC', 'dirty']\n",
                "2: room_status.clean has \"dirty\", which is room_status.dirty",
            ),
            (
                "[room_status]\nignore = 'in_order'\n",
                "2: room_status.ignore has \"in_order\", which is room_status.in_order",
            ),
            (
                "[message_types]\nmove = '7'\n[message_fields]\nmove_time = 'check_in_time'\n",
                "4: message_fields.move_time is the same as message_fields.check_in_time",
            ),
            (
                "[message_fields]\nuntil = ''\n",
                "2: message_fields.until is empty",
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
        // Names of message kinds that are never sent do no harm.
        let unused = "[message_fields]\ncheck_in_time = 'status'\nmsgType = 'move_time'\n";
        loaded(unused, &[], &[]).expect("all right");
    }

    #[test]
    fn a_key_takes_one_code_or_a_list() {
        let text = "[message_types]\ncheckin = ['1', ' 2 ']\nmove = '3'\n\
             ignore = '4'\n[room_status]\nclean = ['VC', 'OC']\nignore = ['X']\n";
        let list = [("ROOMWATT_MESSAGE_TYPES__EXTEND", "['5', '6']")];
        let messages = loaded(text, &list, &[]).expect("all right").messages;
        let codes = |kind| messages.types.of(kind).collect::<Vec<_>>();
        assert_eq!(codes(MessageKind::Checkin), ["1", "2"]);
        assert_eq!(codes(MessageKind::Checkout), ["5710013"]);
        assert_eq!(codes(MessageKind::Move), ["3"]);
        assert_eq!(codes(MessageKind::Extend), ["5", "6"]);
        assert_eq!(codes(MessageKind::RoomStatus), [""; 0]);
        assert_eq!(messages.types.ignore, ["4"]);
        let statuses = messages.statuses;
        let codes = |status| statuses.of(status).collect::<Vec<_>>();
        let [out_of_order, _, _, clean] = RoomStatus::ALL;
        assert_eq!(codes(out_of_order), ["out_of_order"]);
        assert_eq!(codes(clean), ["VC", "OC"]);
        assert_eq!(statuses.ignore, ["X"]);
        // A variable may also be one code.
        let one = [("ROOMWATT_MESSAGE_TYPES__CHECKIN", "5710005")];
        loaded("", &one, &[]).expect("all right");
    }
}
