use crate::engine::{Codes, FieldNames, MessageKind, StatusCodes, Stay};
use crate::types::Zone;

use super::*;

#[test]
fn no_message_that_names_a_future_time_is_left_out() {
    let known = [
        ("in", MessageKind::Checkin),
        ("longer", MessageKind::Extend),
    ];
    let format = MessageFormat {
        types: Codes {
            known: known.map(|(code, kind)| (code.to_owned(), kind)).to_vec(),
            ignore: Vec::new(),
        },
        statuses: StatusCodes::default(),
        fields: FieldNames::default(),
        zone: Zone::named("Asia/Shanghai").expect("a zone"),
        max_ahead_seconds: 7_200,
        match_seconds: 600,
    };
    let line = |room: &str, fields: &str| {
        format!("{{\"hotel_id\":\"H1\",\"room_number\":\"{room}\",{fields}}}\n")
    };
    let arrival = |day: u32| format!(r#""msgType":"in","check_in_time":"2023-04-{day} 14:00:00""#);
    let expected = r#""expected_checkout_time":"2023-04-20 12:00:00""#;
    let extension = format!(r#""msgType":"longer",{expected}"#);
    let of_later_guest = r#""check_in_time":"2023-04-15 14:00:00""#;
    let messages = [
        line("101", &arrival(10)),
        line("101", &extension),
        line("102", &arrival(10)),
        line("102", &arrival(15)),
        line("102", &format!("{extension},{of_later_guest}")),
    ];
    let time = |text: &str| LocalTime::parse(text).expect("a time");
    let span = (time("2023-04-10 00:00:00"), time("2023-04-12 00:00:00"));
    let messages = messages.concat();
    let messages = NamedReader {
        name: "messages".to_owned(),
        from: messages.as_bytes(),
    };
    let header = "hotel_id,room_number,reading_value,script_time\n";
    let readings = NamedReader {
        name: "readings".to_owned(),
        from: header.as_bytes(),
    };
    let read = read_files(messages, readings, span, &format, 600, &mut Vec::new());
    let (past, counts) = read.expect("a past");
    assert_eq!((counts.events, counts.refused), (5, 0));
    let stays: Vec<(&str, &[Stay])> = { past.rooms().iter() }
        .map(|room| (room.key.room_number.as_str(), &room.stays[..]))
        .collect();
    let stay = |expected_checkout| Stay::Occupied {
        check_in: time("2023-04-10 14:00:00"),
        expected_checkout,
    };
    let extended = stay(Some(time("2023-04-20 12:00:00")));
    assert_eq!(
        stays,
        [("101", &[extended][..]), ("102", &[stay(None)][..])]
    );
}
