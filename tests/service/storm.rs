//! Very many rooms at once.

use std::time::{Duration, Instant};

use crate::support::Rig;
use crate::trouble::Trouble;

#[test]
fn two_thousand_alerts_of_one_sweep_are_sent_within_three_minutes() {
    const HOTELS: usize = 20;
    const ROOMS: usize = 100;
    const LIMIT: Duration = Duration::from_secs(180);
    let mut rig = Rig::new("storm");
    // As long as by default.
    rig.reconfigure("group_wait_seconds = 0\n", "");
    let mut service = rig.start();
    service.wait_until_ready();
    let names: Vec<(String, String)> = (0..HOTELS * ROOMS)
        .map(|room| {
            (
                format!("H{:03}", room % HOTELS),
                format!("{}", 1_000 + room),
            )
        })
        .collect();
    let rooms = names
        .iter()
        .map(|(hotel, room)| (hotel.as_str(), room.as_str()));
    let rooms: Vec<(&str, &str)> = rooms.collect();
    Trouble::of(&rig, &rooms).alert(&rig);

    let recorded = Instant::now();
    let sent = || rig.rows::<usize>("SELECT COUNT(*) FROM notification WHERE state = 'sent'")[0];
    let mut accepted = 0;
    while accepted < rooms.len() {
        accepted = crate::support::wait("more to be sent", || match sent() {
            same if same == accepted => Err(format!("{same}\n{}", service.log())),
            more => Ok(more),
        });
    }
    let took = recorded.elapsed();
    let received = rig.feishu.received();
    println!("{} requests, {:.1} s", received.len(), took.as_secs_f64());
    assert!(took < LIMIT, "{took:?}");
    for request in &received {
        assert!(request.accepted && request.raw_len < 19_000, "{request:?}");
    }
    let mut numbers = rig.feishu.accepted_notices();
    numbers.sort_unstable();
    let recorded: Vec<u64> = rig.rows("SELECT id FROM notification ORDER BY id");
    assert_eq!(numbers, recorded, "each once");
    let notified = "SELECT COUNT(*) FROM electricity_abnormal WHERE is_notified";
    assert_eq!(rig.rows::<usize>(notified), [rooms.len()]);
    service.stop();
    rig.finish();
}
