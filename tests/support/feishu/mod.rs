//! A stand-in for Feishu: a local HTTP server with custom bots that accept and refuse as Feishu's
//! do, record what they were sent and misbehave as scripted. It is a proxy (CONNECT), too: one
//! that leads to itself whatever the address.
//!
//! ```ignore
//! let feishu = FeishuStandIn::start("token", Some("secret"));
//! feishu.answer_next(Answer::Status(503));
//! // ... let something send to feishu.webhook_url() ...
//! feishu.wait_until("one card", Duration::from_secs(5), |all| all.iter().any(|r| r.accepted));
//! ```

#![allow(dead_code)] // each test uses its own part
#![allow(clippy::disallowed_methods)] // no part of the service

mod cards;
mod http;

use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

#[allow(unused_imports)] // each test uses its own part
pub use cards::{card_text, message_text, notice_numbers};

use cards::message_fault;
use http::{HUGE_END, HUGE_START, Reply, Request, SUCCESS, read_request};

const HOOK: &str = "/open-apis/bot/v2/hook/";
const MOST_HEAD: usize = 16 * 1024;
/// A larger body is not even read.
const MOST_BODY: usize = 1024 * 1024;
/// What Feishu takes as a message.
const MOST_MESSAGE: usize = 20 * 1024;
const CLOCK_TOLERANCE_SECONDS: u64 = 3600;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
#[rustfmt::skip]
const COLOURS: [&str; 13] = [
    "blue", "wathet", "turquoise", "green", "yellow", "orange", "red", "carmine", "violet",
    "purple", "indigo", "grey", "default",
];

/// The place of the bot that receives what is sent to no bot.
const STRAYS: usize = 0;

/// The server. What a [`Bot`] can do, it does for its first bot. It ends when it is dropped.
pub struct FeishuStandIn {
    bot: Bot,
    accepting: Option<JoinHandle<()>>,
}

/// One custom bot: its own token, secret, rate, script and records.
#[derive(Clone)]
pub struct Bot {
    server: Arc<Server>,
    index: usize,
}

/// A request as it came and what became of it.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    /// It is in the group, whether or not the sender got an answer.
    pub accepted: bool,
    /// HTTP status of the answer; 0 while or when there is none.
    pub status: u16,
    /// Feishu's code; -1 while or when there is none.
    pub code: i64,
    pub path: String,
    /// Null when it was no JSON.
    pub body: Value,
    /// Bytes of the body, as announced.
    pub raw_len: usize,
}

/// A scripted answer to one request, instead of judging it. Only judged requests count against the
/// rate: of these `AcceptThenClose` and a released `Stall`.
#[derive(Clone, Debug)]
pub enum Answer {
    /// An answer of Feishu's; accepted when it is code 0 under HTTP 2xx.
    Code { status: u16, code: i64, msg: String },
    /// A status with an empty body.
    Status(u16),
    /// A status with this for a body, which is no JSON.
    Page(u16, Vec<u8>),
    /// No answer before [`Bot::release`]; then as usual, if the sender is still there.
    Stall,
    /// The request is read, the connection closed.
    CloseEarly,
    /// HTTP 200 with this many bytes of JSON that claims code 0. It is not accepted.
    Huge(usize),
    /// HTTP 302 to this address.
    Redirect(String),
    /// The connection is reset with the request unread.
    DropConnectionBeforeRead,
    /// Judged as usual, but the answer gets lost.
    AcceptThenClose,
}

impl FeishuStandIn {
    /// Listens on a free port of 127.0.0.1, with one bot.
    pub fn start(token: &str, secret: Option<&str>) -> FeishuStandIn {
        FeishuStandIn::start_at(0, token, secret)
    }

    /// Listens on this port, like a server that is back after an outage.
    pub fn start_at(port: u16, token: &str, secret: Option<&str>) -> FeishuStandIn {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("a free port");
        let server = Arc::new(Server {
            address: listener.local_addr().expect("its address"),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        server.add("strays", None);
        let index = server.add(token, secret);
        let accepting = thread::spawn({
            let server = Arc::clone(&server);
            move || accept(&server, &listener)
        });
        FeishuStandIn {
            bot: Bot { server, index },
            accepting: Some(accepting),
        }
    }

    /// Another bot of the same server.
    pub fn add_bot(&self, token: &str, secret: Option<&str>) -> Bot {
        let index = self.bot.server.add(token, secret);
        let server = Arc::clone(&self.bot.server);
        Bot { server, index }
    }

    /// The bot that records what was sent to no bot (19001); its `webhook_url` has an unknown
    /// token.
    pub fn strays(&self) -> Bot {
        let (server, index) = (Arc::clone(&self.bot.server), STRAYS);
        Bot { server, index }
    }

    pub fn port(&self) -> u16 {
        self.bot.server.address.port()
    }

    /// Sets the server's clock off by so many seconds: for signatures and the `Date` header.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.bot.server.lock().clock_offset = seconds;
    }
}

impl Deref for FeishuStandIn {
    type Target = Bot;

    fn deref(&self) -> &Bot {
        &self.bot
    }
}

impl Drop for FeishuStandIn {
    fn drop(&mut self) {
        let server = &self.bot.server;
        server.lock().stopping = true;
        server.changed.notify_all();
        // Wakes the accepting thread, which takes the others along.
        if TcpStream::connect(server.address).is_ok()
            && let Some(accepting) = self.accepting.take()
        {
            let ended = accepting.join();
            assert!(ended.is_ok() || thread::panicking(), "a thread panicked");
        }
    }
}

impl Bot {
    pub fn webhook_url(&self) -> String {
        let token = self.server.lock().bots[self.index].token.clone();
        format!("http://{}{HOOK}{token}", self.server.address)
    }

    /// Other limits than 5 a second and 100 a minute. What is refused counts as well.
    pub fn set_limits(&self, per_second: usize, per_minute: usize) {
        self.server.lock().bots[self.index].limits = (per_second, per_minute);
    }

    /// Scripts the first request that no earlier call has scripted.
    pub fn answer_next(&self, answer: Answer) {
        let bot = &mut self.server.lock().bots[self.index];
        bot.script.push_back(answer);
    }

    /// Scripted answers still to be given.
    pub fn answers_left(&self) -> usize {
        self.server.lock().bots[self.index].script.len()
    }

    /// Ends the stall of the requests stalled now.
    pub fn release(&self) {
        self.server.lock().bots[self.index].releases += 1;
        self.server.changed.notify_all();
    }

    /// All requests so far, as they came. A request is here before its answer is out.
    pub fn received(&self) -> Vec<Received> {
        self.server.lock().bots[self.index].received.clone()
    }

    /// The cards that are in the group, in order, repeated ones too.
    pub fn accepted_cards(&self) -> Vec<Value> {
        let accepted = self.received().into_iter().filter(|r| r.accepted);
        accepted
            .filter_map(|mut r| r.body.get_mut("card").map(Value::take))
            .collect()
    }

    /// The numbers of the notices that are in the group, in order, repeated ones too.
    pub fn accepted_notices(&self) -> Vec<u64> {
        let accepted = self.received().into_iter().filter(|r| r.accepted);
        accepted.flat_map(|r| notice_numbers(&r.body)).collect()
    }

    /// Waits until the requests satisfy a predicate; panics after `limit`, with what it has seen.
    #[track_caller]
    pub fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        predicate: impl Fn(&[Received]) -> bool,
    ) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let seen = self.server.lock().version;
            // Outside the lock, so that the predicate may ask this bot or another.
            let received = self.received();
            if predicate(&received) {
                return received;
            }
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                let count = self.answers_left();
                let summary = summary(&received);
                panic!("{what}: not within {limit:?}; {count} scripted answers left;{summary}");
            }
            let same = |state: &mut State| state.version == seen;
            let changed = &self.server.changed;
            drop(changed.wait_timeout_while(self.server.lock(), left, same));
        }
    }
}

fn summary(received: &[Received]) -> String {
    let Some(first) = received.first() else {
        return " no request came".to_owned();
    };
    let mut text = format!(" {} requests came:", received.len());
    for (number, r) in received.iter().enumerate() {
        let title = &r.body["card"]["header"]["title"]["content"];
        let became = match r {
            _ if r.accepted => "accepted",
            _ if r.status == 0 => "unanswered",
            _ => "refused",
        };
        let _ = write!(
            text,
            "\n{:4}. +{:.3} s {}, HTTP {}, code {}, {} bytes, {} {}",
            number + 1,
            r.at.duration_since(first.at).as_secs_f64(),
            became,
            r.status,
            r.code,
            r.raw_len,
            r.body["msg_type"].as_str().unwrap_or("no message"),
            title.as_str().unwrap_or_default(),
        );
    }
    text
}

struct Server {
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopping: bool,
    clock_offset: i64,
    /// Grows with every record made or changed.
    version: u64,
    bots: Vec<BotState>,
    /// Connections by number, to be shut down in the end.
    open: HashMap<u64, TcpStream>,
}

struct BotState {
    token: String,
    secret: Option<String>,
    limits: (usize, usize),
    arrivals: VecDeque<Instant>,
    script: VecDeque<Answer>,
    releases: u64,
    received: Vec<Received>,
}

impl Server {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, token: &str, secret: Option<&str>) -> usize {
        let bots = &mut self.lock().bots;
        let free = bots.iter().all(|bot| bot.token != token);
        assert!(free, "a bot has this token: {token}");
        bots.push(BotState {
            token: token.to_owned(),
            secret: secret.map(str::to_owned),
            limits: (5, 100),
            arrivals: VecDeque::new(),
            script: VecDeque::new(),
            releases: 0,
            received: Vec::new(),
        });
        bots.len() - 1
    }

    /// Records what became of a request.
    fn settle(&self, state: &mut State, record: (usize, usize), reply: &Reply) {
        let record = &mut state.bots[record.0].received[record.1];
        record.status = reply.status;
        record.code = reply.code;
        record.accepted = reply.code == 0 && (200..300).contains(&reply.status);
        state.version += 1;
        self.changed.notify_all();
    }

    /// Records and answers a request; returns whether the connection stays open.
    fn handle(&self, stream: &TcpStream, request: Request) -> io::Result<bool> {
        let mut state = self.lock();
        let index = state.bot_of(&request.path);
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let record = (index, state.record(index, &request, body.clone()));
        self.changed.notify_all();
        if let Some(status) = request.refusal {
            let reply = Reply::json(status, 9_499, "Bad Request");
            self.settle(&mut state, record, &reply);
            let now = state.now();
            drop(state);
            reply.send(stream, now, false)?;
            // Closing with bytes unread would reset the connection and take the answer along.
            stream.shutdown(Shutdown::Write)?;
            io::copy(&mut stream.take(4 * MOST_BODY as u64), &mut io::sink())?;
            return Ok(false);
        }
        let scripted = state.bots[index].script.pop_front();
        if let Some(Answer::Stall) = scripted {
            let releases = state.bots[index].releases;
            let stalled = |s: &mut State| !s.stopping && s.bots[index].releases == releases;
            let woken = self.changed.wait_while(state, stalled);
            state = woken.unwrap_or_else(PoisonError::into_inner);
            stream.set_nonblocking(true)?;
            let peeked = stream.peek(&mut [0]).map_err(|error| error.kind());
            stream.set_nonblocking(false)?;
            if state.stopping || !matches!(peeked, Ok(1) | Err(ErrorKind::WouldBlock)) {
                return Ok(false);
            }
        }
        let lost = matches!(scripted, Some(Answer::AcceptThenClose));
        let reply = match scripted {
            Some(Answer::CloseEarly | Answer::DropConnectionBeforeRead) => return Ok(false),
            Some(Answer::Code { status, code, msg }) => Reply::json(status, code, &msg),
            Some(Answer::Status(status)) => Reply::bare(status, ""),
            Some(Answer::Page(status, body)) => Reply {
                body,
                ..Reply::bare(status, "")
            },
            Some(Answer::Redirect(location)) => Reply {
                location: Some(location),
                ..Reply::bare(302, "")
            },
            Some(Answer::Huge(bytes)) => Reply {
                fill: bytes.saturating_sub(HUGE_START.len() + HUGE_END.len()),
                ..Reply::bare(200, HUGE_START)
            },
            Some(Answer::Stall | Answer::AcceptThenClose) | None => {
                state.judge(index, &request, &body)
            }
        };
        self.settle(&mut state, record, &reply);
        let now = state.now();
        drop(state);
        if !lost {
            reply.send(stream, now, request.keep_alive)?;
        }
        Ok(request.keep_alive && !lost)
    }

    /// Whether the request that begins so is to be dropped unread.
    fn drops(&self, start: &[u8]) -> bool {
        let start = String::from_utf8_lossy(start);
        let path = start.split(' ').nth(1).unwrap_or_default();
        let mut state = self.lock();
        let index = state.bot_of(path);
        let script = &mut state.bots[index].script;
        if !matches!(script.front(), Some(Answer::DropConnectionBeforeRead)) {
            return false;
        }
        script.pop_front();
        let mut unread = Request::default();
        unread.path.push_str(path);
        state.record(index, &unread, Value::Null);
        self.changed.notify_all();
        true
    }
}

impl State {
    fn now(&self) -> i64 {
        Utc::now().timestamp().saturating_add(self.clock_offset)
    }

    fn bot_of(&self, path: &str) -> usize {
        let token = path.split('?').next().and_then(|p| p.strip_prefix(HOOK));
        let known = |token: &str| self.bots.iter().position(|bot| bot.token == token);
        token.and_then(known).unwrap_or(STRAYS)
    }

    fn record(&mut self, index: usize, request: &Request, body: Value) -> usize {
        let received = &mut self.bots[index].received;
        received.push(Received {
            at: Instant::now(),
            accepted: false,
            status: 0,
            code: -1,
            path: request.path.clone(),
            body,
            raw_len: request.raw_len,
        });
        self.version += 1;
        received.len() - 1
    }

    /// Feishu's answer to a request.
    fn judge(&mut self, index: usize, request: &Request, body: &Value) -> Reply {
        if index == STRAYS {
            let msg = "param invalid: incoming webhook access token invalid";
            return Reply::json(200, 19_001, msg);
        }
        if request.method != "POST" {
            return Reply::json(405, 9_499, "Method Not Allowed");
        }
        let now = self.now();
        let bot = &mut self.bots[index];
        if bot.is_too_fast() {
            let msg = "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]";
            return Reply::json(200, 11_232, msg);
        }
        if request.raw_len > MOST_MESSAGE {
            return Reply::json(200, 19_036, "request body is too large: 20 KB at most");
        }
        if !body["msg_type"].is_string() {
            return Reply::json(400, 9_499, "Bad Request");
        }
        if let Some(secret) = &bot.secret
            && !is_signed(body, secret, now)
        {
            let msg = "sign match fail or timestamp is not within one hour from current time";
            return Reply::json(200, 19_021, msg);
        }
        match message_fault(body) {
            Some((code, msg)) => Reply::json(200, code, &msg),
            None => Reply {
                body: SUCCESS.as_bytes().to_vec(),
                ..Reply::json(200, 0, "")
            },
        }
    }
}

impl BotState {
    /// Counts a request; more than the limit within a sliding second or minute are too many.
    fn is_too_fast(&mut self) -> bool {
        let now = Instant::now();
        let within = |at: &Instant, window| now.duration_since(*at) < window;
        while self.arrivals.front().is_some_and(|at| !within(at, MINUTE)) {
            self.arrivals.pop_front();
        }
        self.arrivals.push_back(now);
        let last_second = self
            .arrivals
            .iter()
            .rev()
            .take_while(|at| within(at, SECOND));
        last_second.count() > self.limits.0 || self.arrivals.len() > self.limits.1
    }
}

/// base64(HMAC-SHA256(key = timestamp, newline, secret; message = nothing)).
pub fn sign(timestamp: &str, secret: &str) -> String {
    let key = format!("{timestamp}\n{secret}");
    let hmac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length will do");
    STANDARD.encode(hmac.finalize().into_bytes())
}

fn is_signed(body: &Value, secret: &str, now: i64) -> bool {
    // A number for a timestamp is refused.
    let Some(timestamp) = body["timestamp"].as_str() else {
        return false;
    };
    let near = |at: i64| now.abs_diff(at) <= CLOCK_TOLERANCE_SECONDS;
    timestamp.parse().is_ok_and(near) && body["sign"] == sign(timestamp, secret)
}

/// Takes connections until the server stops, then ends them and waits for their threads.
fn accept(server: &Server, listener: &TcpListener) {
    thread::scope(|scope| {
        for number in 0.. {
            let accepted = listener.accept();
            if server.lock().stopping {
                break;
            }
            let Ok((stream, _)) = accepted else { continue };
            let Ok(handle) = stream.try_clone() else {
                continue;
            };
            server.lock().open.insert(number, handle);
            scope.spawn(move || {
                // An error is a sender that has gone.
                let _ = serve(server, &stream);
                server.lock().open.remove(&number);
            });
        }
        for stream in server.lock().open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
}

fn serve(server: &Server, stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    loop {
        if unread.is_empty() {
            let mut start = [0; 1024];
            let length = stream.peek(&mut start)?;
            if length == 0 || server.drops(&start[..length]) {
                return Ok(());
            }
        }
        let request = read_request(stream, &mut unread)?;
        if request.method == "CONNECT" {
            (&mut &*stream).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            continue;
        }
        if !server.handle(stream, request)? {
            return Ok(());
        }
    }
}
