//! Refused messages: stored once, listed, marked as replayed, deleted.

use roomwatt::engine::{FieldNames, Kept, RefusedBodies};
use roomwatt::store::{MAX_DELETED, MAX_REDUCED, Rejected, RejectedMessage, Store};

use crate::on_each_store;
use crate::subject::{Subject, commit};

const WRITTEN: &str = "SELECT reason FROM rejected_message ORDER BY id";

/// A refused message that is stored whole.
fn refused(body: &str, redelivered: bool) -> Rejected {
    let bodies = RefusedBodies {
        keep_whole: true,
        ..RefusedBodies::default()
    };
    Rejected::new("test", body.into(), body.as_bytes(), &bodies, redelivered)
}

/// A refused message of which only what is needed is stored.
fn reduced(body: &str) -> Rejected {
    let bodies = RefusedBodies::default();
    Rejected::new("test", "reduced".into(), body.as_bytes(), &bodies, true)
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
    let elsewhere = Rejected::new(
        "elsewhere",
        "other a".into(),
        b"a",
        &RefusedBodies::default(),
        true,
    );
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
    assert_eq!(
        (one.source.as_str(), &*one.body.bytes),
        ("test", &b"one"[..])
    );
    assert!(!one.truncated && one.replayed_at.is_none());
    let cut = messages.get(newest[1].id).expect("a row").expect("there");
    assert!(cut.truncated && cut.body.bytes.len() == 65_536);
    assert_eq!((one.length, cut.length), (Some(3), Some(70_000)));
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

fn of_new_messages_only_what_is_needed_is_stored(subject: &Subject) {
    let mut store = subject.owner();
    let guest = |name: &str| format!(r#"{{"hotel_id":"H1","guest":"{name}"}}"#);
    let plans = [
        vec![reduced(&guest("A")), reduced("no JSON")],
        // What differs only in what is not kept is another message, also when it is redelivered.
        vec![reduced(&guest("A")), reduced(&guest("B"))],
        vec![reduced("no JSON"), reduced("nor this")],
    ];
    for plan in plans {
        commit(&mut store, |new| new.rejected = plan);
    }
    let mut messages = subject.database.rejected().expect("messages");
    let rows = messages.newest(None, 10).expect("rows");
    let rows = rows.iter().rev().map(|row| {
        let body = String::from_utf8_lossy(&row.body.bytes).into_owned();
        (row.body.kept, body, row.length, row.truncated)
    });
    let fields = (Kept::Fields, guest("…"), Some(29), false);
    let nothing = |length| (Kept::Nothing, String::new(), Some(length), false);
    assert_eq!(
        Vec::from_iter(rows),
        [fields.clone(), nothing(7), fields, nothing(8)]
    );
    let ids = messages.not_replayed().expect("ids");
    assert_eq!(ids.len(), 2, "what was not kept can't be replayed");
}

fn whole_bodies_are_reduced_after_a_week(subject: &Subject) {
    let mut store = subject.owner();
    let bodies = RefusedBodies {
        fields: FieldNames {
            hotel_id: "hotel".into(),
            ..FieldNames::default()
        },
        keep_whole: true,
    };
    let reduce = |body: &[u8]| bodies.reduce(body);
    let body = r#"{"hotel":"H1","guest":"A"}"#;
    let long = format!("{body}{}", " ".repeat(70_000));
    commit(&mut store, |plan| {
        plan.rejected = vec![
            refused(body, false),
            refused("A", false),
            refused(&long, false),
        ];
        plan.rejected.extend(plan.rejected.clone());
        plan.rejected.push(reduced("{}"));
        plan.rejected.push(refused(body, false));
    });
    // As version 0.1 has stored them.
    subject.execute("UPDATE rejected_message SET body_length = NULL WHERE id > 3");
    let age = |days: i64, which: &str| {
        let ago = subject.ago(days * 86_400);
        subject.execute(&format!(
            "UPDATE rejected_message SET created_at = {ago} WHERE {which}"
        ));
    };
    age(8, "id <= 7");
    age(6, "id = 8");
    assert_eq!(store.reduce_old(&reduce).expect("reduced"), 6);
    let rows = |subject: &Subject| -> Vec<RejectedMessage> {
        let mut messages = subject.database.rejected().expect("messages");
        messages.newest(None, 10).expect("rows")
    };
    let seen = rows(subject).into_iter().rev().map(|row| {
        let body = String::from_utf8_lossy(&row.body.bytes).into_owned();
        (row.body.kept, body, row.length, row.truncated)
    });
    let kept = r#"{"hotel":"H1","guest":"…"}"#;
    let row = |kept, body: &str, length| (kept, body.to_owned(), length, false);
    let long = Some(long.len() as u64);
    assert_eq!(
        Vec::from_iter(seen),
        [
            row(Kept::Fields, kept, Some(26)),
            row(Kept::Nothing, "", Some(1)),
            row(Kept::Nothing, "", long),
            row(Kept::Fields, kept, Some(26)),
            row(Kept::Nothing, "", Some(1)),
            row(Kept::Nothing, "", None),
            row(Kept::Fields, "{}", None),
            row(Kept::Whole, body, None),
        ]
    );
    assert_eq!(store.reduce_old(&reduce).expect("nothing to do"), 0);

    // A redelivered one is still recognised.
    commit(&mut store, |plan| plan.rejected = vec![refused(body, true)]);
    assert_eq!(rows(subject).len(), 8);

    let many = MAX_REDUCED as usize + 5;
    commit(&mut store, |plan| {
        plan.rejected = vec![refused(body, false); many];
    });
    age(8, "id > 8");
    assert_eq!(store.reduce_old(&reduce).expect("reduced"), MAX_REDUCED);
    assert_eq!(store.reduce_old(&reduce).expect("reduced"), 5);
    let mut another = subject.owner();
    assert!(store.reduce_old(&reduce).is_err(), "it is not the owner");
    assert_eq!(another.reduce_old(&reduce).expect("nothing to do"), 0);
}

on_each_store!(
    of_new_messages_only_what_is_needed_is_stored,
    whole_bodies_are_reduced_after_a_week,
    a_redelivered_message_is_stored_once,
    messages_are_listed_newest_first,
    old_rows_are_deleted_oldest_first,
);
