//! A link is silently dead when the service has to stop, or in the middle of a transaction.

use std::time::{Duration, Instant};

use crate::support::proxy::Fault;
use crate::support::{Link, Rig, wait};
use crate::work::{Delivery, SLOW, Work};

/// How long supervisors wait for a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

#[test]
fn it_stops_while_rabbitmq_is_silent() {
    stops("stoprabbitmq", Link::RabbitMq, Delivery::Once);
}

/// That a notice was accepted can't be written while the database is silent: it is sent again.
#[test]
fn it_stops_while_mysql_is_silent() {
    stops("stopmysql", Link::MySql, Delivery::AtLeastOnce);
}

#[test]
fn it_stops_while_feishu_is_silent() {
    stops("stopfeishu", Link::Feishu, Delivery::AtLeastOnce);
}

fn stops(name: &str, link: Link, delivery: Delivery) {
    let mut rig = Rig::new(name);
    let proxy = rig.proxy(link);
    let mut service = rig.start();
    service.wait_until_ready();
    let mut work = Work::default();
    work.give_and_break(&rig, link, &proxy, [Fault::Hold]);
    let begun = Instant::now();
    let log = service.stop();
    let took = begun.elapsed();
    assert!(took < STOP_TIMEOUT, "it took {took:?} to stop:\n{log}");
    // The far side learns at last that its connections are closed.
    proxy.set(Fault::Reset);
    proxy.lift();
    let mut service = rig.start();
    service.wait_until_ready();
    work.finish(&rig, delivery);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

/// The server does not notice that the connection is dead: it keeps the transaction and its locks.
#[test]
fn a_transaction_on_a_dead_link_delays_no_other() {
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
    work.finish(&rig, Delivery::AtLeastOnce);
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
    assert!(took < STOP_TIMEOUT, "it took {took:?} to take over");
    work.give(&rig, 2);
    // It can reach the database again: whatever it still has in hand is another's by now.
    proxy.lift();
    first.wait_for_log("becomes a standby");
    first.wait_for_log("standing by: another");
    work.wait_until_watched(&rig);
    assert_eq!(rig.rows::<u64>("SELECT epoch FROM service"), [2]);
    work.finish(&rig, Delivery::AtLeastOnce);
    first.stop();
    second.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
