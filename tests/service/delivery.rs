//! Notifying the staff: what is sent together, to which bot, and what is no longer sent.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::feishu::{Answer, Received, card_text, message_text, notice_numbers};
use crate::support::proxy::Fault;
use crate::support::{LIMIT, Link, Rig, wait};
use crate::trouble::Trouble;
use crate::{check_in, minutes_ago};

/// Numbers of a hotel's notices, the oldest first.
fn numbers(rig: &Rig, hotel: &str) -> Vec<u64> {
    rig.rows(&format!(
        "SELECT id FROM notification WHERE hotel_id = '{hotel}' ORDER BY id"
    ))
}

/// Waits until all notices are in this state.
fn wait_for_all(rig: &Rig, state: &str) {
    let states = "SELECT DISTINCT state FROM notification";
    rig.wait_for_rows(states, &[state.to_owned()]);
}

/// The only card with exactly these notices, as the staff sees it.
fn card(rig: &Rig, numbers: &[u64]) -> String {
    let cards = rig.feishu.accepted_cards();
    let of = |card: &&Value| notice_numbers(&serde_json::json!({ "card": card })) == numbers;
    let found: Vec<String> = cards.iter().filter(of).map(card_text).collect();
    assert_eq!(
        found.len(),
        1,
        "{numbers:?} among {:?}",
        rig.feishu.accepted_notices()
    );
    found.concat()
}

#[test]
fn a_card_is_of_one_hotel_the_worst_room_first() {
    let mut rig = Rig::new("grouping");
    // The first of them gets lost on its way back.
    rig.feishu.answer_next(Answer::AcceptThenClose);
    let mut service = rig.start();
    service.wait_until_ready();
    let rooms = [("HA", "101"), ("HA", "102"), ("HA", "103"), ("HB", "201")];
    Trouble::of(&rig, &rooms).alert_with(&rig, |room| [2, 5, 3, 2][room]);
    wait_for_all(&rig, "sent");
    let (a, b) = (numbers(&rig, "HA"), numbers(&rig, "HB"));
    // Another hotel does not wait for it.
    let accepted = rig.feishu.accepted_notices();
    assert_eq!(accepted, [&a[..], &b[..], &a[..]].concat());
    let cards = rig.feishu.accepted_cards();
    let of_a: Vec<&Value> = cards
        .iter()
        .filter(|card| card_text(card).contains("HA"))
        .collect();
    assert_eq!(of_a.len(), 2);
    assert_eq!(of_a[0], of_a[1], "a repetition can be recognised");
    let text = card_text(of_a[0]);
    assert!(
        text.starts_with("┌─[red] 空房用电异常 HA · 3 间房：102、103、101 · 最高 5.5 kW\n"),
        "{text}"
    );
    let place = |room: &str| text.find(&format!("🔴 {room} · ")).expect(room);
    assert!(
        place("102") < place("103") && place("103") < place("101"),
        "{text}"
    );
    assert!(!text.contains("HB") && !text.contains("201"), "{text}");
    assert!(card(&rig, &b).starts_with("┌─[red] 空房用电异常 HB · 201 · 4.0 kW\n"));
    service.stop();
    rig.finish();
}

#[test]
fn a_notice_waits_for_others_across_a_restart() {
    let mut rig = Rig::new("company");
    rig.reconfigure("group_wait_seconds = 0", "group_wait_seconds = 600");
    let mut service = rig.start();
    service.wait_until_ready();
    Trouble::of(&rig, &[("HA", "101"), ("HB", "101")]).alert(&rig);
    Trouble::of(&rig, &[("HA", "102"), ("HB", "102")]).alert(&rig);
    service.wait_for_sweeps();
    assert!(
        rig.feishu.received().is_empty(),
        "{:?}",
        rig.feishu.received()
    );
    service.stop();
    // The first of one hotel has waited long enough, and takes the other along.
    let a = numbers(&rig, "HA");
    rig.execute(&format!(
        "UPDATE notification SET created_at = created_at - INTERVAL 600 SECOND WHERE id = {}",
        a[0]
    ));
    let service = rig.start();
    rig.wait_for_rows(
        "SELECT id FROM notification WHERE state = 'sent' ORDER BY id",
        &a,
    );
    assert_eq!(rig.feishu.accepted_notices(), a);
    assert_eq!(rig.feishu.received().len(), 1);
    service.stop();
    rig.finish();
}

#[test]
fn notices_of_a_downtime_are_sent_at_once_with_the_present_status() {
    let mut rig = Rig::new("meanwhile");
    let proxy = rig.proxy(Link::Feishu);
    let mut service = rig.start();
    service.wait_until_ready();
    // Time for eight intervals.
    let room = |hotel| Trouble::since(&rig, &[(hotel, "101")], minutes_ago(190));
    let (mut reminded, mut recovered) = (room("Hreminded"), room("Hrecovered"));
    reminded.alert(&rig);
    recovered.alert(&rig);
    wait_for_all(&rig, "sent");
    proxy.set(Fault::Cut);
    reminded.go_on(&rig);
    recovered.recover(&rig);
    let (mut ended, mut left, mut goes_on) = (room("Hended"), room("Hleft"), room("Hgoes_on"));
    ended.alert(&rig);
    ended.recover(&rig);
    goes_on.alert(&rig);
    goes_on.go_on(&rig);
    left.alert(&rig);
    rig.publish([check_in("Hleft", "101", minutes_ago(1)).as_str()]);
    let guests = "SELECT hotel_id FROM electricity_monitoring WHERE msg_type = 'checkin'";
    rig.wait_for_rows(guests, &["Hleft".to_owned()]);
    proxy.lift();
    wait_for_all(&rig, "sent");

    for (hotel, begins, part) in [
        (
            "Hended",
            "[grey] 空房用电异常（已恢复） Hended · 101",
            "恢复时间",
        ),
        (
            "Hleft",
            "[grey] 空房用电异常不再跟踪 Hleft · 101 · 客人已入住",
            "房态：住客房",
        ),
        ("Hgoes_on", "[red] 空房用电异常 Hgoes_on · 101", "8 个周期"),
    ] {
        let text = card(&rig, &numbers(&rig, hotel));
        assert!(text.contains(begins) && text.contains(part), "{text}");
    }
    for (hotel, begins) in [
        ("Hreminded", "[orange] 空房用电异常仍在持续 Hreminded · 101"),
        ("Hrecovered", "[green] 空房用电已恢复正常 Hrecovered · 101"),
    ] {
        let of_hotel = numbers(&rig, hotel);
        assert_eq!(of_hotel.len(), 2);
        let text = card(&rig, &of_hotel[1..]);
        assert!(text.contains(begins), "{text}");
    }
    let notified = "SELECT COUNT(*), CAST(SUM(is_notified) AS SIGNED) FROM electricity_abnormal";
    assert_eq!(rig.rows::<(u32, u32)>(notified), [(5, 5)]);
    service.stop();
    rig.finish();
}

/// "A run that ends otherwise (gap, replaced meter, newer event) closes without a recovery; where
/// it was sent, the staff is notified that it is no longer followed."
#[test]
fn the_end_of_each_alert_is_sent_even_if_it_is_no_recovery() {
    let mut rig = Rig::new("closings");
    let name = "[[hotels]]\nhotel_id = 'Hgap'\nname = '滨江店'\n[log]";
    rig.reconfigure("[log]", name);
    let mut service = rig.start();
    service.wait_until_ready();
    let room = |hotel| Trouble::since(&rig, &[(hotel, "101")], minutes_ago(310));
    let hotels = ["Hguest", "Hgap", "Hmeter", "Hinterval"];
    let [mut guest, mut gap, mut meter, mut interval] = hotels.map(room);
    for room in [&mut guest, &mut gap, &mut meter, &mut interval] {
        room.alert(&rig);
    }
    wait_for_all(&rig, "sent");
    let arrived = minutes_ago(1);
    rig.publish([check_in("Hguest", "101", arrived).as_str()]);
    let closed = "SELECT hotel_id FROM notification WHERE kind = 'closed'";
    rig.wait_for_rows(closed, &["Hguest".to_owned()]);
    gap.fall_silent(&rig);
    meter.replace_meters(&rig);
    wait_for_all(&rig, "sent");
    let log = service.stop();
    rig.configure("check_interval_minutes = 60");
    let service = rig.start();
    interval.go_on_in_other_intervals(&rig);
    wait_for_all(&rig, "sent");

    let arrived = format!("客人已于 {} 入住", arrived.day_hour_minute());
    for (hotel, begins, part) in [
        (
            "Hguest",
            "[grey] 空房用电异常不再跟踪 Hguest · 101 · 客人已入住",
            arrived.as_str(),
        ),
        (
            "Hgap",
            "[yellow] 空房用电异常监测已中断 滨江店 · 101 · 抄表中断",
            "抄表曾中断，暂时无法判断是否恢复",
        ),
        (
            "Hmeter",
            "[yellow] 空房用电异常监测已中断 Hmeter · 101 · 电表更换或清零",
            "如仍异常，会再次报警",
        ),
        (
            "Hinterval",
            "[yellow] 空房用电异常监测已中断 Hinterval · 101 · 判断周期已更改",
            "从现在起重新判断",
        ),
    ] {
        let of_hotel = numbers(&rig, hotel);
        assert_eq!(of_hotel.len(), 2, "{hotel}");
        let red = card(&rig, &of_hotel[..1]);
        assert!(red.contains("[red] 空房用电异常 "), "{red}");
        let text = card(&rig, &of_hotel[1..]);
        assert!(text.contains(begins) && text.contains(part), "{text}");
        assert!(
            !text.contains("Hgap"),
            "its name stands in its place: {text}"
        );
    }
    let log = log + &service.stop();
    for (room, why) in [
        ("Hguest/101", "check-in at "),
        ("Hgap/101", "a gap in the readings"),
        ("Hmeter/101", "the meter was replaced or reset"),
        (
            "Hinterval/101",
            "monitoring.check_interval_minutes was changed",
        ),
    ] {
        let why = format!("; it is no longer followed: {why}");
        let is_it = |line: &str| line.contains(&format!("closed {room} ")) && line.contains(&why);
        assert!(log.lines().any(is_it), "{room}: {why} is not in\n{log}");
    }
    // It is no anomaly of its own.
    let notified = "SELECT COUNT(*), CAST(SUM(is_notified) AS SIGNED) FROM electricity_abnormal";
    assert_eq!(rig.rows::<(u32, u32)>(notified), [(4, 4)]);
    rig.finish();
}

#[test]
fn expired_and_unreadable_notices_are_not_sent_and_delay_no_other() {
    let mut rig = Rig::new("expiry");
    let proxy = rig.proxy(Link::Feishu);
    proxy.set(Fault::Cut);
    let mut service = rig.start();
    service.wait_until_ready();
    let hotels = ["Hold", "Hgarbled", "Hyoung"];
    Trouble::of(&rig, &hotels.map(|hotel| (hotel, "101"))).alert(&rig);
    let mut run = Trouble::of(&rig, &[("Hrun", "101")]);
    run.alert(&rig);
    run.recover(&rig);
    service.stop();
    let set = |which: &str, columns: &str| {
        rig.execute(&format!("UPDATE notification SET {columns} WHERE {which}"));
    };
    let hours_ago = |hours: u32| format!("created_at = NOW() - INTERVAL {hours} HOUR");
    set("hotel_id = 'Hold'", &hours_ago(25));
    set("hotel_id = 'Hyoung'", &hours_ago(23));
    // Its end is young.
    set("hotel_id = 'Hrun' AND kind = 'alert'", &hours_ago(25));
    set("hotel_id = 'Hgarbled'", "body = 'no notice'");
    proxy.lift();

    let service = rig.start();
    let [old, garbled, young, run] =
        ["Hold", "Hgarbled", "Hyoung", "Hrun"].map(|hotel| numbers(&rig, hotel));
    let states = "SELECT id, state, error IS NOT NULL FROM notification ORDER BY id";
    let mut expected: Vec<(u64, String, bool)> = Vec::new();
    for (ids, state, has_error) in [
        (&old, "expired", false),
        (&garbled, "failed", true),
        (&young, "sent", false),
        (&run, "sent", false),
    ] {
        expected.extend(ids.iter().map(|id| (*id, state.to_owned(), has_error)));
    }
    expected.sort();
    rig.wait_for_rows(states, &expected);
    let accepted = BTreeSet::from_iter(rig.feishu.accepted_notices());
    assert_eq!(accepted, young.iter().chain(&run).copied().collect());
    let notified = "SELECT hotel_id FROM electricity_abnormal WHERE is_notified ORDER BY hotel_id";
    assert_eq!(rig.rows::<String>(notified), ["Hrun", "Hyoung"]);
    // An operator wants it sent all the same: its number is lower than those already sent.
    let output = rig.roomwatt(&["outbox", "retry", &old[0].to_string()]);
    assert!(output.status.success(), "{output:?}");
    rig.wait_for_rows(notified, &["Hold", "Hrun", "Hyoung"].map(str::to_owned));
    assert_eq!(rig.feishu.accepted_notices().last(), Some(&old[0]));
    let log = service.stop();
    for expected in [
        format!(
            "notices {} are older than feishu.notice_max_age_hours",
            old[0]
        ),
        format!(
            "notice {} can't be sent: its body can't be read",
            garbled[0]
        ),
    ] {
        let is_it = |line: &str| line.contains("ERROR") && line.contains(&expected);
        assert!(log.lines().any(is_it), "{expected} is not in\n{log}");
    }
    rig.finish();
}

#[test]
fn each_hotel_has_its_bot_and_a_dead_one_delays_no_other() {
    /// A little less than the service waits for an answer.
    const STALL: Duration = Duration::from_secs(9);
    /// The outbox is read this often, woken or not.
    const IDLE: Duration = Duration::from_secs(30);
    let mut rig = Rig::new("routes");
    let (stalled, well) = (rig.route(&["Ha", "Hb"]), rig.route(&["Hc"]));
    let unused = rig.route(&["Hd"]);
    let there = unused.webhook_url();
    let nowhere = there.replace(&format!(":{}/", rig.feishu.port()), ":1/");
    rig.reconfigure(&there, &nowhere);
    let default = format!("webhook_url = '{}'", rig.feishu.webhook_url());
    rig.reconfigure(&default, "");
    for _ in 0..20 {
        stalled.answer_next(Answer::Stall);
    }
    let mut service = rig.start();
    service.wait_for_log("notices of hotels without a route go to the log only");
    service.wait_until_ready();
    let rooms = ["Ha", "Hb", "Hc", "Hd", "He"].map(|hotel| (hotel, "101"));
    let mut rooms = vec![Trouble::of(&rig, &rooms)];
    rooms.extend(["102", "103", "104"].map(|room| Trouble::of(&rig, &[("Hc", room)])));
    let waits = (1..).zip(&mut rooms).map(|(count, rooms)| {
        rooms.alert(&rig);
        let recorded = Instant::now();
        well.wait_until("a card an alert", LIMIT, |received| {
            received.iter().filter(|request| request.accepted).count() == count
        });
        recorded.elapsed()
    });
    // One or two of them may meet the rush of a half hour.
    let least = waits.min().expect("alerts");
    assert!(least < IDLE / 2, "it was not woken: {least:?}");
    let (slow, fast) = (stalled.received(), well.received());
    let meanwhile = fast.iter().any(|request| {
        let stalls = |stalled: &Received| {
            request
                .at
                .checked_duration_since(stalled.at)
                .is_some_and(|since| since < STALL)
        };
        slow.iter().any(stalls)
    });
    assert!(meanwhile, "one waits for the other: {slow:?}, {fast:?}");
    assert!(stalled.accepted_notices().is_empty() && stalled.answers_left() > 0);
    rig.wait_for_rows(
        "SELECT state FROM notification WHERE hotel_id = 'He'",
        &["logged".to_owned()],
    );
    service.wait_for_log("notifying the bot of Ha, Hb failed, retrying");
    service.wait_for_log("notifying the bot of Hd failed, retrying");
    wait("the stalled bot's notices to be accepted", || {
        stalled.release();
        match stalled.accepted_notices().len() {
            2 => Ok(()),
            _ => Err(format!("{:?}", stalled.received())),
        }
    });
    let mut accepted = stalled.accepted_notices();
    accepted.sort_unstable();
    let mut hotels = [numbers(&rig, "Ha"), numbers(&rig, "Hb")].concat();
    hotels.sort_unstable();
    assert_eq!(accepted, hotels);
    assert_eq!(well.accepted_notices(), numbers(&rig, "Hc"));
    let waiting = "SELECT hotel_id FROM notification WHERE state = 'pending'";
    rig.wait_for_rows(waiting, &["Hd".to_owned()]);
    assert!(unused.received().is_empty() && rig.feishu.received().is_empty());
    service.stop();
    rig.finish();
}

#[test]
fn a_proxy_is_used_only_where_it_is_configured() {
    let mut rig = Rig::new("proxied");
    let dead = "http://127.0.0.1:1";
    let environment = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "all_proxy",
    ];
    let environment = environment.map(|name| (name, dead));
    let mut service = rig.start_with(&environment);
    service.wait_until_ready();
    Trouble::of(&rig, &[("H001", "101")]).alert(&rig);
    wait_for_all(&rig, "sent");
    service.stop();

    // Nothing listens at the bot's address; the proxy leads to the bot all the same.
    let port = rig.feishu.port();
    let password = rig.secret("proxy");
    let bot = rig.feishu.webhook_url();
    let nowhere = bot.replace(&format!(":{port}/"), ":1/");
    rig.reconfigure(&bot, &nowhere);
    let proxy = format!("[feishu]\nproxy = 'http://user:{password}@127.0.0.1:{port}'\n");
    rig.reconfigure("[feishu]\n", &proxy);
    let mut service = rig.start_with(&environment);
    service.wait_until_ready();
    Trouble::of(&rig, &[("H001", "102")]).alert(&rig);
    wait_for_all(&rig, "sent");
    assert_eq!(rig.feishu.accepted_notices(), numbers(&rig, "H001"));
    service.stop();
    rig.finish();
}

#[test]
fn names_are_neither_mentions_nor_links() {
    let mut rig = Rig::new("injection");
    rig.feishu.answer_next(Answer::Code {
        status: 200,
        code: 11_246,
        msg: "path: message->card".into(),
    });
    let mut service = rig.start();
    service.wait_until_ready();
    let hotel = "<at id=all></at>";
    Trouble::of(&rig, &[(hotel, "[x](http://x)"), (hotel, "<a@b.cn>")]).alert(&rig);
    wait_for_all(&rig, "sent");
    let received = rig.feishu.received();
    assert_eq!(received.len(), 2);
    let card = received[0].body["card"].to_string();
    assert!(
        !card.contains("lark_md") && !card.contains("markdown"),
        "{card}"
    );
    let text = card_text(&received[0].body["card"]);
    for part in [hotel, "[x](http://x)", "<a@b.cn>"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let text = message_text(&received[1].body);
    for part in ["<at", "http://", "@", "b.cn", "](", "所有人"] {
        assert!(!text.contains(part), "{part} is in\n{text}");
    }
    for part in ["＜at id=all＞", "［x］（http：／／x）", "＜a＠b．cn＞"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // However it was shown.
    assert_eq!(
        rig.rows::<bool>("SELECT is_notified FROM electricity_abnormal"),
        [true, true]
    );
    service.stop();
    rig.finish();
}
