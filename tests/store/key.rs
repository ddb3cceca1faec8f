//! The key of the installation: made once, and replaced when an operator wants it.

use crate::on_each_store;
use crate::subject::Subject;

on_each_store!(the_key_is_made_once_and_replaced_on_demand);

fn the_key_is_made_once_and_replaced_on_demand(subject: &Subject) {
    let database = &subject.database;
    let key = || database.installation_key().expect("it is read");
    let made = key().expect("init-db has made it");
    database.init(&|_| {}).expect("up to date");
    assert_eq!(key().as_ref(), Some(&made));
    database.rotate_key().expect("a new one");
    let new = key().expect("there is one");
    assert_ne!(new, made);
    // The owner writes its row, and leaves the key.
    subject.owner();
    assert_eq!(key(), Some(new));
    // As a database that was set up before there was one.
    subject.execute("UPDATE service SET installation_key = NULL");
    assert_eq!(key(), None);
    database.init(&|_| {}).expect("up to date");
    assert!(key().is_some_and(|key| key != made));
}
