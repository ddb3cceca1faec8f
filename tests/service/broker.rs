//! A broker that does not do as expected.

use amiquip::{Connection, ConsumerOptions, FieldTable, QueueDeclareOptions, QueueDeleteOptions};

use crate::support::{Rig, broker};
use crate::{check_in, minutes_ago};

/// Publishes a message for a room and waits until the service has taken it.
fn takes(rig: &Rig, room: &str) {
    rig.publish([check_in("H001", room, minutes_ago(5)).as_str()]);
    let taken = format!("SELECT room_number FROM room_state WHERE room_number = '{room}'");
    rig.wait_for_rows(&taken, &[room.to_owned()]);
}

fn delete_queue(broker: &mut Connection, queue: &str) {
    let channel = broker.open_channel(None).expect("a channel");
    channel
        .queue_delete(queue, QueueDeleteOptions::default())
        .expect("deleted");
    channel.close().expect("closed");
}

#[test]
fn a_queue_deleted_under_the_consumer_is_logged_and_waited_for() {
    let mut rig = Rig::new("deleted");
    let mut service = rig.start();
    service.wait_until_ready();
    delete_queue(&mut broker(), &rig.queue);
    service.wait_for_log("the broker cancelled the consumer; was the queue deleted?");
    service.wait_for_log("NOT_FOUND");
    service.wait_for_log("create the queue, or set rabbitmq.declare = true");
    rig.declare_queue();
    takes(&rig, "101");
    service.stop();
    rig.finish();
}

#[test]
fn a_queue_is_declared_where_the_configuration_says_so() {
    let mut rig = Rig::new("declares");
    delete_queue(&mut broker(), &rig.queue);
    rig.reconfigure("[rabbitmq]\n", "[rabbitmq]\ndeclare = true\n");
    let mut service = rig.start();
    service.wait_until_ready();
    takes(&rig, "101");
    service.stop();
    // It is durable: declaring it so again succeeds.
    rig.declare_queue();
    rig.finish();
}

#[test]
fn a_queue_with_other_properties_is_logged() {
    let mut rig = Rig::new("otherwise");
    let mut broker = broker();
    delete_queue(&mut broker, &rig.queue);
    let channel = broker.open_channel(None).expect("a channel");
    let mut arguments = FieldTable::new();
    arguments.insert(
        "x-max-length".into(),
        amiquip::AmqpValue::LongLongInt(1_000),
    );
    let durable = QueueDeclareOptions {
        durable: true,
        arguments,
        ..QueueDeclareOptions::default()
    };
    channel.queue_declare(&rig.queue, durable).expect("a queue");
    // Taken as it is: nothing is wrong with it.
    let mut service = rig.start();
    service.wait_until_ready();
    takes(&rig, "101");
    service.stop();

    rig.reconfigure("[rabbitmq]\n", "[rabbitmq]\ndeclare = true\n");
    let mut service = rig.start();
    service.wait_for_log("PRECONDITION_FAILED");
    service.wait_for_log("leave rabbitmq.declare out to take it as it is");
    delete_queue(&mut broker, &rig.queue);
    service.wait_until_ready();
    takes(&rig, "102");
    service.stop();
    rig.finish();
}

#[test]
fn an_exclusive_queue_is_logged_and_waited_for() {
    let mut rig = Rig::new("exclusive");
    let mut broker = broker();
    let channel = broker.open_channel(None).expect("a channel");
    let alone = ConsumerOptions {
        exclusive: true,
        ..ConsumerOptions::default()
    };
    let consumer = channel.basic_consume(&rig.queue, alone).expect("consumes");
    let mut service = rig.start();
    service.wait_for_log("ACCESS_REFUSED");
    service.wait_for_log(
        "give the user its rights; or another program consumes the queue exclusively",
    );
    consumer.cancel().expect("cancelled");
    drop(consumer);
    service.wait_until_ready();
    takes(&rig, "101");
    service.stop();
    rig.finish();
}

#[test]
fn wrong_credentials_are_logged_without_the_password() {
    let mut rig = Rig::new("credentials");
    rig.reconfigure("username = '", "username = 'not");
    let mut service = rig.start();
    service.wait_for_log("and its password are refused");
    let log = service.stop();
    assert!(log.contains("user not"), "{log}");
    rig.finish();
}
