//! The outbox: pending notices for notifiers, and all notices for an operator.

use std::time::Duration;

use roomwatt::engine::{
    Closing, HotelNotice, HotelNoticeKind, Interval, MeterNotice, MeterNoticeKind, Notice,
    NoticeKind, RoomNotice,
};
use roomwatt::store::{NoticeState, OutboxRow, Settled, Settlement, Share, Store};
use roomwatt::types::{HotelId, Kind, RoomKey, RoomNumber, WattHours};

use crate::subject::{Subject, commit};
use crate::{at, notice, on_each_store};

/// A store with the pending notices 1 to 6, of three hotels in turn. Notice 1 is 100 seconds old.
fn filled(subject: &Subject) -> Box<dyn roomwatt::store::StateStore> {
    let mut store = subject.owner();
    commit(&mut store, |plan| {
        let hotels = ["H1", "H2", "h1"];
        plan.notices = (0..6)
            .map(|n| {
                notice(
                    NoticeKind::Alert,
                    &RoomKey::new(hotels[n % 3], "101"),
                    n as i64,
                )
            })
            .collect();
    });
    let ago = subject.ago(100);
    subject.execute(&format!(
        "UPDATE notification SET created_at = {ago} WHERE id = 1"
    ));
    store
}

fn pending_notices_are_read_by_share(subject: &Subject) {
    let mut store = filled(subject);
    let reader = subject.database.reader();
    let ids = |share: &Share, after, limit| -> Vec<u64> {
        let pending = reader
            .pending_notices(share, after, limit)
            .expect("notices");
        pending.iter().map(|pending| pending.id).collect()
    };
    let hotels = |hotels: &[&str]| hotels.iter().map(|hotel| HotelId::new(hotel)).collect();
    let all = Share::AllBut(Vec::new());
    assert_eq!(ids(&all, 0, 10), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ids(&all, 2, 3), [3, 4, 5]);
    assert_eq!(ids(&Share::Of(hotels(&["H1"])), 0, 10), [1, 4]);
    assert_eq!(ids(&Share::Of(hotels(&["H1", "h1"])), 1, 10), [3, 4, 6]);
    assert_eq!(ids(&Share::AllBut(hotels(&["H1", "h1"])), 0, 10), [2, 5]);

    let first = reader.pending_notices(&all, 0, 2).expect("notices");
    let expected = notice(NoticeKind::Alert, &RoomKey::new("H1", "101"), 0);
    assert_eq!(first[0].notice.as_ref(), Ok(&expected));
    assert!(
        (100..160).contains(&first[0].age.as_secs()),
        "{:?}",
        first[0].age
    );
    assert!(first[1].age < Duration::from_secs(60));

    let settled = [1, 3].map(|id| Settled {
        id,
        how: Settlement::Logged,
    });
    commit(&mut store, |plan| plan.settled = settled.to_vec());
    subject.execute("UPDATE notification SET body = '{}' WHERE id = 2");
    let pending = reader.pending_notices(&all, 0, 10).expect("notices");
    assert_eq!(pending.len(), 4);
    let why = pending[0].notice.as_ref().expect_err("no notice");
    assert!(why.contains("can't be read"), "{why}");
}

/// Rows of version 0.1, later ones still without the tag `about`, and current ones.
fn rows_of_every_version_are_read(subject: &Subject) {
    const ROWS: [&str; 5] = [
        r#"{"kind":"recovered","room":{"hotel_id":"H1","room_number":"101"},
            "stay":{"kind":"checkout","actual_checkin":null,
                "actual_checkout":"2023-04-10 12:00:00"},
            "detected":"2023-04-10 14:30:00","since":"2023-04-10 12:00:00","periods":4,
            "energy":9600,"threshold":1500,"interval_seconds":1800,
            "history":[{"seconds":1800,"energy":40}]}"#,
        r#"{"kind":"silent","hotel_id":"H1","detected":"2023-04-10 14:30:00",
            "since":"2023-04-10 12:00:00","silent":5,"watched":8,"rooms":["101","102"]}"#,
        r#"{"kind":{"closed":{"new_stay":{"kind":"checkin","at":"2023-04-10 14:30:00"}}},
            "room":{"hotel_id":"H1","room_number":"101"},"watch":3,
            "stay":{"kind":"checkout","actual_checkin":null,
                "actual_checkout":"2023-04-10 12:00:00"},
            "detected":"2023-04-10 14:30:00","since":"2023-04-10 12:00:00",
            "until":"2023-04-10 14:00:00","periods":4,"energy":9600,"threshold":1500,
            "interval_seconds":1800,"before":[{"seconds":1800,"energy":300}],
            "history":[{"seconds":1800,"energy":40}]}"#,
        r#"{"kind":"frozen","hotel_id":"H1","detected":"2023-04-10 14:30:00",
            "since":"2023-04-10 12:00:00","silent":5,"watched":8,"rooms":["101","102"]}"#,
        r#"{"about":"meters","kind":"moving","hotel_id":"H1","detected":"2023-04-10 14:30:00",
            "since":"2023-04-10 12:00:00","silent":5,"watched":8,"rooms":["101","102"]}"#,
    ];
    let room = RoomKey::new("H1", "101");
    let interval = |wh| Interval::new(1_800, Some(WattHours(wh)));
    let of_room = |kind, watch, until, before| match notice(kind, &room, 150) {
        Notice::Room(notice) => Notice::Room(RoomNotice {
            watch,
            until,
            before,
            history: vec![interval(40)],
            ..notice
        }),
        other => panic!("{other:?}"),
    };
    let of_meters = |kind| {
        Notice::Meters(MeterNotice {
            kind,
            hotel_id: HotelId::new("H1"),
            detected: at(150),
            since: Some(at(0)),
            silent: 5,
            watched: 8,
            rooms: ["101", "102"].map(RoomNumber::new).to_vec(),
            handling: None,
        })
    };
    let of_hotel = Notice::Hotel(HotelNotice {
        kind: HotelNoticeKind::Level,
        hotel_id: HotelId::new("H1"),
        detected: at(150),
        since: at(120),
        rose: 0,
        vacant: 5,
        common: WattHours(250),
        tolerated: WattHours(375),
        high: 3,
        high_from: WattHours(200),
        total: WattHours(800),
        interval_seconds: 1_800,
    });
    let guest = Closing::NewStay {
        kind: Kind::Checkin,
        at: at(150),
    };
    let current = of_room(
        NoticeKind::Closed(guest),
        3,
        Some(at(120)),
        vec![interval(300)],
    );
    let expected = [
        of_room(NoticeKind::Recovered, 0, None, Vec::new()),
        of_meters(MeterNoticeKind::Silent),
        current.clone(),
        of_meters(MeterNoticeKind::Frozen),
        of_meters(MeterNoticeKind::Moving),
        // Written by the store under test.
        current.clone(),
        of_meters(MeterNoticeKind::Reporting),
        of_hotel.clone(),
    ];
    let mut store = filled(subject);
    for (id, body) in (1..).zip(ROWS) {
        subject.execute(&format!(
            "UPDATE notification SET body = '{body}' WHERE id = {id}"
        ));
    }
    subject.execute("DELETE FROM notification WHERE id = 6");
    commit(&mut store, |plan| {
        plan.notices = vec![current, of_meters(MeterNoticeKind::Reporting), of_hotel];
    });
    let reader = subject.database.reader();
    let pending = reader.pending_notices(&Share::AllBut(Vec::new()), 0, 10);
    let pending = pending.expect("notices").into_iter();
    let read: Vec<Notice> = pending
        .map(|pending| pending.notice.expect("it can be read"))
        .collect();
    assert_eq!(read, expected);
    let mut outbox = subject.database.outbox().expect("the outbox");
    for (id, notice) in [1, 2, 3, 4, 5, 7, 8, 9].into_iter().zip(&expected) {
        let row = outbox.get(id).expect("a row").expect("it is there");
        assert_eq!(row.notice.as_ref(), Ok(notice));
    }
    let bodies = subject.rows("SELECT body FROM notification WHERE id > 5 ORDER BY id");
    assert!(
        bodies[0].starts_with(r#"{"about":"room","kind":{"closed""#),
        "{bodies:?}"
    );
    assert!(
        // `heard` is the stored name of `MeterNoticeKind::Reporting`.
        bodies[1].starts_with(r#"{"about":"meters","kind":"heard""#),
        "{bodies:?}"
    );
    assert!(
        bodies[2].starts_with(r#"{"about":"hotel","kind":"level""#),
        "{bodies:?}"
    );
}

/// As after a downgrade from a later version to this one.
fn a_notice_of_a_later_version_fails_and_can_be_retried_by_that_version(subject: &Subject) {
    let mut store = filled(subject);
    let later = r#"{"about":"incident","room":"101"}"#;
    let before = subject.rows("SELECT body FROM notification WHERE id = 1");
    subject.execute(&format!(
        "UPDATE notification SET body = '{later}' WHERE id = 1"
    ));
    let reader = subject.database.reader();
    let read = || {
        reader
            .pending_notices(&Share::AllBut(Vec::new()), 0, 2)
            .expect("notices")
    };
    let pending = read();
    let reason = pending[0].notice.clone().expect_err("it can't be read");
    assert!(reason.contains("unknown variant `incident`"), "{reason}");
    assert!(pending[1].notice.is_ok(), "{pending:?}");
    let how = Settlement::Failed(reason.clone());
    commit(&mut store, |plan| {
        plan.settled = vec![Settled { id: 1, how }]
    });
    assert_eq!(read()[0].id, 2);

    let mut outbox = subject.database.outbox().expect("the outbox");
    assert_eq!(outbox.given_up().expect("ids"), [1]);
    let row = outbox.get(1).expect("a row").expect("it is there");
    assert_eq!((row.state, row.body.as_str()), (NoticeState::Failed, later));
    assert_eq!((row.error, row.notice), (Some(reason.clone()), Err(reason)));
    assert!(outbox.retry(1, NoticeState::Failed).expect("an answer"));
    // A body that this version can read.
    subject.execute(&format!(
        "UPDATE notification SET body = '{}' WHERE id = 1",
        before[0]
    ));
    assert!(read()[0].notice.is_ok(), "{:?}", read());
}

fn an_operator_sees_all_notices_and_can_retry_them(subject: &Subject) {
    let mut store = filled(subject);
    let failed = Settlement::Failed("it is too large".into());
    let settled = [
        (2, Settlement::Logged),
        (3, Settlement::Expired),
        (4, failed),
    ];
    let settled = settled.map(|(id, how)| Settled { id, how });
    commit(&mut store, |plan| plan.settled = settled.to_vec());

    let mut outbox = subject.database.outbox().expect("the outbox");
    let ids = |rows: Vec<OutboxRow>| -> Vec<u64> { rows.iter().map(|row| row.id).collect() };
    let mut newest = |states: &[NoticeState], before, limit| {
        ids(outbox.newest(states, before, limit).expect("rows"))
    };
    assert_eq!(newest(&NoticeState::ALL, None, 4), [6, 5, 4, 3]);
    assert_eq!(newest(&NoticeState::ALL, Some(3), 4), [2, 1]);
    let given_up = [NoticeState::Expired, NoticeState::Failed];
    assert_eq!(newest(&given_up, None, 10), [4, 3]);
    assert_eq!(newest(&[NoticeState::Pending], Some(6), 1), [5]);
    assert_eq!(newest(&[], None, 10), [0; 0]);
    assert_eq!(outbox.given_up().expect("ids"), [3, 4]);

    let row = outbox.get(4).expect("a row").expect("it is there");
    assert_eq!(
        (row.hotel_id.as_str(), row.room_number.as_str()),
        ("H1", "101")
    );
    assert_eq!((row.kind.as_str(), row.detected), ("alert", at(3)));
    assert_eq!(row.state, NoticeState::Failed);
    assert_eq!(row.error.as_deref(), Some("it is too large"));
    assert!(row.sent_at.is_none() && row.retried_at.is_none());
    assert_eq!(outbox.get(7).expect("an answer"), None);

    assert!(!outbox.retry(4, NoticeState::Expired).expect("an answer"));
    assert!(outbox.retry(4, NoticeState::Failed).expect("an answer"));
    assert!(!outbox.retry(4, NoticeState::Failed).expect("an answer"));
    let row = outbox.get(4).expect("a row").expect("it is there");
    assert_eq!((row.state, row.error), (NoticeState::Pending, None));
    let retried = row.retried_at.expect("a time").since(row.created_at);
    assert!((0..120).contains(&retried), "{retried} s");
    // The age of a retried notice counts from the retry.
    let ago = subject.ago(5_000);
    subject.execute(&format!("UPDATE notification SET created_at = {ago}"));
    let reader = subject.database.reader();
    let pending = reader.pending_notices(&Share::AllBut(Vec::new()), 3, 1);
    let age = pending.expect("a notice")[0].age;
    assert!(age < Duration::from_secs(60), "{age:?}");
}

fn pending_notices_are_never_deleted(subject: &Subject) {
    let mut store = filled(subject);
    let settled = [1, 2, 3, 4].map(|id| Settled {
        id,
        how: Settlement::Logged,
    });
    commit(&mut store, |plan| plan.settled = settled.to_vec());
    let ago = subject.ago(31 * 86_400);
    subject.execute(&format!(
        "UPDATE notification SET created_at = {ago} WHERE id IN (1, 3, 4, 5)"
    ));
    assert_eq!(store.delete_old(30).expect("deleted"), 3);
    let left = subject.rows("SELECT concat(id, state) FROM notification ORDER BY id");
    assert_eq!(left, ["2logged", "5pending", "6pending"]);
}

on_each_store!(
    pending_notices_are_read_by_share,
    rows_of_every_version_are_read,
    a_notice_of_a_later_version_fails_and_can_be_retried_by_that_version,
    an_operator_sees_all_notices_and_can_retry_them,
    pending_notices_are_never_deleted,
);
