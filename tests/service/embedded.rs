//! The service on the embedded store, without any server, killed again and again.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backtest::{Happening, backtest, history, kwh, lines, told_of};
use crate::http::without;
use crate::minutes_ago;
use crate::support::intake::{ask, wait_until_served};
use crate::support::{Rig, wait};

/// Taken over HTTP, in order: messages and readings that follow one another, many a request.
fn requests(happenings: &[Happening]) -> Vec<String> {
    let is_message = |h: &Happening| matches!(h, Happening::Message { .. });
    let parts = happenings.chunk_by(|a, b| is_message(a) == is_message(b));
    let chunks = parts.flat_map(|part| part.chunks(8));
    let request = |chunk: &[Happening]| {
        let lines = chunk.iter().map(|happening| match happening {
            Happening::Message { body, .. } => body.clone(),
            Happening::Reading {
                room,
                time,
                register,
            } => format!(
                r#"{{"hotel_id":"H001","room_number":"{room}","reading_value":{},"script_time":"{time}"}}"#,
                kwh(*register)
            ),
        });
        let body = lines.collect::<Vec<String>>().join("\n");
        let path = if is_message(&chunk[0]) {
            "messages"
        } else {
            "readings"
        };
        format!(
            "POST /api/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    chunks.map(request).collect()
}

/// Sends each request until it is answered with 200: what clients do. Counts what it sends.
fn insist(address: SocketAddr, requests: &[String], sent: &AtomicUsize) {
    for request in requests {
        wait("an answer with 200", || {
            sent.fetch_add(1, Ordering::SeqCst);
            match ask(address, request) {
                Ok((200, body)) if body.ends_with(r#""refused":[]}"#) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
    }
}

#[test]
fn killed_again_and_again_it_tells_what_the_backtest_tells() {
    let seed = std::env::var("ROOMWATT_LIVE_SEED")
        .map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("ROOMWATT_LIVE_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let happenings = history(&mut rng);
    let requests = requests(&happenings);
    let mut rig = Rig::without_schema("embedded");
    let address = rig.listen();
    without(&rig, "rabbitmq");
    without(&rig, "mysql");
    rig.reconfigure("webhook_url = ", "# ");
    let file = rig.config().with_file_name("hotel.db");
    rig.configure(&format!("[embedded]\npath = '{}'", file.display()));
    let mut running = rig.start();
    wait_until_served(address);

    let (sent, mut kills) = (AtomicUsize::new(0), 0);
    let service = std::thread::scope(|scope| {
        let client = scope.spawn(|| insist(address, &requests, &sent));
        loop {
            // Killed while it is at one of the next few.
            let until = sent.load(Ordering::SeqCst) + rng.usize(1..8);
            wait("requests", || match sent.load(Ordering::SeqCst) {
                now if now >= until || client.is_finished() => Ok(()),
                now => Err(format!("{now} of {until}")),
            });
            if client.is_finished() {
                break;
            }
            kills += 1;
            running.kill();
            running = rig.start();
            wait_until_served(address);
        }
        client.join().expect("all were taken");
        running
    });

    assert!(kills > 3, "{kills} times killed: seed {seed}");

    let open = || rusqlite::Connection::open(&file).expect("the file");
    let texts = |query: &str| -> Vec<String> {
        let conn = open();
        let mut query = conn.prepare(query).expect(query);
        let rows = query.query_map((), |row| row.get(0)).expect("rows");
        rows.map(|row| row.expect("a text")).collect()
    };
    let last_readings = texts(
        "SELECT room_number || ' ' || datetime(max(script_time), 'unixepoch') FROM smart_meter \
         GROUP BY room_number ORDER BY room_number",
    );
    wait("every reading to be judged", || {
        let seen = texts(
            "SELECT room_number || ' ' || (watch -> '$.fold' ->> '$.seen') FROM room_state \
             ORDER BY room_number",
        );
        (seen == last_readings)
            .then_some(())
            .ok_or(format!("{seen:?}"))
    });
    wait("all to be told", || {
        let left = texts("SELECT kind FROM notification WHERE state = 'pending'");
        left.is_empty().then_some(()).ok_or(format!("{left:?}"))
    });
    service.stop();

    // Nothing lost, nothing doubled.
    let count = |is: fn(&Happening) -> bool| happenings.iter().filter(|h| is(h)).count();
    let rows = |table: &str| texts(&format!("SELECT 'row' FROM {table}")).len();
    let stays = count(|h| matches!(h, Happening::Message { .. }));
    assert_eq!(rows("electricity_monitoring"), stays, "seed {seed}");
    let mut readings: Vec<(u32, String)> = happenings
        .iter()
        .filter_map(|happening| match happening {
            Happening::Reading { room, time, .. } => Some((*room, time.to_string())),
            Happening::Message { .. } => None,
        })
        .collect();
    readings.sort();
    readings.dedup();
    assert_eq!(rows("smart_meter"), readings.len(), "seed {seed}");
    let told = told_of(&texts("SELECT body FROM notification ORDER BY id"));
    let expected = backtest(&mut rig, &happenings);
    assert!(!expected.is_empty(), "nothing happened: seed {seed}");
    assert_eq!(told, expected, "seed {seed}");
    let alerts = expected.iter().filter(|line| line["event"] == "alert");
    assert_eq!(rows("electricity_abnormal"), alerts.count(), "seed {seed}");

    // The same from the database.
    let from = minutes_ago(3 * 24 * 60).to_string();
    let from_file = lines(&rig.roomwatt(&["backtest", "--from", &from]));
    assert_eq!(from_file, expected, "seed {seed}");
    rig.finish();
}
