//! What a restart may not change.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use rustix::process::Signal;

use roomwatt::types::LocalTime;

use crate::support::proxy::Fault;
use crate::support::{LIMIT, Link, Rig, Service, wait};
use crate::{check_in, check_out, minutes_ago};

#[test]
fn a_restart_continues_where_it_stopped() {
    let mut rig = Rig::new("restart");
    let left = minutes_ago(200);
    let reading = |rig: &Rig, interval: i64, register: &str| {
        rig.meter(
            "H001",
            "101",
            &left.plus(interval * 1_800).to_string(),
            register,
        );
    };
    let run = "SELECT run_periods, run_wh, run_told FROM room_state";

    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish([check_out("H001", "101", left).as_str()]);
    reading(&rig, 0, "10.00");
    reading(&rig, 1, "12.00");
    rig.wait_for_rows(run, &[(Some(1), Some(2_000), Some(0))]);
    service.stop();

    // Rows that come while it is stopped are judged after the next start.
    reading(&rig, 2, "14.00");
    let mut service = rig.start();
    rig.wait_for_rows(run, &[(Some(2), Some(4_000), Some(0))]);
    service.wait_for_log("watching 1 room");
    service.kill();

    reading(&rig, 3, "16.00");
    reading(&rig, 4, "18.00");
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT continuous_periods, CAST(total_consumption AS CHAR), is_notified \
         FROM electricity_abnormal",
        &[(4, "8.00".to_owned(), true)],
    );
    rig.feishu
        .wait_until("one card", LIMIT, |received| !received.is_empty());
    service.stop();
    let received = rig.feishu.received();
    assert_eq!(received.len(), 1, "{received:?}");
    rig.finish();
}

#[test]
fn a_stop_under_load_loses_and_repeats_no_notice() {
    const MESSAGES: usize = 10_000;
    let mut rig = Rig::new("load");
    let arrived = minutes_ago(60);
    let bodies: Vec<String> = (0..MESSAGES)
        .map(|n| check_in("H001", &n.to_string(), arrived))
        .collect();
    rig.publish(bodies.iter().map(String::as_str));
    let mut service = rig.start();
    service.wait_until_ready();
    let watches = "SELECT COUNT(*), COUNT(DISTINCT room_number) FROM electricity_monitoring";
    crate::support::wait("the first rooms to be watched", || {
        match rig.rows::<(usize, usize)>(watches)[0].0 {
            0 => Err("none".to_owned()),
            _ => Ok(()),
        }
    });
    let log = service.stop();
    let (stored, distinct) = rig.rows::<(usize, usize)>(watches)[0];
    assert_eq!(stored, distinct, "a watch was recorded twice:\n{log}");
    // The broker takes a moment to put back what was not acknowledged.
    let put_back = crate::support::wait("each message to be written or in the queue", || {
        let waiting = rig.waiting_messages() as usize;
        if stored + waiting == MESSAGES {
            Ok(waiting)
        } else {
            Err(format!("{stored} written, {waiting} in the queue:\n{log}"))
        }
    });
    assert!(
        put_back > 0,
        "it was done before it was stopped: more messages are needed"
    );

    let service = rig.start();
    rig.wait_for_rows(watches, &[(MESSAGES, MESSAGES)]);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn a_standby_takes_over_when_the_active_instance_has_ended() {
    let mut rig = Rig::new("standby");
    let mut first = rig.start();
    first.wait_until_ready();
    let mut second = rig.start();
    second.wait_for_log("standing by");
    assert!(!second.log().contains("consuming"), "{}", second.log());
    first.stop();
    second.wait_until_ready();
    second.stop();
    rig.finish();
}

#[test]
fn an_instance_that_hangs_is_replaced_and_writes_nothing_when_it_wakes() {
    let mut rig = Rig::new("hangs");
    let mut first = rig.start();
    first.wait_until_ready();
    let mut second = rig.start();
    second.wait_for_log("standing by");
    let arrived = minutes_ago(60);
    rig.publish([check_in("H001", "101", arrived).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);

    // Its connections stay open, but it does not answer on them.
    first.signal(Signal::STOP);
    let hung = Instant::now();
    second.wait_for_log(" (epoch ");
    let took = hung.elapsed();
    assert!(took < Duration::from_secs(30), "it took {took:?}");
    rig.publish([check_in("H001", "102", arrived).as_str()]);
    second.wait_until_ready();

    first.signal(Signal::CONT);
    let more = ["103", "104", "105", "106"].map(|room| check_in("H001", room, arrived));
    rig.publish(more.iter().map(String::as_str));
    first.wait_for_log("becomes a standby");
    first.wait_for_log("standing by: another");
    let rooms = ["101", "102", "103", "104", "105", "106"].map(str::to_owned);
    let watches = "SELECT room_number FROM electricity_monitoring ORDER BY room_number";
    rig.wait_for_rows(watches, &rooms);
    let epoch = "SELECT epoch FROM service";
    assert_eq!(rig.rows::<u64>(epoch), [2]);

    // And the other way round, when the second one ends.
    second.stop();
    rig.wait_for_rows(epoch, &[3]);
    rig.publish([check_in("H001", "107", arrived).as_str()]);
    rig.wait_for_rows(
        "SELECT COUNT(*), COUNT(DISTINCT room_number) FROM electricity_monitoring",
        &[(7, 7)],
    );
    first.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn consumers_leave_the_queue_while_nothing_can_be_written() {
    let mut rig = Rig::new("lost");
    let mut service = rig.start();
    service.wait_until_ready();
    // A store without room closes the intake at once, one that is lost after a minute.
    rig.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON electricity_monitoring FOR EACH ROW \
         SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'no room'",
    );
    let arrived = minutes_ago(60);
    let bodies: Vec<String> = (0..20)
        .map(|n| check_in("H001", &n.to_string(), arrived))
        .collect();
    rig.publish(bodies.iter().map(String::as_str));
    service.wait_for_log("the intake is closed");
    // No consumer holds a message: however long it takes, the broker has no reason to requeue any.
    let put_back = |rig: &Rig| match rig.waiting_messages() {
        20 => Ok(()),
        count => Err(format!("{count} messages wait")),
    };
    crate::support::wait("all messages to wait in the queue", || put_back(&rig));
    rig.execute("DROP TRIGGER refuse");
    service.wait_for_log("the intake is open again");
    let counts = "SELECT COUNT(*), COUNT(DISTINCT room_number) FROM electricity_monitoring";
    rig.wait_for_rows(counts, &[(20, 20)]);
    // The owner had kept them. They come from the queue once more, before or after the stop.
    service.stop();
    assert_eq!(rig.rows::<(u32, u32)>(counts), [(20, 20)]);
    rig.finish();
}

#[test]
fn a_room_whose_check_in_is_still_queued_is_not_judged_as_vacant() {
    let mut rig = Rig::new("waits");
    let left = minutes_ago(600);
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    service.stop();
    // While it was stopped.
    use_as_a_guest(&rig, left);
    rig.publish([check_in("H001", "101", left.plus(60)).as_str()]);
    see_the_guest(rig, left, &[]);
}

/// Six hours of readings: too much for an empty room, not for a guest, who came at once.
fn use_as_a_guest(rig: &Rig, left: LocalTime) {
    for interval in 0..=12 {
        let time = left.plus(interval * 1_800).to_string();
        let register = format!("{:.2}", 100.0 + 1.8 * interval as f64);
        rig.meter("H001", "101", &time, &register);
    }
}

/// Lets the service take all there is: it must judge the guest's stay, without a notice.
fn see_the_guest(mut rig: Rig, left: LocalTime, environment: &[(&str, &str)]) {
    let service = rig.start_with(environment);
    wait_for_the_guest(&rig, left);
    service.stop();
    judges_the_guest_without_a_notice(&rig);
    rig.finish();
}

fn wait_for_the_guest(rig: &Rig, left: LocalTime) {
    rig.wait_for_rows(
        "SELECT msg_type, CAST(seen_time AS CHAR) FROM room_state WHERE room_number = '101'",
        &[("checkin".to_owned(), left.plus(12 * 1_800).to_string())],
    );
}

fn judges_the_guest_without_a_notice(rig: &Rig) {
    assert_eq!(
        rig.rows::<String>("SELECT kind FROM notification"),
        [""; 0],
        "a notice of an empty room was recorded"
    );
}

/// A room's check-out and next check-in in a queue, with so many other messages between; gives the
/// time of the check-out.
fn queue_a_backlog(rig: &Rig, between: usize) -> LocalTime {
    let left = minutes_ago(600);
    use_as_a_guest(rig, left);
    let mut bodies = vec![check_out("H001", "101", left)];
    bodies.extend((0..between).map(|n| check_in("H001", &format!("F{n}"), left)));
    bodies.push(check_in("H001", "101", left.plus(60)));
    rig.publish(bodies.iter().map(String::as_str));
    left
}

fn judge_a_backlog(rig: Rig, between: usize, environment: &[(&str, &str)]) {
    let left = queue_a_backlog(&rig, between);
    see_the_guest(rig, left, environment);
}

#[test]
fn a_message_is_not_judged_past_the_next_one_in_the_queue() {
    judge_a_backlog(Rig::new("backlog"), 0, &[]);
}

#[test]
fn a_message_is_not_judged_past_a_later_one_in_a_long_queue() {
    judge_a_backlog(Rig::new("longbacklog"), 600, &[]);
}

/// Whether they still are in the queue, or on their way from it.
#[test]
fn no_sweep_comes_before_messages_that_had_waited_however_slowly_they_are_taken() {
    for prefetch in [1, 500] {
        let rig = Rig::new("slowbacklog");
        rig.reconfigure(
            "[rabbitmq]\n",
            &format!("[rabbitmq]\nprefetch = {prefetch}\n"),
        );
        rig.reconfigure("[log]\n", "[performance]\nconsumer_count = 1\n[log]\n");
        judge_a_backlog(rig, 60, &[("FAILPOINTS", "parse::before=sleep(20)")]);
    }
}

/// One consumer has all of the queue and takes it slowly, the other one sees it empty at once, and
/// once more when both have lost their connections.
#[test]
fn a_consumer_that_reconnects_does_not_count_for_one_that_is_still_behind() {
    let mut rig = Rig::new("twoconsumers");
    rig.reconfigure("[log]\n", "[performance]\nconsumer_count = 2\n[log]\n");
    let proxy = rig.proxy(Link::RabbitMq);
    let left = queue_a_backlog(&rig, 60);
    let mut service = rig.start_with(&[("FAILPOINTS", "parse::before=sleep(100)")]);
    // By then the other one has asked the broker.
    wait("some of the messages to be written", || {
        match rig.rows::<usize>("SELECT COUNT(*) FROM room_state")[0] {
            0..10 => Err(service.log()),
            _ => Ok(()),
        }
    });
    proxy.set(Fault::Reset);
    service.wait_for_log("the connection was lost");
    proxy.lift();
    wait("both to consume again", || {
        match service.log().matches("consuming queue").count() {
            4.. => Ok(()),
            _ => Err(service.log()),
        }
    });
    wait_for_the_guest(&rig, left);
    service.stop();
    judges_the_guest_without_a_notice(&rig);
    rig.finish();
}

#[test]
fn an_endless_stream_of_messages_does_not_block_the_sweep() {
    let mut rig = Rig::new("neverending");
    let left = minutes_ago(300);
    rig.publish([check_out("H001", "101", left).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    rig.wait_for_rows("SELECT msg_type FROM room_state", &["checkout".to_owned()]);
    service.stop();
    rig.meter("H001", "101", &left.plus(1_800).to_string(), "100.00");

    let service = rig.start();
    let mut sent = 0..;
    let log = wait("a sweep between the messages", || {
        let rooms = sent.by_ref().take(10);
        let bodies: Vec<String> = rooms
            .map(|n| check_in("H001", &format!("F{n}"), left))
            .collect();
        rig.publish(bodies.iter().map(String::as_str));
        let seen =
            "SELECT COUNT(*) FROM room_state WHERE room_number = '101' AND seen_time > stay_time";
        match rig.rows::<usize>(seen)[0] {
            1 => Ok(service.log()),
            _ => Err(service.log()),
        }
    });
    assert!(!log.contains("queue not drained"), "{log}");
    service.stop();
    rig.finish();
}

#[test]
fn without_a_position_what_came_before_the_stream_is_judged_before_it() {
    let mut rig = Rig::new("noposition");
    let left = minutes_ago(400);
    let reading = |rig: &Rig, interval: i64| {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter("H001", "101", &time, &format!("{}.00", 100 + 2 * interval));
    };
    reading(&rig, 0);
    rig.publish([
        check_out("H001", "101", left).as_str(),
        check_out("H001", "102", left).as_str(),
    ]);
    let mut service = rig.start();
    service.wait_until_ready();
    let seen = "SELECT CAST(seen_time AS CHAR) FROM room_state WHERE room_number = '101'";
    rig.wait_for_rows(seen, &[left.to_string()]);
    service.stop();
    rig.execute("UPDATE service SET meter_id = NULL, meter_time = NULL");
    // So many that without them the cause could not be seen.
    (1..=5).for_each(|interval| reading(&rig, interval));

    // The first sweep waits for a message, and that for a locked row.
    rig.publish([check_in("H001", "102", left.plus(60)).as_str()]);
    let mut other = rig.conn();
    for statement in [
        "START TRANSACTION",
        "SELECT * FROM room_state WHERE room_number = '102' FOR UPDATE",
    ] {
        other.query_drop(statement).expect(statement);
    }
    let service = rig.start();
    rig.wait_for_rows(&rig.waiting("REPLACE INTO room_state"), &[1]);
    assert!(!service.log().contains("sweep: "), "{}", service.log());
    // These the stream will show.
    reading(&rig, 6);
    reading(&rig, 7);
    other.query_drop("COMMIT").expect("committed");
    rig.wait_for_rows("SELECT continuous_periods FROM electricity_abnormal", &[4]);
    service.stop();
    rig.finish();
}

#[test]
fn it_stops_while_it_waits_for_the_database() {
    let mut rig = Rig::without_schema("noschema");
    let mut service = rig.start();
    service.wait_for_log("run `roomwatt init-db`");
    let log = service.stop();
    assert!(
        log.contains("stopped: this instance was not active"),
        "{log}"
    );
    rig.finish();
}

#[test]
fn a_full_disk_loses_lines_of_the_log_and_nothing_else() {
    let mut rig = Rig::new("fulldisk");
    let service = Service::start_with_full_disk(&rig.config());
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    service.stop();
    rig.roomwatt(&["init-db"]);
    rig.finish();
}
