//! The outbox: what is still to be told, and all of it as an operator sees it.

use std::time::Duration;

use roomwatt::engine::NoticeKind;
use roomwatt::store::{NoticeState, OutboxRow, Settled, Settlement, Share, Store};
use roomwatt::types::{HotelId, RoomKey};

use crate::subject::{Subject, commit};
use crate::{notice, on_each_store};

/// Notices 1 to 6, of three hotels in turn; the first one is 100 seconds old.
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

fn what_is_to_be_told_is_read_by_share(subject: &Subject) {
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

fn an_operator_sees_all_and_has_some_told_again(subject: &Subject) {
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
    assert_eq!((row.kind.as_str(), row.detected), ("alert", crate::at(3)));
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
    // It is as old as if it had come about now.
    let ago = subject.ago(5_000);
    subject.execute(&format!("UPDATE notification SET created_at = {ago}"));
    let reader = subject.database.reader();
    let pending = reader.pending_notices(&Share::AllBut(Vec::new()), 3, 1);
    let age = pending.expect("a notice")[0].age;
    assert!(age < Duration::from_secs(60), "{age:?}");
}

fn notices_still_to_be_told_are_never_forgotten(subject: &Subject) {
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
    assert_eq!(store.forget(30).expect("deleted"), 3);
    let left = subject.rows("SELECT concat(id, state) FROM notification ORDER BY id");
    assert_eq!(left, ["2logged", "5pending", "6pending"]);
}

on_each_store!(
    what_is_to_be_told_is_read_by_share,
    an_operator_sees_all_and_has_some_told_again,
    notices_still_to_be_told_are_never_forgotten,
);
