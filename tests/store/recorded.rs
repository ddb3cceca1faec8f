//! What was recorded of a room when it happened.

use roomwatt::engine::NoticeKind;
use roomwatt::store::{Recorded, Settled, Settlement, Span};
use roomwatt::types::RoomKey;

use crate::subject::{Subject, commit};
use crate::{at, notice, on_each_store};

/// What was recorded of a room up to six hours after noon: minutes, kind, and what became of it.
fn recorded(subject: &Subject, room: &RoomKey) -> Vec<(i64, &'static str, &'static str)> {
    let span = Span {
        after: at(0),
        to: at(360),
    };
    let mut archive = subject.database.archive();
    let found = archive.recorded(room, span).expect("read").into_iter();
    let word = |it: Recorded| match it {
        Recorded::Notice(notice, state) => {
            assert_eq!((&notice.room, notice.energy.0), (room, 9_600));
            (notice.kind.as_str(), state.as_str())
        }
        Recorded::Alert(row) => {
            assert_eq!((row.energy.0, row.periods), (9_600, 4));
            (
                "row",
                if row.is_notified {
                    "notified"
                } else {
                    "not notified"
                },
            )
        }
    };
    found
        .map(|it| {
            let minutes = it.at().since(at(0)) / 60;
            let (kind, state) = word(it);
            (minutes, kind, state)
        })
        .collect()
}

fn what_was_recorded_of_a_room_is_read(subject: &Subject) {
    let mut store = subject.owner();
    let (room, other) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    commit(&mut store, |plan| {
        plan.notices = vec![
            notice(NoticeKind::Recovered, &room, 300),
            notice(NoticeKind::Alert, &room, 120),
            notice(NoticeKind::Alert, &other, 120),
            notice(NoticeKind::Alert, &room, 0),
            notice(NoticeKind::Alert, &room, 361),
            // Of one reading there may be an alert of each rule.
            notice(NoticeKind::Alert, &room, 120),
            notice(NoticeKind::Reminder, &room, 240),
        ];
    });
    let how = Settlement::Sent(notice(NoticeKind::Alert, &room, 120));
    commit(&mut store, |plan| {
        plan.settled = vec![Settled { id: 2, how }]
    });
    assert_eq!(
        recorded(subject, &room),
        [
            (120, "alert", "sent"),
            (120, "alert", "pending"),
            (240, "reminder", "pending"),
            (300, "recovered", "pending"),
        ]
    );
    assert_eq!(recorded(subject, &other), [(120, "alert", "pending")]);
    // What is deleted after some days, and what is kept for ever.
    subject.execute("DELETE FROM notification");
    let rows = [(120, "row", "notified"), (120, "row", "not notified")];
    assert_eq!(recorded(subject, &room), rows);
    let gone = RoomKey::new("H2", "A1");
    assert_eq!(recorded(subject, &gone), []);
}

fn it_is_read_by_key_among_many(subject: &Subject) {
    let mut store = subject.owner();
    let room = |number: usize| RoomKey::new("H1", &format!("{number:05}"));
    commit(&mut store, |plan| {
        let alert = |number| notice(NoticeKind::Alert, &room(number), 120);
        plan.notices = (0..3_000).map(alert).collect();
    });
    let rows = subject.rows_read(|| {
        assert_eq!(recorded(subject, &room(77)), [(120, "alert", "pending")]);
    });
    assert!(
        rows.is_none_or(|rows| (1..20).contains(&rows)),
        "{rows:?} rows were read"
    );
}

on_each_store!(
    what_was_recorded_of_a_room_is_read,
    it_is_read_by_key_among_many,
);
