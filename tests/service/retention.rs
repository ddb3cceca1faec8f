//! Old rows go, and nothing else does.

use roomwatt::config::Config;
use roomwatt::store::{MAX_DELETED, MySqlStore, Plan, Position, StateStore, Store};

use crate::support::Rig;
use crate::{check_in, minutes_ago};

fn store(rig: &Rig) -> MySqlStore {
    let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
    MySqlStore::new(&config.mysql.expect("a section"), config.messages.zone)
}

/// Refused messages with their numbers as reason, one older than the other, the first the oldest.
fn refuse(rig: &Rig, numbers: std::ops::Range<u32>, days_ago: u32) {
    let rows: Vec<String> = numbers.map(|n| format!("('test', '{n}', '', 0)")).collect();
    rig.execute(&format!(
        "INSERT INTO rejected_message (source, reason, body, truncated) VALUES {}",
        rows.join(", ")
    ));
    rig.execute(&format!(
        "UPDATE rejected_message SET created_at = NOW() - INTERVAL {days_ago} DAY \
         - INTERVAL (10000 - id) SECOND ORDER BY id DESC LIMIT {}",
        rows.len()
    ));
}

/// A notice; of its body nothing is read.
fn notify(rig: &Rig, state: &str, days_ago: u32, count: usize) {
    let row = format!(
        "('H001', '101', 'alert', NOW(), '{{}}', '{state}', NOW() - INTERVAL {days_ago} DAY)"
    );
    rig.execute(&format!(
        "INSERT INTO notification (hotel_id, room_number, kind, detected_time, body, state, \
         created_at) VALUES {}",
        vec![row; count].join(", ")
    ));
}

const REFUSED: &str = "SELECT COUNT(*), MIN(CAST(reason AS UNSIGNED)) FROM rejected_message";
const NOTICES: &str = "SELECT state, COUNT(*) FROM notification GROUP BY state ORDER BY state";

#[test]
fn old_rows_are_deleted_except_unsent_notices() {
    let mut rig = Rig::new("forget");
    let mut store = store(&rig);
    store.take_over().expect("it is free");
    refuse(&rig, 0..2, 31);
    refuse(&rig, 2..5, 29);
    for state in ["sent", "logged", "expired", "failed", "pending"] {
        notify(&rig, state, 31, 2);
        notify(&rig, state, 29, 1);
    }
    let service = "SELECT epoch, seq FROM service";
    let before: Vec<(u64, u64)> = rig.rows(service);
    assert_eq!(store.delete_old(30).expect("deleted"), 10);
    assert_eq!(rig.rows::<(u32, u32)>(REFUSED), [(3, 2)]);
    let left = [
        ("expired", 1),
        ("failed", 1),
        ("logged", 1),
        ("pending", 3),
        ("sent", 1),
    ];
    let left = left.map(|(state, count)| (state.to_owned(), count));
    assert_eq!(rig.rows::<(String, u32)>(NOTICES), left);
    assert_eq!(store.delete_old(30).expect("nothing to do"), 0);
    assert_eq!(rig.rows::<(u64, u64)>(service), before);
    let plan = Plan {
        position: Some(Position::Id(7)),
        ..Plan::default()
    };
    store.commit(&plan).expect("the next transaction follows");
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn the_oldest_are_deleted_first_and_not_all_at_once() {
    let mut rig = Rig::new("forgetmany");
    let mut store = store(&rig);
    store.take_over().expect("it is free");
    refuse(&rig, 0..1_500, 40);
    notify(&rig, "sent", 40, 700);
    notify(&rig, "logged", 40, 700);
    assert_eq!(store.delete_old(30).expect("deleted"), 2 * MAX_DELETED);
    assert_eq!(rig.rows::<(u32, u32)>(REFUSED), [(500, 1_000)]);
    assert_eq!(rig.rows::<u32>("SELECT COUNT(*) FROM notification"), [400]);
    assert_eq!(store.delete_old(30).expect("deleted"), 900);
    assert_eq!(store.delete_old(30).expect("nothing left"), 0);
    rig.roomwatt(&["init-db"]);
    rig.finish();
}

#[test]
fn the_service_deletes_what_is_older_than_configured() {
    let mut rig = Rig::new("keepdays");
    rig.configure("keep_days = 7");
    refuse(&rig, 0..1_200, 8);
    refuse(&rig, 1_200..1_203, 6);
    let mut service = rig.start();
    service.wait_for_log(
        "deleted 1200 rows of refused messages, notices and frames older than 7 days",
    );
    assert_eq!(rig.rows::<(u32, u32)>(REFUSED), [(3, 1_200)]);
    service.stop();
    rig.finish();
}

#[test]
fn rows_that_can_not_be_deleted_stop_nothing() {
    let mut rig = Rig::new("undeletable");
    refuse(&rig, 0..3, 40);
    rig.execute(
        "CREATE TRIGGER kept BEFORE DELETE ON rejected_message FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
    );
    let mut service = rig.start();
    service.wait_for_log("deleting old rows failed, retrying");
    rig.publish([check_in("H001", "101", minutes_ago(5)).as_str()]);
    rig.wait_for_rows("SELECT room_number FROM room_state", &["101".to_owned()]);
    let log = service.stop();
    assert_eq!(log.matches("not this one").count(), 1, "{log}");
    assert_eq!(rig.rows::<(u32, u32)>(REFUSED), [(3, 0)]);
    rig.finish();
}
