//! A link is silently dead when the service is told to stop, or in the middle of a transaction.

use std::time::{Duration, Instant};

use crate::support::proxy::Fault;
use crate::support::{Link, Rig, wait};
use crate::work::{SLOW, Told, Work};

/// What supervisors are told to be patient for.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn it_stops_while_rabbitmq_is_silent() {
    stops("stoprabbitmq", Link::RabbitMq, Told::Once);
}

/// What was accepted while the database was silent can't be written down: it is told again.
#[test]
fn it_stops_while_mysql_is_silent() {
    stops("stopmysql", Link::MySql, Told::AtLeastOnce);
}

#[test]
fn it_stops_while_feishu_is_silent() {
    stops("stopfeishu", Link::Feishu, Told::AtLeastOnce);
}

fn stops(name: &str, link: Link, told: Told) {
    let mut rig = Rig::new(name);
    let proxy = rig.proxy(link);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut work = Work::default();
    work.give_and_break(&rig, link, &proxy, [Fault::Hold]);
    let begun = Instant::now();
    let log = service.stop();
    let took = begun.elapsed();
    assert!(took < PATIENCE, "it took {took:?} to stop:\n{log}");
    // The far side hears at last that its connections are no more.
    proxy.set(Fault::Reset);
    proxy.lift();
    let mut service = rig.start();
    service.wait_until_ready();
    work.finish(&rig, told);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

/// The server does not hear that the connection is dead: it keeps the transaction and its locks.
#[test]
#[ignore = "the service can't write for as long as the server keeps that transaction: up to 8 hours"]
fn a_transaction_that_is_cut_off_by_silence_holds_up_no_other() {
    let mut rig = Rig::new("midtransaction");
    let proxy = rig.proxy(Link::MySql);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut work = Work::default();
    work.give(&rig, 1);
    work.wait_until_watched(&rig);
    proxy.set(SLOW);
    work.give(&rig, 1);
    let free = "SELECT seq FROM service FOR UPDATE SKIP LOCKED";
    wait("a transaction to be under way", || {
        match rig.rows::<u64>(free).first() {
            Some(seq) => Err(format!("{seq} are over")),
            None => Ok(()),
        }
    });
    proxy.set(Fault::Hold);
    proxy.lift();
    work.finish(&rig, Told::AtLeastOnce);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
