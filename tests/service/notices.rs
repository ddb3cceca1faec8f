//! Telling the staff: what follows from each answer.

use std::time::Duration;

use serde_json::Value;

use crate::support::feishu::{Answer, Bot, message_text, notice_numbers};
use crate::support::{LIMIT, Rig, wait};
use crate::trouble::Trouble;
use crate::{check_out, minutes_ago};

fn code(status: u16, code: i64, msg: &str) -> Answer {
    let msg = msg.to_owned();
    Answer::Code { status, code, msg }
}

/// Alerts of a hotel, the oldest first, and whether the staff has been notified.
fn notified(hotel: &str) -> String {
    format!(
        "SELECT CAST(COUNT(*) AS SIGNED), CAST(SUM(is_notified) AS SIGNED) \
         FROM electricity_abnormal WHERE hotel_id = '{hotel}'"
    )
}

/// Notices of a hotel, the oldest first: what became of them and why.
fn outbox(hotel: &str) -> String {
    format!("SELECT id, state, error FROM notification WHERE hotel_id = '{hotel}' ORDER BY id")
}

#[test]
fn temporary_errors_are_retried_until_the_card_is_accepted() {
    let mut rig = Rig::new("passing");
    let bots = [
        ("H408", Answer::Status(408)),
        ("H429", Answer::Status(429)),
        ("H500", code(500, 0, "success")),
        ("H503", Answer::Status(503)),
        ("H11232", code(200, 11_232, "frequency limited")),
        ("H9499", code(400, 9_499, "too many request")),
        ("Hpage", Answer::Page(200, b"<html>".to_vec())),
        ("Hhuge", Answer::Huge(100_000_000)),
        ("Hclose", Answer::CloseEarly),
        ("Hdrop", Answer::DropConnectionBeforeRead),
        ("Hstall", Answer::Stall),
    ]
    .map(|(hotel, answer)| {
        let bot = rig.route(&[hotel]);
        bot.answer_next(answer);
        // Time to check what is written before anything is accepted.
        bot.answer_next(Answer::Stall);
        (hotel, bot)
    });
    let mut service = rig.start();
    service.wait_until_ready();
    let rooms = bots.each_ref().map(|(hotel, _)| (*hotel, "101"));
    Trouble::of(&rig, &rooms).alert(&rig);
    for (hotel, bot) in &bots {
        bot.wait_until("a second try", LIMIT, |received| received.len() > 1);
        let (_, notified) = rig.rows::<(u64, u64)>(&notified(hotel))[0];
        assert!(
            notified == 0 || !bot.accepted_notices().is_empty(),
            "no notice of {hotel} was accepted"
        );
        bot.release();
    }
    for (hotel, bot) in &bots {
        rig.wait_for_rows(&notified(hotel), &[(1, 1)]);
        let received = bot.received();
        let (last, before) = received.split_last().expect("requests");
        assert!(last.accepted, "{hotel}: {received:?}");
        assert!(
            before.iter().all(|request| !request.accepted),
            "{hotel}: {received:?}"
        );
        service.wait_for_log(&format!("notifying the bot of {hotel} works again"));
    }
    let states = "SELECT DISTINCT state FROM notification";
    assert_eq!(rig.rows::<String>(states), ["sent"]);
    let peak = service.peak_memory();
    assert!(peak < 90_000_000, "{peak} bytes for a long answer");
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    rig.finish();
}

#[test]
fn a_misconfigured_route_is_logged_with_its_remedy_and_not_retried_until_restart() {
    let mut rig = Rig::new("route");
    let elsewhere = rig.feishu.add_bot("elsewhere", None);
    let page = "webhook_url is not a bot's address, or a proxy is in the way";
    let long = "长".repeat(50_000).into_bytes();
    let faults = [
        // Errors of the configuration.
        ("H19001", None, "copy webhook_url from the bot's settings"),
        ("H19021", None, "the secret is wrong: copy it from"),
        (
            "H19022",
            Some(code(200, 19_022, "Ip Not Allowed")),
            "allow this machine's IP address",
        ),
        (
            "H19024",
            Some(code(200, 19_024, "Key Words Not Found")),
            "a keyword that the bot's settings ask for is missing",
        ),
        (
            "H42",
            Some(code(200, 42, "news")),
            "see the bot's settings in Feishu",
        ),
        ("H404", Some(Answer::Status(404)), page),
        // In GBK, as such pages are: 禁止.
        (
            "H403",
            Some(Answer::Page(403, b"\xbd\xfb\xd6\xb9".to_vec())),
            page,
        ),
        ("Hlong", Some(Answer::Page(404, long)), page),
        (
            "Hmoved",
            Some(Answer::Redirect(elsewhere.webhook_url())),
            "a redirect is not followed",
        ),
    ];
    let bots = faults.map(|(hotel, answer, remedy)| {
        let bot = rig.route(&[hotel]);
        answer
            .into_iter()
            .for_each(|answer| bot.answer_next(answer));
        (hotel, bot, remedy)
    });
    let right = std::fs::read_to_string(rig.config()).expect("a configuration");
    let (first, second) = (&bots[0].1.webhook_url(), &bots[1].1.webhook_url());
    rig.reconfigure(first, &rig.feishu.strays().webhook_url());
    let secret = format!("{second}'\nsecret = '");
    rig.reconfigure(&secret, &format!("{secret}wrong"));

    let mut service = rig.start();
    service.wait_until_ready();
    let hotels = || bots.iter().map(|(hotel, ..)| *hotel);
    let rooms: Vec<(&str, &str)> = hotels().map(|hotel| (hotel, "101")).collect();
    Trouble::of(&rig, &rooms).alert(&rig);
    for (hotel, _, remedy) in &bots {
        let begin = format!("notifying the bot of {hotel} failed, retrying");
        wait(&format!("{begin}, with {remedy}"), || {
            let log = service.log();
            let is_logged = |line: &str| {
                line.contains("ERROR") && line.contains(&begin) && line.contains(remedy)
            };
            log.lines().any(is_logged).then_some(()).ok_or(log)
        });
    }
    // There are more alerts, also in a hotel whose bot works.
    let mut more: Vec<(&str, &str)> = hotels().map(|hotel| (hotel, "102")).collect();
    more.extend([("H001", "101"), ("H001", "102")]);
    Trouble::of(&rig, &more).alert(&rig);
    rig.wait_for_rows(&notified("H001"), &[(2, 2)]);
    service.wait_for_sweeps();
    for (hotel, bot, _) in &bots {
        let asked = match *hotel {
            "H19001" => rig.feishu.strays().received(),
            _ => bot.received(),
        };
        assert_eq!(asked.len(), 1, "{hotel}: {asked:?}");
        assert_eq!(rig.rows::<(u64, u64)>(&notified(hotel)), [(2, 0)]);
    }
    let waiting = "SELECT COUNT(*) FROM notification WHERE state = 'pending'";
    assert_eq!(rig.rows::<usize>(waiting), [2 * bots.len()]);
    service.stop();

    std::fs::write(rig.config(), right).expect("a configuration");
    let service = rig.start();
    for (hotel, bot, _) in &bots {
        rig.wait_for_rows(&notified(hotel), &[(2, 2)]);
        let received = bot.received();
        let accepted = received.iter().filter(|request| request.accepted).count();
        assert_eq!(accepted, 1, "both on one card: {hotel}: {received:?}");
    }
    assert!(elsewhere.received().is_empty(), "a redirect was followed");
    let log = service.stop();
    assert!(!log.contains("panicked"), "{log}");
    rig.finish();
}

#[test]
fn a_wrong_clock_is_reported() {
    let mut rig = Rig::new("clock");
    rig.feishu.set_clock_offset(7_200);
    let mut service = rig.start();
    service.wait_until_ready();
    Trouble::of(&rig, &[("H001", "101")]).alert(&rig);
    service.wait_for_log("code 19021");
    service.wait_for_log("s behind Feishu's: set the clock, and keep it by NTP");
    assert_eq!(rig.rows::<(u64, u64)>(&notified("H001")), [(1, 0)]);
    service.stop();
    rig.feishu.set_clock_offset(0);
    let service = rig.start();
    rig.wait_for_rows(&notified("H001"), &[(1, 1)]);
    service.stop();
    rig.finish();
}

/// All plain text of a card.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(map) if map.get("tag").is_some_and(|tag| tag == "plain_text") => {
            vec![map["content"].as_str().expect("text")]
        }
        Value::Object(map) => map.values().flat_map(texts).collect(),
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Kinds of the messages that a bot was sent, with their notices.
fn sent(bot: &Bot) -> Vec<(String, Vec<u64>)> {
    let kind = |body: &Value| body["msg_type"].as_str().expect("a kind").to_owned();
    let received = bot.received().into_iter();
    received
        .map(|request| (kind(&request.body), notice_numbers(&request.body)))
        .collect()
}

#[test]
fn a_refused_card_is_sent_as_text() {
    let mut rig = Rig::new("content");
    let bots = [
        ("H11246", code(200, 11_246, "path: message->card")),
        ("H19036", code(200, 19_036, "request body is too large")),
        ("H19002", code(200, 19_002, "params error")),
        ("H9499", code(400, 9_499, "Bad Request")),
    ]
    .map(|(hotel, answer)| {
        let bot = rig.route(&[hotel]);
        bot.answer_next(answer);
        (hotel, bot)
    });
    let mut service = rig.start();
    service.wait_until_ready();
    let rooms = bots.each_ref().map(|(hotel, _)| *hotel);
    let rooms: Vec<(&str, &str)> = rooms
        .iter()
        .flat_map(|hotel| [(*hotel, "101"), (*hotel, "102")])
        .collect();
    Trouble::of(&rig, &rooms).alert(&rig);
    for (hotel, bot) in &bots {
        rig.wait_for_rows(&notified(hotel), &[(2, 2)]);
        let numbers: Vec<u64> = rig.rows(&format!(
            "SELECT id FROM notification WHERE hotel_id = '{hotel}' ORDER BY id"
        ));
        assert_eq!(
            sent(bot),
            [
                ("interactive".to_owned(), numbers.clone()),
                ("text".to_owned(), numbers)
            ],
            "{hotel}"
        );
        let received = bot.received();
        let text = message_text(&received[1].body);
        for part in texts(&received[0].body["card"]) {
            for line in part.lines() {
                assert!(text.contains(line), "{line} is not in\n{text}");
            }
        }
    }
    let states = "SELECT DISTINCT state, error FROM notification";
    assert_eq!(
        rig.rows::<(String, Option<String>)>(states),
        [("sent".to_owned(), None)]
    );
    let log = service.stop();
    assert!(log.contains("it is sent once more as plain text"), "{log}");
    rig.finish();
}

#[test]
fn a_notice_refused_as_text_fails_alone() {
    let mut rig = Rig::new("refused");
    let refusal = || code(200, 11_246, "path: message->card");
    let one = rig.route(&["Ha", "Hb"]);
    let several = rig.route(&["Hc"]);
    (0..2).for_each(|_| one.answer_next(refusal()));
    (0..3).for_each(|_| several.answer_next(refusal()));
    let mut service = rig.start();
    service.wait_until_ready();
    let rooms = [
        ("Ha", "1"),
        ("Hb", "1"),
        ("Hc", "1"),
        ("Hc", "2"),
        ("Hc", "3"),
    ];
    Trouble::of(&rig, &rooms).alert(&rig);
    rig.wait_for_rows(&notified("Hb"), &[(1, 1)]);
    rig.wait_for_rows(&notified("Hc"), &[(3, 2)]);
    assert_eq!(rig.rows::<(u64, u64)>(&notified("Ha")), [(1, 0)]);

    let why = Some("Feishu answers with code 11246 (path: message->card)".to_owned());
    let (failed, accepted) = (("failed".to_owned(), why), ("sent".to_owned(), None));
    let of = |hotel: &str| -> (Vec<u64>, Vec<(String, Option<String>)>) {
        let rows = rig.rows::<(u64, String, Option<String>)>(&outbox(hotel));
        rows.into_iter()
            .map(|(id, state, error)| (id, (state, error)))
            .unzip()
    };
    let ((a, became), (b, _)) = (of("Ha"), of("Hb"));
    assert_eq!(became, std::slice::from_ref(&failed));
    let kinds = ["interactive", "text", "interactive"].map(str::to_owned);
    let expected: Vec<_> = kinds.into_iter().zip([a.clone(), a.clone(), b]).collect();
    assert_eq!(sent(&one), expected);

    let (c, became) = of("Hc");
    assert_eq!(became, [failed, accepted.clone(), accepted]);
    let kinds = ["interactive", "text", "text", "text", "text"].map(str::to_owned);
    let alone = c.iter().map(|id| vec![*id]);
    let numbers = [c.clone(), c.clone()].into_iter().chain(alone);
    assert_eq!(
        sent(&several),
        kinds.into_iter().zip(numbers).collect::<Vec<_>>()
    );
    let log = service.stop();
    for id in [a[0], c[0]] {
        let line = |line: &&str| {
            line.contains("ERROR") && line.contains(&format!("notice {id}: Feishu answers"))
        };
        let lines: Vec<&str> = log.lines().filter(line).collect();
        assert!(
            lines
                .iter()
                .any(|line| line.contains("it is marked failed and NOT sent")),
            "{log}"
        );
    }
    rig.finish();
}

#[test]
fn without_a_bot_notices_go_to_the_log() {
    let mut rig = Rig::new("nobot");
    rig.reconfigure("webhook_url = ", "language = 'en'\n#");
    let mut service = rig.start();
    service.wait_for_log("no feishu.webhook_url is set");
    service.wait_until_ready();
    Trouble::of(&rig, &[("H001", "101")]).alert(&rig);
    service.wait_for_log("Vacant room: abnormal power use · H001 · 101");
    rig.wait_for_rows("SELECT state FROM notification", &["logged".to_owned()]);
    let alerts = rig.rows::<(u64, u64)>(&notified("H001"));
    assert_eq!(alerts, [(1, 0)], "the staff has not been notified");
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
    let left = minutes_ago(130);
    Trouble::since(&rig, &[("H001", "101")], left).alert(&rig);
    let notified = "SELECT is_notified FROM electricity_abnormal ORDER BY id";
    rig.wait_for_rows(notified, &[false]);
    // The check-out is corrected by seconds: the same alert once more, of another stay.
    rig.publish([check_out("H001", "101", left.plus(20)).as_str()]);
    rig.wait_for_rows(notified, &[false, false]);
    rig.feishu.release();
    rig.wait_for_rows(notified, &[true, false]);
    rig.wait_for_rows(notified, &[true, true]);
    service.stop();
    rig.finish();
}

#[test]
fn pauses_grow_while_feishu_is_unreachable() {
    const FAILURES: usize = 7;
    let mut rig = Rig::new("pauses");
    for _ in 0..FAILURES {
        rig.feishu.answer_next(Answer::Status(503));
    }
    let mut service = rig.start();
    service.wait_until_ready();
    Trouble::of(&rig, &[("H001", "101")]).alert(&rig);
    rig.wait_for_rows("SELECT state FROM notification", &["sent".to_owned()]);
    let at: Vec<_> = rig.feishu.received().iter().map(|r| r.at).collect();
    assert_eq!(at.len(), FAILURES + 1);
    // Six times doubled, and at most half of that left out.
    let last = at[FAILURES].duration_since(at[FAILURES - 1]);
    assert!(last >= Duration::from_millis(6_400 / 2), "{last:?}");
    let log = service.stop();
    assert!(
        log.contains("notifying the default bot works again"),
        "{log}"
    );
    rig.finish();
}
