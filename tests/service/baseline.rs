//! The baseline rule in the service: what is unusual for a room by itself.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use signal_hook::consts::SIGKILL;

use roomwatt::types::LocalTime;

use crate::support::feishu::message_text;
use crate::support::{Rig, wait};
use crate::{check_out, minutes_ago};

const LIMIT: Duration = Duration::from_secs(60);
const ALERTS: &str = "SELECT CONCAT_WS(' ', room_number, continuous_periods, is_notified) \
     FROM electricity_abnormal ORDER BY room_number, id";

const NOTICES: &str =
    "SELECT CONCAT_WS(' ', hotel_id, room_number, kind) FROM notification ORDER BY id";
/// The hotels of which the staff was notified; each has a row for what it uses, too.
const HOTELS: &str = "SELECT CONCAT_WS(' ', hotel_id, CAST(rise_time AS CHAR)) FROM hotel_state \
     WHERE rise_time IS NOT NULL OR level_time IS NOT NULL";

/// Rooms of a hotel that were left 7 hours ago, and are read each half hour from then on.
struct Vacant<'a> {
    rig: &'a Rig,
    hotel: &'a str,
    left: LocalTime,
    /// Each with what it uses in half an hour from when on it uses more, in hundredths of a kWh.
    rooms: &'a [(&'a str, i64)],
    /// So many half hours after.
    rises: i64,
}

impl Vacant<'_> {
    fn leave(&self) {
        for (room, _) in self.rooms {
            (self.rig).publish([check_out(self.hotel, room, self.left).as_str()]);
        }
    }

    /// The readings of these half hours.
    fn read(&self, half_hours: std::ops::RangeInclusive<i64>) {
        for (room, more) in self.rooms {
            for nth in half_hours.clone() {
                let register = 100_000 + 4 * nth.min(self.rises) + more * (nth - self.rises).max(0);
                let kwh = format!("{}.{:02}", register / 100, register % 100);
                let time = self.left.plus(nth * 1_800).to_string();
                self.rig.meter(self.hotel, room, &time, &kwh);
            }
        }
    }
}

/// Three of five rooms begin to use 0.25 kWh, three hours after they were left.
fn rising<'a>(rig: &'a Rig, hotel: &'a str) -> Vacant<'a> {
    Vacant {
        rig,
        hotel,
        left: minutes_ago(420),
        rooms: &[
            ("101", 25),
            ("102", 25),
            ("103", 25),
            ("104", 4),
            ("105", 4),
        ],
        rises: 6,
    }
}

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
    // What the rooms had in common is kept of each frame that was looked at, once.
    const FRAMES: &str = "SELECT CONCAT_WS(' ', COUNT(*), COUNT(DISTINCT frame_time), \
         SUM(vacant = 5), MIN(allowance_wh)) FROM hotel_frame WHERE hotel_id = 'H001'";
    rig.wait_for_rows(FRAMES, &["12 12 10 100".to_owned()]);
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<String>(FRAMES), ["12 12 10 100"]);
    assert_eq!(rig.rows::<String>(ALERTS), ["102 4 1"]);
    // The account is kept: an alert at 4 periods, which is written as known to nobody.
    let accounts = "SELECT CONCAT_WS(' ', room_number, JSON_EXTRACT(state, '$.b.r[4]'), \
         JSON_EXTRACT(state, '$.b.r[5]')) FROM room_state \
         WHERE room_number < '103' ORDER BY room_number";
    rig.wait_for_rows(accounts, &["101 4 0".to_owned(), "102 4 0".to_owned()]);
    // Of a hotel nothing is remembered: the staff has not been notified of it.
    let vacant = rising(&rig, "H002");
    vacant.leave();
    vacant.read(0..=10);
    let left = vacant.left;
    let evaluated = format!(
        "SELECT COUNT(*) FROM room_state WHERE hotel_id = 'H002' AND seen_time = '{}'",
        left.plus(10 * 1_800)
    );
    rig.wait_for_rows(&evaluated, &[5]);
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<String>(HOTELS), [""; 0]);
    assert_eq!(rig.rows::<String>(NOTICES), ["H001 102 alert"]);
    service.stop();
    // Switched on while it goes on, it notifies of it.
    rig.configure("[baseline]\nmode = \"on\"\n");
    Vacant {
        left,
        ..rising(&rig, "H002")
    }
    .read(11..=11);
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT kind FROM notification WHERE hotel_id = 'H002'",
        &["rise".to_owned()],
    );
    service.stop();
    rig.finish();
}

/// The frame in which they have used more for two half hours is looked at two frames later.
#[test]
fn many_rooms_that_begin_to_use_more_are_one_card_also_across_a_restart() {
    let mut rig = Rig::new("baseline_rise");
    rig.configure("[baseline]\nmode = \"on\"\n");
    let vacant = rising(&rig, "H001");
    let left = vacant.left;
    vacant.leave();
    vacant.read(0..=10);
    // They go on: so are the two frames after it.
    let later = move |rig: &Rig, nth| {
        Vacant {
            left,
            ..rising(rig, "H001")
        }
        .read(nth..=nth)
    };
    let service = rig.start();
    rig.wait_for_rows(NOTICES, &["H001  rise".to_owned()]);
    let hot = left.plus(8 * 1_800).seconds() / 1_800 * 1_800;
    let hot = LocalTime::from_seconds(hot).expect("a time");
    rig.wait_for_rows(HOTELS, &[format!("H001 {hot}")]);
    let log = service.stop();
    let since = hot.plus(-1_800);
    let line = format!("hotel H001: 3 of 5 vacant rooms began to use more since {since}; ");
    assert!(log.contains(&line), "{log}");

    for (nth, hot_frames_before) in [(11, 1), (12, 2)] {
        later(&rig, nth);
        let service = rig.start();
        let last = hot.plus(hot_frames_before * 1_800);
        rig.wait_for_rows(HOTELS, &[format!("H001 {last}")]);
        service.wait_for_sweeps();
        service.stop();
    }
    rig.wait_for_rows("SELECT state FROM notification", &["sent".to_owned()]);
    assert_eq!(rig.rows::<String>(NOTICES), ["H001  rise"]);
    let received = (rig.feishu).wait_until("a card", LIMIT, |received| !received.is_empty());
    assert_eq!(received.len(), 1);
    let card = message_text(&received[0].body);
    let said = format!(
        "自 {} 起，5 间空房中有 3 间用电同时上升：是否统一开启了采暖或防冻？",
        since.day_hour_minute()
    );
    for part in [
        "┌─[yellow] 多间空房用电同时上升 H001 · 3 间，共 5 间\n",
        &said,
        "一天内暂不对单间空房报警",
    ] {
        assert!(card.contains(part), "{part} is not in\n{card}");
    }

    // A backtest finds the same.
    let day = left.date();
    let found = rig.roomwatt(&["backtest", "--from", &day, "--language", "en"]);
    let detected = hot.plus(1_800);
    let line = format!(
        "{{\"event\":\"rise\",\"hotel_id\":\"H001\",\"detected_time\":\"{detected}\",\
         \"since\":\"{since}\",\"rooms\":3,\"vacant_rooms\":5,\"kwh_per_interval\":0.175,\
         \"kwh_a_day\":25.2}}\n"
    );
    let lines = String::from_utf8_lossy(&found.stdout);
    assert_eq!(lines, line);
    let counted = String::from_utf8_lossy(&found.stderr);
    let rises = "whole hotels: rise 1 (many vacant rooms began to use more), level 0 (many use";
    assert!(counted.contains(rises), "{counted}");
    rig.finish();
}

/// The rooms and what is found of their hotel are written in the same transaction, or the hotel
/// first.
#[test]
fn what_is_found_of_a_hotel_is_notified_once_wherever_the_service_is_killed() {
    let mut rig = Rig::new("baseline_killed");
    rig.configure("[baseline]\nmode = \"on\"\n");
    let mut expected = Vec::new();
    for (hotel, point, is_written) in [
        ("H001", "commit::before", false),
        ("H002", "commit::after", true),
        ("H003", "adopt::after", true),
    ] {
        let left = rising(&rig, hotel).left;
        let vacant = |rig, half_hours| {
            Vacant {
                left,
                ..rising(rig, hotel)
            }
            .read(half_hours)
        };
        let service = rig.start();
        rising(&rig, hotel).leave();
        vacant(&rig, 0..=9);
        rig.wait_for_rows(
            &format!(
                "SELECT COUNT(*) FROM room_state WHERE hotel_id = '{hotel}' \
                AND seen_time = '{}'",
                left.plus(9 * 1_800)
            ),
            &[5],
        );
        service.stop();
        assert_eq!(
            rig.rows::<String>(NOTICES),
            expected,
            "too early for {hotel}"
        );
        vacant(&rig, 10..=10);
        let mut service = rig.start_with(&[("FAILPOINTS", &format!("{point}=return"))]);
        let status = wait(&format!("the service to be killed at {point}"), || {
            service.ended().ok_or_else(|| service.log())
        });
        assert_eq!(status.signal(), Some(SIGKILL), "{}", service.log());
        let notice = format!("{hotel}  rise");
        let written = rig.rows::<String>(NOTICES);
        assert_eq!(
            written.contains(&notice),
            is_written,
            "at {point}: {written:?}"
        );
        expected.push(notice);
        let service = rig.start();
        rig.wait_for_rows(NOTICES, &expected);
        service.wait_for_sweeps();
        service.stop();
        assert_eq!(rig.rows::<String>(NOTICES), expected, "after {point}");
    }
    rig.finish();
}

/// It would look normal, whatever else is left on.
#[test]
fn what_most_rooms_use_is_notified_with_what_it_costs() {
    let mut rig = Rig::new("baseline_level");
    rig.reconfigure(
        "[feishu]\n",
        "[feishu]\nlanguage = \"en\"\nprice_per_kwh = 0.8\n",
    );
    rig.configure("[baseline]\nmode = \"on\"\n");
    // From when the guests left.
    let vacant = Vacant {
        rooms: &[
            ("101", 50),
            ("102", 50),
            ("103", 50),
            ("104", 40),
            ("105", 4),
        ],
        rises: 0,
        ..rising(&rig, "H001")
    };
    vacant.leave();
    vacant.read(0..=6);
    let service = rig.start();
    rig.wait_for_rows("SELECT state FROM notification", &["sent".to_owned()]);
    let received = (rig.feishu).wait_until("a card", LIMIT, |received| !received.is_empty());
    let card = message_text(&received[0].body);
    // Of 60 Wh that such a room is taken to use by itself, in steps of 25: 3 * 425 + 325 Wh.
    for part in [
        "Many vacant rooms use more than they need · H001 · about 77 kWh a day more",
        "4 of 5 vacant rooms use at least 0.2 kWh per 30 min more than vacant rooms need.",
        "single rooms that use up to 0.64 kWh more can't be seen now",
        "Level in common: 0.42 kWh per 30 min more",
        "More each day: 77 kWh (about ¥61)",
    ] {
        assert!(card.contains(part), "{part} is not in\n{card}");
    }
    assert_eq!(rig.rows::<String>(NOTICES), ["H001  level"]);
    service.stop();
    rig.finish();
}
