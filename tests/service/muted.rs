//! Incidents that somebody has acknowledged or snoozed: what is not sent, and what is all the same.

use crate::minutes_ago;
use crate::support::feishu::{card_text, notice_numbers};
use crate::support::proxy::Fault;
use crate::support::{Link, Rig};
use crate::trouble::Trouble;

/// What has become of all notices, as `HA alert sent`.
const STATES: &str = "SELECT CONCAT_WS(' ', hotel_id, kind, state) FROM notification \
                      ORDER BY hotel_id, id";

/// What the log says of what is muted.
const NOT_SENT: &str = " are not sent: their incidents are acknowledged or snoozed";

fn wait_for(rig: &Rig, states: &[&str]) {
    let states: Vec<String> = states.iter().map(|state| (*state).to_owned()).collect();
    rig.wait_for_rows(STATES, &states);
}

/// Somebody has acknowledged the open incidents of a hotel, or snoozed them. No instance runs
/// meanwhile.
fn set(rig: &Rig, hotel: &str, columns: &str) {
    rig.execute(&format!(
        "UPDATE incident SET {columns} WHERE hotel_id = '{hotel}' AND closed_at IS NULL"
    ));
}

fn acknowledged(since: i64, until: i64) -> String {
    let [since, until] = [since, until].map(|ago| minutes_ago(ago).to_string());
    format!(
        "state = 'acknowledged', acknowledged_by = '王工', acknowledged_at = '{since}', \
         acknowledged_until = '{until}'"
    )
}

fn snoozed(until: i64) -> String {
    format!("snoozed_until = '{}'", minutes_ago(until))
}

/// The cards of a hotel that were accepted, in order.
fn cards(rig: &Rig, hotel: &str) -> Vec<String> {
    let cards = rig.feishu.accepted_cards();
    let texts = cards.iter().map(card_text);
    texts.filter(|text| text.contains(hotel)).collect()
}

#[test]
fn what_somebody_takes_care_of_is_muted_and_its_end_is_sent() {
    let mut rig = Rig::new("muted");
    let proxy = rig.proxy(Link::Feishu);
    let mut service = rig.start();
    service.wait_until_ready();
    let room = |hotel| Trouble::since(&rig, &[(hotel, "101")], minutes_ago(310));
    let mut rooms = ["Hacknowledged", "Hsnoozed", "Hopen"].map(room);
    rooms.iter_mut().for_each(|room| room.alert(&rig));
    wait_for(
        &rig,
        &[
            "Hacknowledged alert sent",
            "Hopen alert sent",
            "Hsnoozed alert sent",
        ],
    );
    // The alert of another one is snoozed before it could be sent.
    proxy.set(Fault::Cut);
    let mut unsent = room("Hunsent");
    unsent.alert(&rig);
    service.stop();
    set(&rig, "Hacknowledged", &acknowledged(20, -220));
    set(&rig, "Hsnoozed", &snoozed(-60));
    set(&rig, "Hunsent", &snoozed(-60));
    proxy.lift();

    let service = rig.start();
    rooms.iter_mut().for_each(|room| room.go_on(&rig));
    let muted = [
        "Hacknowledged alert sent",
        "Hacknowledged reminder muted",
        "Hopen alert sent",
        "Hopen reminder sent",
        "Hsnoozed alert sent",
        "Hsnoozed reminder muted",
        "Hunsent alert muted",
    ];
    wait_for(&rig, &muted);
    let log = service.stop();
    assert!(log.contains(NOT_SENT), "{log}");
    // Nothing of it is sent later, as if it were new.
    let service = rig.start();
    service.wait_for_sweeps();
    wait_for(&rig, &muted);
    let [acknowledged, snoozed, _] = &mut rooms;
    for room in [acknowledged, snoozed, &mut unsent] {
        room.recover(&rig);
    }
    wait_for(
        &rig,
        &[
            "Hacknowledged alert sent",
            "Hacknowledged reminder muted",
            "Hacknowledged recovered sent",
            "Hopen alert sent",
            "Hopen reminder sent",
            "Hsnoozed alert sent",
            "Hsnoozed reminder muted",
            "Hsnoozed recovered sent",
            "Hunsent alert muted",
            "Hunsent recovered sent",
        ],
    );
    let sent = "SELECT id FROM notification WHERE state = 'sent' ORDER BY id";
    let mut accepted = rig.feishu.accepted_notices();
    accepted.sort_unstable();
    assert_eq!(accepted, rig.rows::<u64>(sent));
    let notified = "SELECT hotel_id FROM electricity_abnormal WHERE NOT is_notified";
    assert_eq!(rig.rows::<String>(notified), ["Hunsent"]);

    let of_acknowledged = cards(&rig, "Hacknowledged");
    let since = minutes_ago(20).day_hour_minute();
    let (day, _) = since.split_once(' ').expect("a day and a time");
    let whose = format!("处理人：王工（{day}");
    assert!(of_acknowledged[1].contains(&whose), "{of_acknowledged:?}");
    for (hotel, before) in [("Hsnoozed", 1), ("Hunsent", 0)] {
        let cards = cards(&rig, hotel);
        let end = &cards[before];
        assert!(
            end.starts_with("┌─[green]") && end.contains("暂停提醒：至 "),
            "{end}"
        );
        assert_eq!(cards.len(), before + 1, "{cards:?}");
    }
    let all = rig.feishu.received();
    let numbers = all.iter().map(|received| notice_numbers(&received.body));
    let muted = rig.rows::<u64>("SELECT id FROM notification WHERE state = 'muted'");
    let was_tried: Vec<u64> = numbers.flatten().filter(|id| muted.contains(id)).collect();
    assert_eq!(was_tried, [0; 0], "{muted:?}");
    let log = service.stop();
    assert!(!log.contains(NOT_SENT), "{log}");
    rig.finish();
}

#[test]
fn what_has_lapsed_is_reminded_of_once_and_says_whose_it_was() {
    let mut rig = Rig::new("lapsed");
    let mut service = rig.start();
    service.wait_until_ready();
    let room = |hotel| Trouble::since(&rig, &[(hotel, "101")], minutes_ago(190));
    let mut rooms = ["Hlapsed", "Hlasts", "Hsnoozed"].map(room);
    rooms.iter_mut().for_each(|room| room.alert(&rig));
    wait_for(
        &rig,
        &[
            "Hlapsed alert sent",
            "Hlasts alert sent",
            "Hsnoozed alert sent",
        ],
    );
    service.stop();
    // One has lapsed while no instance ran, and one does while the next one runs.
    set(&rig, "Hlapsed", &acknowledged(245, 5));
    set(&rig, "Hlasts", &acknowledged(240, -60));
    let soon = minutes_ago(0).plus(4);
    set(&rig, "Hsnoozed", &format!("snoozed_until = '{soon}'"));

    let service = rig.start();
    let reminded = [
        "Hlapsed alert sent",
        "Hlapsed reminder sent",
        "Hlasts alert sent",
        "Hsnoozed alert sent",
        "Hsnoozed reminder sent",
    ];
    wait_for(&rig, &reminded);
    for (hotel, said) in [
        ("Hlapsed", "处理人：王工，4 小时前接手，仍未恢复"),
        ("Hsnoozed", "暂停提醒：已于 "),
    ] {
        let cards = cards(&rig, hotel);
        let reminder = cards.last().expect("a card");
        assert!(
            reminder.starts_with("┌─[orange] 空房用电异常仍在持续") && reminder.contains(said),
            "{reminder}"
        );
    }
    let incidents = "SELECT CONCAT_WS(' ', hotel_id, state, COALESCE(acknowledged_by, '-'), \
                     COALESCE(acknowledged_until, snoozed_until, '-')) FROM incident \
                     WHERE hotel_id <> 'Hlasts' ORDER BY hotel_id";
    assert_eq!(
        rig.rows::<String>(incidents),
        ["Hlapsed open - -", "Hsnoozed open - -"]
    );
    let events = "SELECT CONCAT_WS(' ', hotel_id, what) FROM incident_event \
                  JOIN incident ON incident.id = incident ORDER BY hotel_id, incident_event.id";
    let happened = [
        "Hlapsed alert",
        "Hlapsed lapsed",
        "Hlapsed reminder",
        "Hlasts alert",
        "Hsnoozed alert",
        "Hsnoozed lapsed",
        "Hsnoozed reminder",
    ];
    assert_eq!(rig.rows::<String>(events), happened);
    service.stop();
    let service = rig.start();
    service.wait_for_sweeps();
    assert_eq!(rig.rows::<String>(STATES), reminded, "once");
    service.stop();
    rig.finish();
}
