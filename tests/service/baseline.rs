//! The baseline rule in the service: what is unusual for a room by itself.

use std::time::Duration;

use crate::support::Rig;
use crate::support::feishu::message_text;
use crate::{check_out, minutes_ago};

const LIMIT: Duration = Duration::from_secs(60);
const ALERTS: &str = "SELECT CONCAT_WS(' ', room_number, continuous_periods, is_notified) \
     FROM electricity_abnormal ORDER BY room_number, id";

/// Five rooms have been vacant for 7 hours. After three of them 101 begins to use 0.5 kWh in half
/// an hour, which no threshold sees, and 102 uses 2 kWh.
fn vacant_rooms(rig: &Rig) {
    let now = minutes_ago(0);
    let ago = |minutes: i64| now.plus(-minutes * 60);
    for (room, used) in [
        ("101", 50),
        ("102", 200),
        ("103", 4),
        ("104", 4),
        ("105", 4),
    ] {
        rig.publish([check_out("H001", room, ago(420)).as_str()]);
        let mut register = 100_000;
        for nth in 0..=12 {
            // The register is in hundredths of a kWh.
            register += if nth > 5 { used } else { 4 };
            let kwh = format!("{}.{:02}", register / 100, register % 100);
            rig.meter("H001", room, &ago(420 - 30 * nth).to_string(), &kwh);
        }
    }
}

#[test]
fn what_is_unusual_for_a_room_is_notified_once_whichever_rule_finds_it() {
    let mut rig = Rig::new("baseline_on");
    rig.configure("[baseline]\nmode = \"on\"\n");
    vacant_rooms(&rig);
    let service = rig.start();
    // 102 breaks both rules: both are recorded, and the staff has one card of it.
    let alerts = ["101 4 1", "102 4 1", "102 4 1"].map(str::to_owned);
    rig.wait_for_rows(ALERTS, &alerts);
    rig.wait_for_rows(
        "SELECT COUNT(*) FROM notification WHERE state = 'pending'",
        &[0_u32],
    );
    let received = (rig.feishu).wait_until("a card", LIMIT, |received| !received.is_empty());
    let cards: Vec<String> = received.iter().map(|it| message_text(&it.body)).collect();
    let all = cards.join("\n");
    let reason = "已连续 2 小时每 30 分钟用电 0.5 kWh；本房空置时约 0.06，\
         此时本店其他 4 间空房为 0.04（10–90 百分位）。";
    assert!(all.contains(reason), "{all}");
    let of = |room: &str| all.matches(&format!("🔴 {room} · ")).count();
    assert_eq!((of("101"), of("102")), (1, 1), "{all}");
    let log = service.stop();
    assert!(log.contains("alert (baseline) H001/101"), "{log}");
    rig.finish();
}

/// It is the default: nobody is notified, and the thresholds find what they find.
#[test]
fn in_shadow_it_is_computed_and_nobody_is_notified() {
    let mut rig = Rig::new("baseline_shadow");
    vacant_rooms(&rig);
    let service = rig.start();
    rig.wait_for_rows(ALERTS, &["102 4 1".to_owned()]);
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<String>(ALERTS), ["102 4 1"]);
    // The account is kept: an alert at 4 periods, which is written as known to nobody.
    let accounts = "SELECT CONCAT_WS(' ', room_number, JSON_EXTRACT(state, '$.b.r[4]'), \
         JSON_EXTRACT(state, '$.b.r[5]')) FROM room_state \
         WHERE room_number < '103' ORDER BY room_number";
    rig.wait_for_rows(accounts, &["101 4 0".to_owned(), "102 4 0".to_owned()]);
    service.stop();
    rig.finish();
}
