//! Meters that fall silent, by a clock that the tests move: silence takes hours.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::config::Config;
use roomwatt::engine::{Event, MeterNotice, MeterNoticeKind, Notice, Parsed, RefusedBodies, Stay};
use roomwatt::gate::Gate;
use roomwatt::owner::{Inbox, Input, Inputs, Message, OwnedState, Owner, Parts};
use roomwatt::store::{MySqlReader, MySqlStore, StateStore};
use roomwatt::sweep::Sweeper;
use roomwatt::threads::{Exit, Stopper, spawn, stop_signal};
use roomwatt::types::{HotelId, LocalTime, RoomKey, RoomNumber};

use crate::support::feishu::message_text;
use crate::support::{LIMIT, Rig};
use crate::{check_out, minutes_ago};

const NOTICES: &str = "SELECT hotel_id, kind FROM notification ORDER BY id";
const SILENT: &str = "SELECT hotel_id, CAST(since AS CHAR) FROM silent_hotel ORDER BY hotel_id";

pub(crate) fn at(minutes: i64) -> LocalTime {
    let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
    noon.plus(minutes * 60)
}

/// What the instances of all tests have logged.
struct Logged(Mutex<Vec<String>>);

static LOGGED: Logged = Logged(Mutex::new(Vec::new()));

impl log::Log for Logged {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        self.0.lock().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// How often a line was logged that begins so.
pub(crate) fn logged(start: &str) -> usize {
    let lines = LOGGED.0.lock();
    lines.iter().filter(|line| line.starts_with(start)).count()
}

/// A clock that only the test moves.
struct Hand(Mutex<LocalTime>);

impl Clock for Hand {
    fn now(&self) -> LocalTime {
        *self.0.lock()
    }
}

/// The state-owner in the test's own thread and the sweep in another, which waits at the beginning
/// of each sweep until the owner answers.
pub(crate) struct Instance {
    owner: Owner<Box<dyn StateStore>, MySqlReader>,
    clock: Arc<Hand>,
    inputs: Inputs,
    /// The beginning of the next sweep, unanswered.
    next: Option<Input>,
    /// The hotel whose notifier was woken.
    woken: Receiver<HotelId>,
    stopper: Option<Stopper>,
    ended: Receiver<Exit>,
}

impl Instance {
    /// Takes the state over, at this minute.
    pub(crate) fn start(rig: &Rig, minutes: i64) -> Instance {
        // The first of several tests sets it.
        let _ = log::set_logger(&LOGGED);
        log::set_max_level(log::LevelFilter::Info);
        let config = Config::load(Some(&rig.config()), &[]).expect("a configuration");
        let (mysql, zone) = (config.mysql.expect("a section"), config.messages.zone);
        let store = Box::new(MySqlStore::new(&mysql, zone));
        let state = OwnedState::take_over(store, at(minutes)).expect("it is free");
        let clock = Arc::new(Hand(Mutex::new(at(minutes))));
        let rules = Arc::new(config.rules);
        let reader = MySqlReader::new(&mysql, config.meter, zone);
        let intake = Arc::new(Gate::new(0));
        let (stopper, stop) = stop_signal();
        let (bell, woken) = bounded(1);
        let (inbox, inputs) = Inbox::new(&stop);
        let (exits, ended) = bounded(1);
        let sweeper = Sweeper {
            rooms: Arc::clone(state.rooms()),
            rules: Arc::clone(&rules),
            reader: Arc::new(reader.clone()),
            clock: clock.clone(),
            batch_size: 4,
            every: Duration::from_millis(1),
            intake: Arc::clone(&intake),
            inbox,
            figures: Arc::default(),
            heartbeat: None,
            stop: stop.clone(),
            judged: state.ownership().position,
        };
        spawn("sweep", &exits, move || sweeper.run()).expect("a thread");
        let owner = Owner::new(Parts {
            state,
            rules,
            meters: reader,
            clock: clock.clone(),
            keep_days: 30,
            keep_incident_days: 400,
            refused_bodies: RefusedBodies::default(),
            inputs: Inbox::new(&stop).1,
            intake,
            wake_notifier: Box::new(move |hotel| {
                let _ = bell.try_send(hotel.clone());
            }),
            figures: Arc::default(),
            stop,
        });
        let mut instance = Instance {
            owner,
            clock,
            inputs,
            next: None,
            woken,
            stopper: Some(stopper),
            ended,
        };
        instance.next = Some(instance.receive());
        instance
    }

    fn receive(&self) -> Input {
        self.inputs.next(LIMIT).expect("a sweep")
    }

    fn take(&mut self, input: Input) {
        assert!(self.owner.take(vec![input]).is_ok(), "it can be written");
    }

    /// Lets one sweep come to its end.
    fn sweep(&mut self) {
        let mut input = self.next.take().expect("a sweep begins");
        loop {
            self.take(input);
            input = self.receive();
            if let Input::Sweeping { .. } = input {
                self.next = Some(input);
                return;
            }
        }
    }

    /// At this minute `readings` have come, and a sweep passes.
    pub(crate) fn pass(&mut self, minutes: i64, readings: impl FnOnce()) {
        *self.clock.0.lock() = at(minutes);
        // The sweep that is about to begin has read the clock before.
        self.sweep();
        readings();
        self.sweep();
    }

    /// Sweeps pass, and nothing comes.
    pub(crate) fn wait(&mut self, minutes: impl IntoIterator<Item = i64>) {
        for minutes in minutes {
            self.pass(minutes, || {});
        }
    }

    /// The guests of these rooms have left at this minute.
    pub(crate) fn leave(&mut self, hotel: &str, rooms: std::ops::Range<u32>, minutes: i64) {
        for number in rooms {
            let stay = Stay::Vacant {
                actual_checkin: None,
                actual_checkout: at(minutes),
            };
            let room = RoomKey::new(hotel, &number.to_string());
            self.take(Input::Message(Message {
                source: "test".into(),
                parsed: Parsed::Event(Event::of(room, &stay)),
                body: Vec::new(),
                redelivered: false,
                committed: Box::new(|| {}),
            }));
        }
    }

    pub(crate) fn stop(mut self) {
        drop(self.stopper.take());
        let exit = self.ended.recv_timeout(LIMIT).expect("an end");
        assert!(!exit.panicked, "{exit:?}");
    }
}

/// These rooms' meters are read at this minute.
fn read(rig: &Rig, hotel: &str, rooms: std::ops::Range<u32>, minutes: i64, register: &str) {
    for room in rooms {
        rig.meter(hotel, &room.to_string(), &at(minutes).to_string(), register);
    }
}

pub(crate) fn notices(rig: &Rig) -> Vec<(String, String)> {
    rig.rows(NOTICES)
}

/// Expected rows: hotel, kind.
pub(crate) fn rows(notices: &[(&str, &str)]) -> Vec<(String, String)> {
    let rows = notices.iter();
    rows.map(|&(hotel, kind)| (hotel.into(), kind.into()))
        .collect()
}

#[test]
fn a_dead_gateway_is_reported_once_and_its_end_once() {
    let rig = Rig::new("gateway");
    let mut instance = Instance::start(&rig, 0);
    instance.leave("H001", 101..107, 0);
    instance.pass(1, || read(&rig, "H001", 101..107, 0, "100"));
    instance.pass(30, || read(&rig, "H001", 101..107, 30, "100"));
    instance.wait([60, 90, 119]);
    assert_eq!(notices(&rig), []);
    let _ = instance.woken.try_recv();
    instance.wait([120]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    assert!(instance.woken.try_recv().is_ok(), "the notifier sleeps on");
    let row: Vec<(String, String, String)> =
        rig.rows("SELECT room_number, CAST(detected_time AS CHAR), body FROM notification");
    let [(room, detected, body)] = row.as_slice() else {
        panic!("{row:?}");
    };
    assert_eq!((room.as_str(), detected), ("", &at(120).to_string()));
    let notice: Notice = serde_json::from_str(body).expect("a notice");
    let rooms = (101..107).map(|room| RoomNumber::new(&room.to_string()));
    let expected = MeterNotice {
        kind: MeterNoticeKind::Silent,
        hotel_id: HotelId::new("H001"),
        detected: at(120),
        since: Some(at(30)),
        silent: 6,
        watched: 6,
        rooms: rooms.collect(),
        handling: None,
    };
    assert_eq!(notice, Notice::Meters(expected));
    assert_eq!(
        rig.rows::<(String, String)>(SILENT),
        [("H001".into(), at(30).to_string())]
    );
    // Not again: neither later nor after a restart, however long it lasts.
    instance.wait([121, 150, 180, 210, 240]);
    instance.stop();
    let mut instance = Instance::start(&rig, 250);
    instance.wait([250, 280, 310, 339, 340, 370]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    // Half of them are not the hotel; more are.
    instance.pass(380, || read(&rig, "H001", 101..104, 380, "100"));
    assert_eq!(notices(&rig).len(), 1);
    instance.pass(381, || read(&rig, "H001", 104..105, 381, "100"));
    let both = rows(&[("H001", "silent"), ("H001", "heard")]);
    assert_eq!(notices(&rig), both);
    assert_eq!(rig.rows::<(String, String)>(SILENT), []);
    let since: Vec<String> = rig.rows("SELECT JSON_VALUE(body, '$.since') FROM notification");
    assert_eq!(since, [at(30).to_string(), at(30).to_string()]);
    instance.pass(400, || read(&rig, "H001", 101..107, 400, "100"));
    instance.wait([430, 460, 489]);
    assert_eq!(notices(&rig), both);
    // It can happen again.
    instance.wait([490]);
    assert_eq!(notices(&rig)[2..], rows(&[("H001", "silent")]));
    instance.stop();
    rig.finish();
}

#[test]
fn rooms_without_any_reading_count_and_four_are_too_few() {
    let rig = Rig::new("never");
    rig.configure("silent_after_minutes = 60");
    let mut instance = Instance::start(&rig, 0);
    instance.leave("H004", 101..105, 0);
    instance.leave("H005", 101..106, 0);
    // Less than half of them make no notice.
    instance.leave("H011", 101..112, 0);
    for minutes in [1, 20, 40, 59] {
        instance.pass(minutes, || read(&rig, "H011", 106..112, minutes, "100"));
    }
    assert_eq!(notices(&rig), []);
    instance.wait([60]);
    assert_eq!(notices(&rig), rows(&[("H005", "silent")]));
    assert_eq!(
        rig.rows::<(String, Option<String>)>(SILENT),
        [("H005".into(), None)]
    );
    // The log has them all, also those of a hotel without a notice: at once, and in an interval
    // again.
    let lists = || {
        [
            "silent meters of hotel H004: 4 of 4 (never a reading): 101, 102, 103, 104",
            "silent meters of hotel H005: 5 of 5 (never a reading): 101, 102, 103, 104, 105",
            "silent meters of hotel H011: 5 of 11 (never a reading): 101, 102, 103, 104, 105",
        ]
        .map(logged)
    };
    assert_eq!(lists(), [1; 3]);
    assert!(logged("sweep: 20 rooms watched (14 silent), ") > 0);
    instance.wait([75, 89]);
    assert_eq!(lists(), [1; 3]);
    instance.wait([90]);
    assert_eq!(lists(), [2; 3]);
    instance.stop();
    // Nor does an instance that does not know when it began record it again.
    let mut instance = Instance::start(&rig, 91);
    instance.wait([91, 110, 130, 148]);
    assert_eq!(notices(&rig).len(), 1);
    instance.stop();
    rig.finish();
}

#[test]
fn after_an_outage_of_the_service_silence_counts_from_its_end() {
    let rig = Rig::new("outage");
    let mut instance = Instance::start(&rig, 0);
    for hotel in ["H001", "H002"] {
        instance.leave(hotel, 101..107, 0);
    }
    let both = |minutes| {
        for hotel in ["H001", "H002"] {
            read(&rig, hotel, 101..107, minutes, "100");
        }
    };
    instance.pass(1, || both(0));
    instance.stop();
    let mut instance = Instance::start(&rig, 180);
    instance.wait([180]);
    instance.pass(200, || read(&rig, "H002", 101..107, 190, "100"));
    instance.wait([230, 250, 269]);
    assert_eq!(notices(&rig), []);
    instance.wait([270]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    // While the meter table is away no silence counts either.
    instance.pass(275, || both(275));
    assert_eq!(notices(&rig)[1..], rows(&[("H001", "heard")]));
    rig.execute("RENAME TABLE smart_meter TO elsewhere");
    instance.wait([300, 330, 360, 390]);
    rig.execute("RENAME TABLE elsewhere TO smart_meter");
    // The sweep that began at 390 finds it again.
    instance.wait([400, 430, 460, 479]);
    assert_eq!(notices(&rig).len(), 2);
    instance.wait([480]);
    let again = rows(&[("H001", "silent"), ("H002", "silent")]);
    assert_eq!(notices(&rig)[2..], again);
    // Nor while the machine sleeps.
    instance.pass(495, || both(495));
    instance.wait([700, 730, 760, 789]);
    assert_eq!(notices(&rig).len(), 6);
    instance.wait([790]);
    assert_eq!(notices(&rig)[6..], again);
    instance.stop();
    rig.finish();
}

#[test]
fn silence_neither_ends_nor_extends_a_run() {
    let rig = Rig::new("run");
    let mut instance = Instance::start(&rig, 0);
    instance.leave("H001", 101..107, 0);
    for minutes in [0, 30, 60, 90] {
        let register = (100 + minutes / 10).to_string();
        instance.pass(minutes + 1, || {
            read(&rig, "H001", 101..107, minutes, &register)
        });
    }
    let runs = "SELECT run_periods, run_wh, CAST(run_since AS CHAR), CAST(seen_time AS CHAR), \
                state FROM room_state";
    type Run = (i64, i64, String, String, String);
    let before: Vec<Run> = rig.rows(runs);
    assert_eq!((before.len(), before[0].0, before[0].1), (6, 3, 9_000));
    instance.wait([120, 150, 180, 195]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    assert_eq!(rig.rows::<Run>(runs), before);
    // Abnormal still: three intervals' time in one.
    instance.pass(200, || read(&rig, "H001", 101..107, 200, "120"));
    let periods: Vec<u32> = rig.rows("SELECT continuous_periods FROM electricity_abnormal");
    assert_eq!(periods, [6; 6]);
    let kinds: Vec<(String, i64)> =
        rig.rows("SELECT kind, COUNT(*) FROM notification GROUP BY kind ORDER BY kind");
    let counted = [("alert", 6), ("heard", 1), ("silent", 1)];
    assert_eq!(kinds, counted.map(|(kind, count)| (kind.to_owned(), count)));
    instance.stop();
    rig.finish();
}

#[test]
fn departures_do_not_end_the_silence_of_a_dead_hotel() {
    let rig = Rig::new("leave");
    let mut instance = Instance::start(&rig, 0);
    instance.leave("H001", 101..107, 0);
    instance.pass(1, || read(&rig, "H001", 101..107, 0, "100"));
    instance.wait([30, 60, 90]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    instance.leave("H001", 101..107, 95);
    instance.wait([100, 125, 150]);
    // One meter sends readings, and nothing is known of the others.
    instance.pass(155, || read(&rig, "H001", 101..102, 155, "100"));
    instance.wait([180, 184, 186, 210]);
    assert_eq!(notices(&rig), rows(&[("H001", "silent")]));
    instance.pass(220, || read(&rig, "H001", 101..107, 220, "100"));
    assert_eq!(notices(&rig)[1..], rows(&[("H001", "heard")]));
    instance.stop();
    rig.finish();
}

#[test]
fn notices_before_a_restart_are_remembered_after_it() {
    let mut rig = Rig::new("knows");
    let left = minutes_ago(60);
    let rooms = ["101", "102"].map(|room| check_out("H001", room, left));
    rig.publish(rooms.iter().map(String::as_str));
    for room in ["101", "102"] {
        rig.meter("H001", room, &minutes_ago(10).to_string(), "100");
    }
    rig.execute(&format!(
        "INSERT INTO silent_hotel (hotel_id, since) VALUES ('H001', '{left}'), ('H002', NULL)"
    ));
    let mut service = rig.start();
    rig.wait_for_rows(NOTICES, &rows(&[("H001", "heard")]));
    // For a hotel that is not watched there is no notice.
    rig.wait_for_rows("SELECT hotel_id FROM silent_hotel", &["H002".to_owned()]);
    service.wait_for_log("2 rooms watched (silent: not known before ");
    service
        .wait_for_log("all rooms: 0 occupied (0 overstayed), 2 vacant, silent: not known before ");
    let received = (rig.feishu).wait_until("a card", LIMIT, |received| !received.is_empty());
    let card = message_text(&received[0].body);
    assert!(
        card.starts_with("┌─[green] 电表数据已恢复 H001\n"),
        "{card}"
    );
    assert!(
        card.contains(&format!("中断始于：{}", left.day_hour_minute())),
        "{card}"
    );
    rig.wait_for_rows("SELECT state FROM notification", &["sent".to_owned()]);
    service.stop();
    rig.finish();
}
