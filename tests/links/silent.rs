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

#[test]
fn another_instance_takes_over_from_one_whose_link_is_silent() {
    let mut rig = Rig::new("takeover");
    let direct = rig.copy_of_config("direct.toml");
    let proxy = rig.proxy(Link::MySql);
    let mut first = rig.start();
    first.wait_until_ready();
    let mut work = Work::default();
    work.give(&rig, 2);
    work.wait_until_watched(&rig);
    let mut second = rig.start_from(&direct);
    second.wait_for_log("standing by");
    proxy.set(Fault::Hold);
    let begun = Instant::now();
    second.wait_for_log(" (epoch ");
    let took = begun.elapsed();
    assert!(took < PATIENCE, "it took {took:?} to take over");
    work.give(&rig, 2);
    // It can reach the database again: whatever it still has in hand is another's by now.
    proxy.lift();
    first.wait_for_log("becomes a standby");
    first.wait_for_log("standing by: another");
    work.wait_until_watched(&rig);
    assert_eq!(rig.rows::<u64>("SELECT epoch FROM service"), [2]);
    work.finish(&rig, Told::AtLeastOnce);
    first.stop();
    second.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
