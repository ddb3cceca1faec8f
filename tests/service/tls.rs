//! The broker is talked to in TLS.

use std::process::Output;
use std::time::Duration;

use roomwatt::amqp::Publisher;
use roomwatt::config::Config;
use roomwatt::engine::RefusedBodies;
use roomwatt::store::Rejected;

use crate::setup::STRANGER;
use crate::support::proxy::Fault;
use crate::support::{Link, Rig};
use crate::{check_in, finished, minutes_ago};

fn send(rig: &mut Rig, room: &str) -> Output {
    let room = ["--hotel-id", "H001", "--room-number", room];
    rig.roomwatt(&[&["send", "--msg-type", "checkin"], &room[..]].concat())
}

/// Asserts that a message can't be sent, with this exit code and reason.
fn assert_refused(rig: &mut Rig, expected: i32, why: &[&str]) {
    let (code, _, err) = finished(&send(rig, "101"));
    let is_named = why.iter().all(|part| err.contains(part));
    assert!(
        code == Some(expected) && is_named,
        "{why:?}, {code:?}: {err}"
    );
    assert_eq!(rig.waiting_messages(), 0);
}

#[test]
fn messages_are_sent_and_received_over_tls() {
    let mut rig = Rig::new("intls");
    let ca = rig.encrypt();
    let sent = send(&mut rig, "101");
    assert!(sent.status.success(), "{sent:?}");
    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([check_in("H001", "102", minutes_ago(5)).as_str()]);
    let rooms = "SELECT room_number FROM room_state ORDER BY room_number";
    rig.wait_for_rows(rooms, &["101".to_owned(), "102".to_owned()]);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0, "not all was acknowledged");

    // The same authority as one of this machine's own.
    rig.reconfigure(&format!("tls_ca = '{ca}'\n"), "");
    assert_refused(&mut rig, 78, &["self-signed", "rabbitmq.tls_ca"]);
    let mut service = rig.start_with(&[("SSL_CERT_FILE", &ca)]);
    service.wait_until_ready();
    service.stop();
    rig.finish();
}

#[test]
fn a_broker_of_an_unknown_authority_is_refused_until_it_is_known() {
    let mut rig = Rig::new("stranger");
    let ca = rig.encrypt();
    let stranger = rig.file("ca.pem", STRANGER);
    rig.reconfigure(&ca, &stranger);
    let why = "name its authority in rabbitmq.tls_ca";
    assert_refused(&mut rig, 78, &["UnknownIssuer", why]);
    let mut service = rig.start();
    service.wait_for_log(why);
    std::fs::copy(&ca, &stranger).expect("copied");
    service.wait_until_ready();
    service.stop();
    rig.finish();
}

#[test]
fn a_broker_of_another_name_is_refused() {
    let mut rig = Rig::new("othername");
    rig.encrypt();
    rig.reconfigure("host = '127.0.0.1'\nport", "host = 'localhost'\nport");
    let why = "set rabbitmq.host to a name for which the broker has a certificate";
    assert_refused(&mut rig, 78, &["\"localhost\"", "127.0.0.1", why]);
    rig.finish();
}

#[test]
fn mixed_up_ports_are_reported() {
    let mut rig = Rig::new("ports");
    let plain = std::env::var("ROOMWATT_TEST_AMQP_PORT").expect("a port");
    let ca = rig.encrypt();
    let tls = std::env::var("ROOMWATT_TEST_AMQP_TLS_PORT").expect("a port");
    let port = |port: &str| format!("port = {port}\n");
    rig.reconfigure(&port(&tls), &port(&plain));
    assert_refused(
        &mut rig,
        75,
        &["is rabbitmq.port the broker's port for TLS?"],
    );
    let encrypted = format!("{}tls = true\ntls_ca = '{ca}'\n", port(&plain));
    rig.reconfigure(&encrypted, &port(&tls));
    assert_refused(&mut rig, 75, &["Then set rabbitmq.tls = true"]);
    rig.finish();
}

/// More than the sockets hold: each side has to wait for the other, again and again.
#[test]
fn large_transfers_work_both_ways_over_a_slow_link() {
    // The largest message that newer brokers take by default.
    const MUCH: usize = 16 << 20;
    let mut rig = Rig::new("much");
    rig.encrypt();
    let proxy = rig.proxy(Link::RabbitMq);
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    let config = config.rabbitmq.expect("a section");
    let bodies = [MUCH, 1, MUCH / 3].map(|length| {
        let mut body = vec![0; length];
        fastrand::Rng::with_seed(7).fill(&mut body);
        body
    });
    let publisher = Publisher::connect(&config).expect("a connection");
    bodies.iter().fold(publisher, |publisher, body| {
        publisher.publish(body).expect("the broker has it")
    });
    let mut service = rig.start();
    service.wait_until_ready();
    let source = format!("amqp:{}", rig.queue);
    let mut digests = bodies.map(|body| {
        let kept = Rejected::new(
            &source,
            String::new(),
            &body,
            &RefusedBodies::default(),
            false,
        );
        kept.digest.to_vec()
    });
    // Several consumers take them: a short one may overtake.
    digests.sort();
    rig.wait_for_rows(
        "SELECT digest FROM rejected_message ORDER BY digest",
        &digests,
    );
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}
