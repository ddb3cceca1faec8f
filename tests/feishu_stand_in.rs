//! The stand-in for Feishu is itself as Feishu is documented.
#![allow(clippy::disallowed_methods)] // no part of the service

#[path = "support/feishu/mod.rs"]
mod feishu;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use feishu::{Answer, Bot, FeishuStandIn, Received, card_text, message_text, sign};
use serde_json::{Value, json};
use ureq::Agent;

const LIMIT: Duration = Duration::from_secs(10);

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(LIMIT))
        .build()
        .into()
}

/// HTTP status and body.
fn post(url: &str, body: &str) -> Result<(u16, String), ureq::Error> {
    let mut response = agent().post(url).send(body)?;
    let status = response.status().as_u16();
    Ok((status, response.body_mut().read_to_string()?))
}

/// HTTP status, Feishu's code and message.
fn answer_to(url: &str, body: &Value) -> (u16, i64, String) {
    let (status, body) = post(url, &body.to_string()).expect("an answer");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let code = body["code"].as_i64().expect("a code");
    (
        status,
        code,
        body["msg"].as_str().unwrap_or_default().into(),
    )
}

fn code(bot: &Bot, body: &Value) -> i64 {
    answer_to(&bot.webhook_url(), body).1
}

fn text(text: &str) -> Value {
    json!({"msg_type": "text", "content": {"text": text}})
}

fn card(elements: Value) -> Value {
    let title = json!({"tag": "plain_text", "content": "用电异常 H001 · 101"});
    let header = json!({"template": "red", "title": title});
    json!({"msg_type": "interactive", "card": {"header": header, "elements": elements}})
}

fn signed(mut body: Value, age: i64, secret: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("now");
    let timestamp = (now.as_secs() as i64 - age).to_string();
    body["sign"] = sign(&timestamp, secret).into();
    body["timestamp"] = timestamp.into();
    body
}

fn unlimited(token: &str, secret: Option<&str>) -> FeishuStandIn {
    let feishu = FeishuStandIn::start(token, secret);
    feishu.set_limits(1_000, 1_000);
    feishu
}

fn has(count: usize) -> impl Fn(&[Received]) -> bool {
    move |received| received.len() == count
}

#[test]
fn an_accepted_card_is_confirmed_and_recorded() {
    let feishu = FeishuStandIn::start("t", None);
    let body = card(json!([{"tag": "hr"}]));
    let mut response = agent()
        .post(feishu.webhook_url())
        .send(body.to_string())
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(
        response.headers()["date"]
            .to_str()
            .expect("a date")
            .ends_with(" GMT")
    );
    let kind = response.headers()["content-type"].to_str().expect("a type");
    assert!(kind.starts_with("application/json"), "{kind}");
    assert_eq!(
        response.body_mut().read_to_string().expect("a body"),
        r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#
    );
    assert_eq!(feishu.accepted_cards(), [body["card"].clone()]);
    let received = &feishu.received()[0];
    assert!(received.accepted);
    assert_eq!((received.status, received.code), (200, 0));
    assert_eq!(received.raw_len, body.to_string().len());
    assert!(received.path.ends_with("/hook/t"));
}

#[test]
fn a_signature_is_the_documented_one() {
    assert_eq!(
        sign("1599360473", "demo"),
        "l1N0gAcBjdwBvGm1xMjOF0XSyaLRpR7tuO5dHfhAYc8="
    );
}

#[test]
fn a_signed_bot_refuses_other_signatures_and_old_ones() {
    let feishu = unlimited("t", Some("demo"));
    assert_eq!(code(&feishu, &signed(text("a"), 0, "demo")), 0);
    assert_eq!(code(&feishu, &signed(text("a"), 3_500, "demo")), 0);
    assert_eq!(code(&feishu, &signed(text("a"), -3_500, "demo")), 0);
    assert_eq!(code(&feishu, &text("a")), 19_021);
    assert_eq!(code(&feishu, &signed(text("a"), 0, "other")), 19_021);
    assert_eq!(code(&feishu, &signed(text("a"), 3_700, "demo")), 19_021);
    let mut number = signed(text("a"), 0, "demo");
    let seconds: u64 = number["timestamp"]
        .as_str()
        .expect("text")
        .parse()
        .expect("seconds");
    number["timestamp"] = seconds.into();
    assert_eq!(code(&feishu, &number), 19_021);
    feishu.set_clock_offset(7_200);
    assert_eq!(code(&feishu, &signed(text("a"), 0, "demo")), 19_021);
    assert_eq!(code(&feishu, &signed(text("a"), -7_200, "demo")), 0);
}

#[test]
fn an_unknown_token_or_path_is_refused() {
    let feishu = FeishuStandIn::start("t", None);
    let url = feishu.webhook_url();
    let (status, code, msg) = answer_to(&format!("{url}x"), &text("a"));
    assert_eq!((status, code), (200, 19_001));
    assert_eq!(msg, "param invalid: incoming webhook access token invalid");
    assert_eq!(
        answer_to(&url.replace("/v2/", "/v3/"), &text("a")).1,
        19_001
    );
    assert_eq!(
        answer_to(&feishu.strays().webhook_url(), &text("a")).1,
        19_001
    );
    assert_eq!(feishu.strays().received().len(), 3);
    assert!(feishu.received().is_empty());
    let got = agent().get(&url).call().expect("an answer");
    assert_eq!(got.status(), 405);
}

#[test]
fn invalid_messages_are_refused() {
    let feishu = unlimited("t", None);
    let url = feishu.webhook_url();
    let (status, body) = post(&url, "{\"msg_type\": ").expect("an answer");
    assert_eq!(status, 400);
    assert!(
        body.contains("9499") && body.contains("Bad Request"),
        "{body}"
    );
    assert_eq!(answer_to(&url, &json!({"content": 1})).0, 400);
    for (body, expected) in [
        (json!({"msg_type": "text", "content": {}}), 19_002),
        (json!({"msg_type": "interactive"}), 19_002),
        (json!({"msg_type": "song"}), 19_002),
        (json!({"msg_type": "interactive", "card": {}}), 11_246),
        (card(json!([{"tag": "blink"}])), 11_246),
        (card(json!([{"tag": "div"}])), 11_246),
        (card(json!([{"tag": "div", "fields": [{}]}])), 11_246),
        (
            card(json!([{"tag": "note", "elements": [{"tag": "hr"}]}])),
            11_246,
        ),
        (
            card(json!([{"tag": "markdown", "content": "<at id=1></at>"}])),
            11_246,
        ),
        (
            card(json!([{"tag": "markdown", "content": "<at id=all></at>"}])),
            0,
        ),
    ] {
        assert_eq!(code(&feishu, &body), expected, "{body}");
    }
    let mut pink = card(json!([]));
    pink["card"]["header"]["template"] = "pink".into();
    let (status, code, msg) = answer_to(&url, &pink);
    assert_eq!((status, code), (200, 11_246));
    assert!(msg.contains("header; err_msg: unknown template"), "{msg}");
    assert_eq!(feishu.received()[0].body, Value::Null);
}

#[test]
fn a_message_of_more_than_20_kb_is_refused() {
    let feishu = unlimited("t", None);
    let frame = text("").to_string().len();
    let most = 20 * 1024 - frame;
    assert_eq!(code(&feishu, &text(&"x".repeat(most))), 0);
    assert_eq!(code(&feishu, &text(&"x".repeat(most + 1))), 19_036);
    assert_eq!(feishu.received()[1].raw_len, 20 * 1024 + 1);
    let (status, _) = post(&feishu.webhook_url(), &"x".repeat(1024 * 1024 + 1)).expect("one");
    assert_eq!(status, 413);
}

#[test]
fn a_bot_has_a_rate_of_its_own() {
    let feishu = FeishuStandIn::start("t", None);
    let other = feishu.add_bot("other", Some("demo"));
    // At least five a second: this runs far faster, and counts what it saw if it does not.
    let begun = Instant::now();
    let codes: Vec<i64> = (0..6).map(|_| code(&feishu, &text("a"))).collect();
    if begun.elapsed() < Duration::from_secs(1) {
        assert_eq!(codes, [0, 0, 0, 0, 0, 11_232]);
    }
    assert_eq!(code(&other, &signed(text("a"), 0, "demo")), 0);
    assert_eq!(code(&other, &text("a")), 19_021);
    assert_eq!((feishu.received().len(), other.received().len()), (6, 2));
    other.set_limits(1_000, 10);
    let refused = (0..10).map(|_| code(&other, &signed(text("a"), 0, "demo")));
    assert_eq!(refused.filter(|code| *code == 11_232).count(), 2);
}

#[test]
fn scripted_answers_come_in_order_and_end() {
    let feishu = FeishuStandIn::start("t", None);
    let url = feishu.webhook_url();
    for answer in [
        Answer::Code {
            status: 400,
            code: 9_499,
            msg: "too many request".into(),
        },
        Answer::Status(503),
        Answer::Page(200, b"<html>".to_vec()),
        Answer::Redirect("http://127.0.0.1:1/x".into()),
        Answer::Huge(200_000),
    ] {
        feishu.answer_next(answer);
    }
    let body = text("a").to_string();
    let (status, answer) = post(&url, &body).expect("an answer");
    assert_eq!(status, 400);
    assert_eq!(
        answer,
        r#"{"code":9499,"data":{},"msg":"too many request"}"#
    );
    assert_eq!(post(&url, &body).expect("an answer"), (503, String::new()));
    assert_eq!(
        post(&url, &body).expect("an answer"),
        (200, "<html>".into())
    );
    let moved = agent().post(&url).send(&body).expect("an answer");
    assert_eq!(moved.status(), 302);
    assert_eq!(moved.headers()["location"], "http://127.0.0.1:1/x");
    assert_eq!(feishu.answers_left(), 1);
    let (status, huge) = post(&url, &body).expect("an answer");
    assert_eq!((status, huge.len()), (200, 200_000));
    assert!(serde_json::from_str::<Value>(&huge).is_ok());
    assert!(feishu.received().iter().all(|received| !received.accepted));
    assert_eq!(code(&feishu, &text("a")), 0);
    assert_eq!(feishu.received().len(), 6);
}

#[test]
fn connections_break_when_scripted() {
    let feishu = unlimited("t", None);
    let url = feishu.webhook_url();
    let body = card(json!([])).to_string();
    for (answer, bytes, accepted) in [
        (Answer::DropConnectionBeforeRead, 0, 0),
        (Answer::CloseEarly, body.len(), 0),
        (Answer::AcceptThenClose, body.len(), 1),
    ] {
        let before = feishu.received().len();
        feishu.answer_next(answer.clone());
        assert!(post(&url, &body).is_err(), "{answer:?}");
        let received = feishu.wait_until("the request", LIMIT, has(before + 1));
        assert_eq!(received[before].raw_len, bytes, "{answer:?}");
        assert_eq!(feishu.accepted_cards().len(), accepted, "{answer:?}");
    }
    assert_eq!(answer_to(&url, &text("a")).1, 0);
}

#[test]
fn a_stall_lasts_until_released_and_delays_no_other() {
    let feishu = FeishuStandIn::start("t", None);
    let other = feishu.add_bot("other", None);
    feishu.answer_next(Answer::Stall);
    feishu.answer_next(Answer::Stall);
    std::thread::scope(|scope| {
        let stalled = scope.spawn(|| answer_to(&feishu.webhook_url(), &text("a")));
        feishu.wait_until("the stalled request", LIMIT, has(1));
        assert_eq!(code(&other, &text("b")), 0);
        assert_eq!(
            (feishu.received()[0].status, feishu.received()[0].code),
            (0, -1)
        );
        feishu.release();
        assert_eq!(stalled.join().expect("an answer").1, 0);
        assert!(feishu.received()[0].accepted);
    });
    // The message of a sender that is gone does not get into the group.
    let path = feishu.received()[0].path.clone();
    let mut gone = TcpStream::connect(("127.0.0.1", feishu.port())).expect("a connection");
    write!(
        gone,
        "POST {path} HTTP/1.1\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .expect("sent");
    feishu.wait_until("the second stall", LIMIT, has(2));
    drop(gone);
    feishu.release();
    assert_eq!(code(&feishu, &text("d")), 0);
    assert_eq!(feishu.received()[1].status, 0);
}

#[test]
fn dropping_it_ends_stalls_and_the_port_can_be_had_again() {
    let feishu = FeishuStandIn::start("t", None);
    let (url, port) = (feishu.webhook_url(), feishu.port());
    feishu.answer_next(Answer::Stall);
    let mut idle = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    std::thread::scope(|scope| {
        let stalled = scope.spawn(|| post(&url, "{}"));
        feishu.wait_until("the request", LIMIT, has(1));
        drop(feishu);
        assert!(stalled.join().expect("an end").is_err());
    });
    assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    assert!(post(&url, "{}").is_err());
    let again = FeishuStandIn::start_at(port, "t", None);
    assert_eq!(again.webhook_url(), url);
    assert_eq!(answer_to(&url, &text("a")).1, 0);
}

#[test]
fn a_connection_serves_many_requests_and_bad_ones_are_refused_politely() {
    let feishu = FeishuStandIn::start("t", None);
    let url = feishu.webhook_url();
    let path = &url[url.find("/open-apis").expect("a path")..];
    let exchange = |head: &str, times: usize, body: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", feishu.port())).expect("a connection");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout");
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n{body}");
        let last = request.replace("Host: x", "Host: x\r\nConnection: close");
        let all = request.repeat(times - 1) + &last;
        stream.write_all(all.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    let body = text("a").to_string();
    let length = format!("Content-Length: {}", body.len());
    let answer = exchange(&length, 3, &body);
    assert_eq!(
        answer.matches("\"success\",\"code\":0").count(),
        3,
        "{answer}"
    );
    let refused = exchange("Transfer-Encoding: chunked", 1, "1\r\n{\r\n0\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 411 "), "{refused}");
    let refused = exchange(&format!("X: {}", "x".repeat(20_000)), 1, "");
    assert!(refused.starts_with("HTTP/1.1 431 "), "{refused}");
    assert!(exchange("no header", 1, "").starts_with("HTTP/1.1 400 "));
    assert_eq!(feishu.received().len(), 4);
    assert_eq!(feishu.strays().received().len(), 2);
}

#[test]
fn as_a_proxy_it_leads_to_itself_whatever_the_address() {
    let feishu = FeishuStandIn::start("t", None);
    let port = feishu.port();
    let nowhere = feishu.webhook_url().replace(&format!(":{port}/"), ":1/");
    let proxy = ureq::Proxy::new(&format!("http://127.0.0.1:{port}")).expect("a proxy");
    let config = Agent::config_builder().proxy(Some(proxy));
    let agent: Agent = config.timeout_global(Some(LIMIT)).build().into();
    let answer = agent.post(&nowhere).send(text("a").to_string());
    assert_eq!(answer.expect("an answer").status(), 200);
    assert!(feishu.received()[0].accepted);
    assert!(post(&nowhere, "{}").is_err());
}

#[test]
fn a_failed_wait_reports_what_it_saw() {
    let feishu = FeishuStandIn::start("t", None);
    assert_eq!(code(&feishu, &card(json!([]))), 0);
    let wait = || {
        // The predicate may use the stand-in itself.
        feishu.wait_until("two cards", Duration::from_millis(20), |_| {
            feishu.accepted_cards().len() == 2
        })
    };
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wait)).expect_err("none");
    let message = panic.downcast_ref::<String>().expect("text");
    assert!(
        message.starts_with("two cards: not within 20ms"),
        "{message}"
    );
    assert!(message.contains("1 requests came"), "{message}");
    assert!(message.contains("accepted, HTTP 200, code 0"), "{message}");
    assert!(
        message.contains("interactive 用电异常 H001 · 101"),
        "{message}"
    );
}

#[test]
fn a_card_reads_as_the_staff_sees_it() {
    let plain = |text: &str| json!({"tag": "plain_text", "content": text});
    let field = |short: bool, text: &str| json!({"is_short": short, "text": plain(text)});
    let body = card(json!([
        {"tag": "div", "fields": [
            field(false, "酒店: H001"), field(true, "房间: 101"), field(true, "状态: 空房"),
            field(true, "阈值"), field(false, "<at id=all></at> **\u{1b}[2J**"),
        ]},
        {"tag": "hr"},
        {"tag": "div", "text": {"tag": "lark_md", "content": "**粗** <at id=all></at>"}},
        {"tag": "markdown", "content": "<font color='red'>一</font>\n二"},
        {"tag": "note", "elements": [plain("通知编号 7")]},
    ]));
    assert_eq!(
        card_text(&body["card"]),
        "┌─[red] 用电异常 H001 · 101\n│ 酒店: H001\n│ 房间: 101    状态: 空房\n│ 阈值\n\
         │ <at id=all></at> **\u{fffd}[2J**\n├─\n│ 粗 @所有人\n│ 一\n│ 二\n│ ※ 通知编号 7\n└─"
    );
    assert_eq!(message_text(&body), card_text(&body["card"]));
    assert_eq!(message_text(&text("一\n二")), "┌─[text]\n│ 一\n│ 二\n└─");
}
