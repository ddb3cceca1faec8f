//! Telling the staff.

use crate::support::{LIMIT, Rig, feishu::Answer};
use crate::{check_out, minutes_ago};

/// A room whose alert is due at the next sweep.
fn trouble(rig: &Rig, room: &str) {
    let left = minutes_ago(200);
    for interval in 0..=4 {
        let time = left.plus(interval * 1_800).to_string();
        rig.meter("H001", room, &time, &format!("{}.00", 100 + 2 * interval));
    }
    rig.publish([check_out("H001", room, left).as_str()]);
}

#[test]
fn http_200_with_a_code_is_not_told() {
    let mut rig = Rig::new("refusal");
    rig.feishu.answer_next(Answer::Code {
        status: 200,
        code: 11_232,
        msg: "frequency limited".into(),
    });
    rig.feishu.answer_next(Answer::Status(503));
    rig.feishu.answer_next(Answer::NotJson("<html>".into()));
    let mut service = rig.start();
    service.wait_until_ready();
    trouble(&rig, "101");
    rig.feishu
        .wait_until("an acceptance at the fourth time", LIMIT, |received| {
            received.len() == 4 && received[3].accepted
        });
    rig.wait_for_rows("SELECT state FROM notification", &["sent".to_owned()]);
    rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    rig.finish();
}

#[test]
fn is_notified_stays_false_until_feishu_accepts() {
    let mut rig = Rig::new("notified");
    rig.reconfigure("secret = 'canary", "secret = 'wrong");
    let mut service = rig.start();
    service.wait_until_ready();
    trouble(&rig, "101");
    service.wait_for_log("19021");
    service.wait_for_log("the secret is wrong: copy it from the bot's settings");
    assert_eq!(
        rig.rows::<bool>("SELECT is_notified FROM electricity_abnormal"),
        [false]
    );
    assert_eq!(
        rig.rows::<String>("SELECT state FROM notification"),
        ["pending"]
    );
    service.stop();

    rig.reconfigure("secret = 'wrong", "secret = 'canary");
    let service = rig.start();
    rig.wait_for_rows("SELECT is_notified FROM electricity_abnormal", &[true]);
    service.stop();
    rig.finish();
}

#[test]
fn without_a_bot_notices_go_to_the_log() {
    let mut rig = Rig::new("nobot");
    rig.reconfigure("webhook_url = ", "language = 'en'\n#");
    let mut service = rig.start();
    service.wait_for_log("no feishu.webhook_url is set");
    service.wait_until_ready();
    trouble(&rig, "101");
    service.wait_for_log("Abnormal power use H001 · 101");
    rig.wait_for_rows("SELECT state FROM notification", &["logged".to_owned()]);
    assert_eq!(
        rig.rows::<bool>("SELECT is_notified FROM electricity_abnormal"),
        [false],
        "nobody has been told"
    );
    service.stop();
    rig.finish();
}

#[test]
fn notices_that_are_refused_hold_up_no_others() {
    const REFUSED: usize = 21;
    let mut rig = Rig::new("heldup");
    // Refused for what they are, each time they are tried.
    rig.feishu.set_limits(1_000, 1_000);
    for _ in 0..REFUSED {
        rig.feishu.answer_next(Answer::Code {
            status: 200,
            code: 11_246,
            msg: "card refused".into(),
        });
    }
    for room in 0..=REFUSED {
        trouble(&rig, &format!("{room:03}"));
    }
    let mut service = rig.start();
    service.wait_until_ready();
    rig.feishu.wait_until("the last one", LIMIT, |received| {
        received.len() > REFUSED && received[REFUSED].accepted
    });
    rig.wait_for_rows(
        "SELECT room_number IS NOT NULL FROM electricity_abnormal WHERE is_notified LIMIT 1",
        &[true],
    );
    service.stop();
    rig.finish();
}

#[test]
fn each_anomaly_is_notified_by_its_own_notice() {
    let mut rig = Rig::new("corrected");
    // The first notice hangs while the second comes about; then it is accepted, the other not yet.
    rig.feishu.answer_next(Answer::Stall);
    for _ in 0..5 {
        rig.feishu.answer_next(Answer::Status(503));
    }
    let mut service = rig.start();
    service.wait_until_ready();
    trouble(&rig, "101");
    let notified = "SELECT is_notified FROM electricity_abnormal ORDER BY id";
    rig.wait_for_rows(notified, &[false]);
    // The check-out is corrected by seconds: the same alert once more, of another stay.
    rig.publish([check_out("H001", "101", minutes_ago(200).plus(20)).as_str()]);
    rig.wait_for_rows(notified, &[false, false]);
    rig.feishu.release();
    rig.wait_for_rows(notified, &[true, false]);
    rig.wait_for_rows(notified, &[true, true]);
    service.stop();
    rig.finish();
}
