//! Refused messages: stored once, listed, marked as replayed, deleted.

use roomwatt::store::{MAX_DELETED, Rejected, Store};

use crate::on_each_store;
use crate::subject::{Subject, commit};

const WRITTEN: &str = "SELECT reason FROM rejected_message ORDER BY id";

fn refused(body: &str, redelivered: bool) -> Rejected {
    Rejected::new("test", body.into(), body.as_bytes(), redelivered)
}

fn a_redelivered_message_is_stored_once(subject: &Subject) {
    let mut store = subject.owner();
    let (first, again) = (|body| refused(body, false), |body| refused(body, true));
    let mut written = |rejected: &[Rejected]| {
        commit(&mut store, |plan| plan.rejected = rejected.to_vec());
        subject.rows(WRITTEN).join(" ")
    };
    // Redelivered messages that were not stored are all stored.
    assert_eq!(written(&[first("a"), again("b"), again("b")]), "a b b");
    // Stored ones are not stored again; a first delivery always is, even with the same bytes.
    let rejected = [again("a"), first("a"), again("b"), again("c"), again("c")];
    assert_eq!(written(&rejected), "a b b a c c");
    // From another source it is another message.
    let elsewhere = Rejected::new("elsewhere", "other a".into(), b"a", true);
    assert_eq!(written(&[elsewhere, again("a")]), "a b b a c c other a");
    // A connection broke: one plan has a message and its redelivery.
    assert_eq!(written(&[first("d"), again("d")]), "a b b a c c other a d");
    // A replayed message is redelivered and refused again: a replay is a new message.
    subject.execute("DELETE FROM rejected_message WHERE reason <> 'd'");
    subject.execute("UPDATE rejected_message SET replayed_at = created_at");
    assert_eq!(written(&[again("d")]), "d d");
    assert_eq!(written(&[again("d")]), "d d");
}

fn messages_are_listed_newest_first(subject: &Subject) {
    let mut store = subject.owner();
    let long = "x".repeat(70_000);
    let bodies = ["one", "two", long.as_str(), "four"];
    commit(&mut store, |plan| {
        plan.rejected = bodies.map(|body| refused(body, false)).to_vec();
        plan.rejected[2].reason = "too long".into();
    });
    let mut messages = subject.database.rejected().expect("messages");
    let reasons = |rows: &[roomwatt::store::RejectedMessage]| -> Vec<String> {
        rows.iter().map(|row| row.reason.clone()).collect()
    };
    let newest = messages.newest(None, 3).expect("rows");
    assert_eq!(reasons(&newest), ["four", "too long", "two"]);
    let older = messages.newest(Some(newest[2].id), 3).expect("rows");
    assert_eq!(reasons(&older), ["one"]);
    let one = messages
        .get(older[0].id)
        .expect("a row")
        .expect("it is there");
    assert_eq!((one.source.as_str(), &*one.body), ("test", &b"one"[..]));
    assert!(!one.truncated && one.replayed_at.is_none());
    let cut = messages.get(newest[1].id).expect("a row").expect("there");
    assert!(cut.truncated && cut.body.len() == 65_536);
    assert_eq!(messages.get(u64::MAX).expect("an answer"), None);

    let ids = [older[0].id, newest[2].id, newest[0].id];
    assert_eq!(
        messages.not_replayed().expect("ids"),
        ids,
        "truncated ones can't be replayed"
    );
    messages.mark_replayed(ids[1]).expect("marked");
    assert_eq!(messages.not_replayed().expect("ids"), [ids[0], ids[2]]);
    let marked = messages.get(ids[1]).expect("a row").expect("it is there");
    let replayed = marked.replayed_at.expect("a time");
    assert!((0..120).contains(&replayed.since(marked.created_at)));
}

fn old_rows_are_deleted_oldest_first(subject: &Subject) {
    let mut store = subject.owner();
    let many = MAX_DELETED as usize + 50;
    for chunk in 0..2 {
        let rejected: Vec<Rejected> = (0..many / 2)
            .map(|n| refused(&format!("{}", chunk * many / 2 + n), false))
            .collect();
        commit(&mut store, |plan| plan.rejected = rejected);
    }
    let age = |days: i64, which: &str| {
        let ago = subject.ago(days * 86_400);
        subject.execute(&format!(
            "UPDATE rejected_message SET created_at = {ago} WHERE {which}"
        ));
    };
    age(31, "reason < 'a'");
    age(40, "reason = '7'");
    age(29, "reason = '8'");
    assert_eq!(store.delete_old(30).expect("deleted"), MAX_DELETED);
    let left = subject.rows(WRITTEN);
    assert_eq!(left.len(), 50);
    assert!(!left.contains(&"7".to_owned()) && left.contains(&"8".to_owned()));
    assert_eq!(store.delete_old(30).expect("deleted"), 49);
    assert_eq!(subject.rows(WRITTEN), ["8"]);
    assert_eq!(store.delete_old(30).expect("nothing to do"), 0);
}

on_each_store!(
    a_redelivered_message_is_stored_once,
    messages_are_listed_newest_first,
    old_rows_are_deleted_oldest_first,
);
