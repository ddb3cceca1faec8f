//! From a message and meter rows to a card, through the whole service.

use crate::support::{LIMIT, Rig, feishu};
use crate::{check_in, check_out, minutes_ago};

#[test]
fn abnormal_use_after_a_check_out_is_sent_as_a_card() {
    let mut rig = Rig::new("walk");
    let mut service = rig.start();
    service.wait_until_ready();
    let left = minutes_ago(200);
    rig.publish([check_out("H001", "101", left).as_str()]);
    for (interval, register) in ["500.00", "502.40", "504.80", "507.20", "509.60"]
        .iter()
        .enumerate()
    {
        let time = left.plus(interval as i64 * 1_800);
        rig.meter("H001", "101", &time.to_string(), register);
    }

    let received = rig
        .feishu
        .wait_until("one card", LIMIT, |received| received.len() == 1);
    assert!(received[0].accepted, "{received:?}");
    let card = feishu::card_text(&received[0].body["card"]);
    for part in [
        "[red]",
        "用电异常",
        "H001",
        "101",
        "空房（已退房）",
        "2 小时（4 个周期）",
        "9.6 kWh",
        "阈值 1.5 kWh",
    ] {
        assert!(card.contains(part), "{part} is not in\n{card}");
    }
    let detected = left.plus(4 * 1_800).to_string();
    rig.wait_for_rows(
        "SELECT hotel_id, room_number, CAST(detected_time AS CHAR), CAST(total_consumption AS \
         CHAR), continuous_periods, is_notified, msg_type FROM electricity_abnormal",
        &[(
            "H001".to_owned(),
            "101".to_owned(),
            detected.clone(),
            "9.60".to_owned(),
            4,
            true,
            "checkout".to_owned(),
        )],
    );
    rig.wait_for_rows(
        "SELECT kind, state, CAST(detected_time AS CHAR), sent_at IS NOT NULL FROM notification",
        &[("alert".to_owned(), "sent".to_owned(), detected, true)],
    );
    let watches: Vec<(String, String, Option<String>, String, String)> = rig.rows(
        "SELECT msg_type, CAST(actual_checkout_time AS CHAR), CAST(check_in_time AS CHAR), \
         CAST(initial_reading AS CHAR), CAST(monitoring_start_time AS CHAR) \
         FROM electricity_monitoring",
    );
    let left = left.to_string();
    assert_eq!(
        watches,
        [(
            "checkout".to_owned(),
            left.clone(),
            None,
            "500.00".to_owned(),
            left
        )]
    );

    let log = service.stop();
    assert!(
        log.contains("stopped: everything taken is written"),
        "{log}"
    );
    assert_eq!(
        rig.waiting_messages(),
        0,
        "the message was not acknowledged"
    );
    rig.finish();
}

#[test]
fn a_recovery_is_sent_and_a_check_in_ends_the_vacant_watch() {
    let mut rig = Rig::new("recovery");
    let mut service = rig.start();
    service.wait_until_ready();
    let left = minutes_ago(300);
    rig.publish([check_out("H001", "102", left).as_str()]);
    let mut register = 1_000.0;
    for interval in 0..=6 {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter("H001", "102", &time, &format!("{register:.2}"));
        register += if interval < 5 { 1.6 } else { 0.1 };
        if interval == 5 {
            // The alert has to be sent before the run ends, or its card would report the end, too.
            rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
        }
    }
    rig.wait_for_rows(
        "SELECT kind FROM notification ORDER BY id",
        &["alert".to_owned(), "recovered".to_owned()],
    );

    let arrived = left.plus(7 * 1_800);
    rig.publish([check_in("H001", "102", arrived).as_str()]);
    rig.wait_for_rows(
        "SELECT msg_type, CAST(stay_time AS CHAR) FROM room_state",
        &[("checkin".to_owned(), arrived.to_string())],
    );
    rig.wait_for_rows(
        "SELECT msg_type FROM electricity_monitoring ORDER BY id",
        &["checkout".to_owned(), "checkin".to_owned()],
    );
    let received = rig
        .feishu
        .wait_until("two cards", LIMIT, |received| received.len() == 2);
    let colours: Vec<_> = received
        .iter()
        .map(|r| &r.body["card"]["header"]["template"])
        .collect();
    assert_eq!(colours, ["red", "green"]);
    rig.publish([check_in("H001", "102", arrived).as_str(), "no message"]);
    rig.publish([check_out("H001", "102", left).as_str()]);
    service.wait_for_log("is older than what is known");
    let log = service.stop();
    // The number of late readings depends on which rows each sweep finds, so it is left out.
    for part in [
        "the last minutes: messages: 1 check-in, 1 check-out, 1 duplicate, 1 stale, 0 ignored, \
         1 refused; meters: 8 readings, ",
        "0 invalid, 0 gaps, 0 outliers, 0 replaced; intervals: 6 judged, 5 abnormal; notices: \
         1 alert, 0 reminders, 1 recovered, 0 closed, 0 hotels silent, 0 back, 0 frozen, \
         0 moving again, 2 sent, 0 logged, 0 expired, 0 failed, 0 withdrawn\n",
    ] {
        assert!(log.contains(part), "{part} is not in\n{log}");
    }
    rig.finish();
}
