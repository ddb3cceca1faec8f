//! Meters whose readings come late, many at once, and messages that come after them.

use std::collections::HashSet;

use roomwatt::types::LocalTime;

use crate::backtest::{Happening, backtest, kwh, recorded};
use crate::meters::wait_for_sweeps;
use crate::support::{Rig, Service};
use crate::{By, check_out, minutes_ago, rig_by};

/// Readings of vacant rooms, half-hourly, with a heater on for some hours; `rooms` have no others.
fn half_hours(rooms: &[u32], from: LocalTime, until: LocalTime) -> Vec<Happening> {
    let mut happenings = Vec::new();
    for &room in rooms {
        let (mut time, mut register) = (from.plus(i64::from(room % 7) * 60), 100_000);
        let mut interval = i64::from(room % 5);
        while time <= until {
            happenings.push(Happening::Reading {
                room,
                time,
                register,
            });
            // Four intervals of seven are too much.
            register += if interval % 7 < 4 { 2_000 } else { 100 };
            interval += 1;
            time = time.plus(1_800);
        }
    }
    happenings.sort_by_key(Happening::time);
    happenings
}

/// Inserts readings in their order, `rows` a statement.
pub(crate) fn insert<'a>(
    rig: &Rig,
    happenings: impl IntoIterator<Item = &'a Happening>,
    rows: usize,
) {
    let values: Vec<String> = happenings
        .into_iter()
        .filter_map(|happening| match happening {
            Happening::Reading {
                room,
                time,
                register,
            } => Some(format!("('H001', '{room}', {}, '{time}')", kwh(*register))),
            Happening::Message { .. } => None,
        })
        .collect();
    for chunk in values.chunks(rows) {
        rig.execute(&format!(
            "INSERT INTO smart_meter (hotel_id, room_number, reading_value, script_time) VALUES {}",
            chunk.join(", ")
        ));
    }
}

/// Waits until each room has seen its last reading.
fn wait_until_all_is_seen(rig: &Rig) {
    let last: Vec<(String, String)> = rig.rows(
        "SELECT m.room_number, CAST(MAX(m.script_time) AS CHAR) FROM smart_meter m \
         JOIN room_state s ON s.room_number = m.room_number GROUP BY 1 ORDER BY 1",
    );
    rig.wait_for_rows(
        "SELECT room_number, CAST(seen_time AS CHAR) FROM room_state ORDER BY 1",
        &last,
    );
}

#[test]
fn a_backfill_is_judged_as_if_it_had_come_in_time() {
    backfill(By::Id, false);
}

#[test]
fn a_backfill_during_a_stop_is_judged_as_if_it_had_come_in_time() {
    backfill(By::Id, true);
}

#[test]
fn by_time_a_backfill_is_judged_as_if_it_had_come_in_time() {
    backfill(By::Time, false);
}

#[test]
fn by_time_a_backfill_during_a_stop_is_judged_as_if_it_had_come_in_time() {
    backfill(By::Time, true);
}

/// Two gateways, of which one is away for five hours and then delivers what it has kept, in the
/// order of time, while the other goes on; and perhaps the service is down meanwhile.
fn backfill(by: By, down: bool) {
    let mut rig = rig_by(by, if down { "filldown" } else { "fill" });
    rig.reconfigure("webhook_url = ", "# ");
    let (begin, away, now) = (minutes_ago(660), minutes_ago(310), minutes_ago(5));
    let (steady, lost) = ([201, 202], [101, 102, 103]);
    let mut history = half_hours(&[steady.as_slice(), &lost].concat(), begin, now);
    let is_lost = |happening: &&Happening| match happening {
        Happening::Reading { room, time, .. } => lost.contains(room) && *time > away,
        Happening::Message { .. } => false,
    };
    let messages: Vec<String> = (steady.iter().chain(&lost))
        .map(|room| check_out("H001", &room.to_string(), begin.plus(600)))
        .collect();
    insert(&rig, history.iter().filter(|h| h.time() <= away), 50);
    // An unwatched room is read in time: the stream by time is at now.
    rig.meter("H001", "999", &now.to_string(), "1.00");

    let mut service = rig.start();
    service.wait_until_ready();
    rig.publish(messages.iter().map(String::as_str));
    rig.wait_for_rows("SELECT COUNT(*) FROM room_state", &[5]);
    wait_until_all_is_seen(&rig);
    let mut running = Some(service);
    if down {
        running.take().map(Service::stop);
    }
    let goes_on = |h: &&Happening| h.time() > away && !is_lost(h);
    insert(&rig, history.iter().filter(goes_on), 5);
    if !down {
        wait_until_all_is_seen(&rig);
    }
    // Statements of four rows, of several sweeps.
    let kept: Vec<&Happening> = history.iter().filter(is_lost).collect();
    let (first, rest) = kept.split_at(kept.len() / 2);
    insert(&rig, first.iter().copied(), 4);
    let mut service = running.unwrap_or_else(|| rig.start());
    service.wait_until_ready();
    wait_for_sweeps(&mut service, 2);
    insert(&rig, rest.iter().copied(), 4);
    wait_until_all_is_seen(&rig);
    service.stop();

    for body in messages {
        history.push(Happening::Message {
            room: 0,
            time: begin,
            body,
        });
    }
    let expected = backtest(&mut rig, &history);
    assert!(expected.len() > 15, "too little happened: {expected:#?}");
    assert_eq!(recorded(&rig), expected);
    rig.finish();
}

#[test]
fn a_late_message_finds_old_readings() {
    late_message(By::Id);
}

#[test]
fn by_time_a_late_message_finds_old_readings() {
    late_message(By::Time);
}

fn late_message(by: By) {
    let mut rig = rig_by(by, "latemessage");
    rig.reconfigure("webhook_url = ", "# ");
    let begin = minutes_ago(3 * 24 * 60);
    let mut history = half_hours(&[101, 102], begin, minutes_ago(5));
    insert(&rig, &history, 50);
    rig.publish([check_out("H001", "999", minutes_ago(60)).as_str()]);
    let mut service = rig.start();
    service.wait_until_ready();
    wait_for_sweeps(&mut service, 2);
    for (room, minutes) in [(101, 3 * 24 * 60 - 60), (102, 26 * 60)] {
        let time = minutes_ago(minutes);
        let body = check_out("H001", &room.to_string(), time);
        rig.publish([body.as_str()]);
        history.push(Happening::Message { room, time, body });
    }
    // What sweeps have passed the messages find; the newest rows may be the next sweep's.
    let behind = "SELECT COUNT(*) FROM (SELECT room_number, MAX(script_time) last FROM smart_meter \
                  GROUP BY room_number) meter \
                  LEFT JOIN room_state USING (room_number) WHERE NOT seen_time <=> last";
    rig.wait_for_rows(behind, &[0]);
    service.stop();
    let expected = backtest(&mut rig, &history);
    let rooms: HashSet<_> = expected
        .iter()
        .map(|e| e["room_number"].to_string())
        .collect();
    assert_eq!(rooms.len(), 2, "too little happened: {expected:#?}");
    assert_eq!(recorded(&rig), expected);
    rig.finish();
}
