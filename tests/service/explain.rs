//! A room is explained from where its stay began, whatever span is asked about.

use crate::backtest::{Happening, files};
use crate::review::{SMART_METER, store};
use crate::support::Rig;
use crate::{check_out, finished, minutes_ago};

#[test]
fn explain_begins_where_the_stay_began() {
    // Half an hour more, so that what is two days old lies between readings.
    let begin = minutes_ago(4 * 24 * 60 + 30);
    let mut happenings = vec![Happening::Message {
        room: 101,
        time: begin,
        body: check_out("H001", "101", begin),
    }];
    // A heater that nobody turns off, in an hour's rhythm.
    for hour in 0..4 * 24 {
        happenings.push(Happening::Reading {
            room: 101,
            time: begin.plus(hour * 3_600),
            register: 100_000 + 4_000 * hour,
        });
    }
    let mut rig = Rig::new("explained");
    store(&rig, &happenings, SMART_METER);
    let (messages, readings) = files(&rig, &happenings);
    let mut explain = |arguments: &[&str]| {
        let english = ["explain", "--language", "en"];
        let (code, text, errors) = finished(&rig.roomwatt(&[&english, arguments].concat()));
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        text
    };
    let of_files = ["--messages", &messages, "--readings", &readings];
    let whole = explain(&[&["H001", "101", "--all"][..], &of_files].concat());
    // The room, its stay, the rule, and the names of the columns stand above.
    assert_eq!(whole.lines().count(), 4 + 4 * 24, "{whole}");
    assert!(
        whole.contains("abnormal 4       ALERT: more than 1.5 kWh; 1 h counts as 2 intervals"),
        "{whole}"
    );
    let since = ["H001", "101", "--from", "2001-01-01", "--all"];
    assert_eq!(explain(&since), whole);
    // As messages and meters may have it, too.
    let padded = [" H001\u{3000}", "101 ", "--from", "2001-01-01", "--all"];
    assert_eq!(explain(&padded), whole);
    // Runs are as long as they truly are, also where their beginning is not shown.
    let recent = explain(&["H001", "101", "--all"]);
    let count = recent.lines().count();
    assert_eq!(count, 4 + 47, "{recent}");
    for line in recent.lines() {
        assert!(whole.contains(line), "{line}");
    }
    assert!(recent.contains("abnormal 128     REMINDER"), "{recent}");
    let folded = explain(&["H001", "101"]);
    assert!(
        folded.contains("intervals abnormal, 2.00 kWh each"),
        "{folded}"
    );
    let from = minutes_ago(24 * 60).to_string();
    let span = ["H001", "101", "--from", &from];
    assert_eq!(explain(&[&span[..], &of_files].concat()), explain(&span));
    let json = explain(&["H001", "101", "--json"]);
    assert_eq!(json.lines().count(), count - 4);
    // The staff's language is the default one.
    let (_, chinese, _) = finished(&rig.roomwatt(&["explain", "H001", "101"]));
    assert!(chinese.contains("【提醒】超过 1.5 kWh"), "{chinese}");
    for (room, part) in [
        ("0101", "is \"H001/101\" meant?"),
        ("a1", "rooms of that hotel are \"H001/101\""),
    ] {
        let (code, text, errors) = finished(&rig.roomwatt(&["explain", "H001", room]));
        assert_eq!((code, text.as_str()), (Some(64), ""));
        assert!(errors.contains(part), "{errors}");
    }
    // The original program has kept keys as messages had them.
    rig.execute("UPDATE electricity_monitoring SET hotel_id = 'H001 ', room_number = ' 101'");
    let blanks = [&["explain", "--language", "en"], &padded[..]].concat();
    let (code, text, errors) = finished(&rig.roomwatt(&blanks));
    assert_eq!((code, errors.as_str(), text), (Some(0), "", whole));
    let early = begin.plus(-1).to_string();
    for (arguments, part) in [
        (
            &["H001", "101", "--to", &early][..],
            "its first message is later",
        ),
        (&["H002", "101"], "nor of any room of hotel \"H002\""),
    ] {
        let (code, _, errors) = finished(&rig.roomwatt(&[&["explain"], arguments].concat()));
        assert_eq!(code, Some(64));
        assert!(errors.contains(part), "{errors}");
    }
    rig.finish();
}
