//! Ownership of the state, repeated commits, and the lease.

use std::time::Duration;

use roomwatt::engine::RefusedBodies;
use roomwatt::store::{Plan, Position, Rejected, StateStore, Store, StoreError};

use crate::on_each_store;
use crate::subject::{Subject, commit};

const WRITTEN: &str = "SELECT reason FROM rejected_message ORDER BY id";

/// A plan that writes a row with `reason`.
fn plan(reason: &str) -> Plan {
    Plan {
        rejected: vec![Rejected::new(
            "test",
            reason.into(),
            b"",
            &RefusedBodies::default(),
            false,
        )],
        ..Plan::default()
    }
}

fn a_replaced_instance_writes_nothing(subject: &Subject) {
    let (mut first, mut second) = (subject.database.store(), subject.database.store());
    let before = first.take_over().expect("it is free");
    first.commit(&plan("first")).expect("it is the owner");
    let after = second.take_over().expect("it may");
    assert_eq!((after.epoch, after.seq), (before.epoch + 1, before.seq + 1));
    let refused = first.commit(&plan("late")).expect_err("it was replaced");
    assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
    let refused = first.delete_old(1).expect_err("it was replaced");
    assert!(matches!(refused, StoreError::Replaced { .. }), "{refused}");
    second.commit(&plan("second")).expect("it is the owner");
    assert_eq!(subject.rows(WRITTEN), ["first", "second"]);
}

fn a_commit_with_a_lost_answer_is_not_repeated(subject: &Subject) {
    let mut store = subject.owner();
    store.commit(&plan("one")).expect("written");
    // As if the next plan had been committed and the answer lost.
    let other: &mut dyn StateStore = &mut *subject.database.store();
    subject.execute("UPDATE service SET seq = seq + 1");
    store.commit(&plan("two")).expect("recognised");
    store.commit(&plan("three")).expect("written");
    assert_eq!(subject.rows(WRITTEN), ["one", "three"]);
    // A number that this instance can't have left.
    subject.execute("UPDATE service SET seq = seq + 7");
    store
        .commit(&plan("four"))
        .expect_err("another program writes here");
    assert_eq!(subject.rows(WRITTEN), ["one", "three"]);
    let ownership = other.take_over().expect("it may");
    assert_eq!(ownership.seq, 10);
}

fn the_position_is_where_the_last_plan_left_it(subject: &Subject) {
    let position = || {
        let ownership = subject.database.store().take_over();
        ownership.expect("it may").position
    };
    assert_eq!(position(), None);
    let mut store = subject.owner();
    commit(&mut store, |plan| plan.position = Some(Position::Id(7)));
    commit(&mut store, |plan| plan.rejected = self::plan("x").rejected);
    assert_eq!(position(), Some(Position::Id(7)));
}

fn one_instance_at_a_time_has_the_lease(subject: &Subject) {
    let (mut first, mut second) = (subject.database.lease(), subject.database.lease());
    let now = Duration::ZERO;
    assert!(first.acquire(now).expect("a lease"));
    assert!(first.acquire(now).expect("a lease"), "it is renewed");
    assert!(!second.acquire(now).expect("an answer"));
    drop(first);
    // A server takes a moment to notice that the connection has ended.
    crate::support::wait("the lease", || match second.acquire(now) {
        Ok(true) => Ok(()),
        other => Err(format!("{other:?}")),
    });
}

on_each_store!(
    a_replaced_instance_writes_nothing,
    a_commit_with_a_lost_answer_is_not_repeated,
    the_position_is_where_the_last_plan_left_it,
    one_instance_at_a_time_has_the_lease,
);
