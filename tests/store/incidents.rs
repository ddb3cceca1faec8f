//! What is written of incidents, and what the next instance finds of them.

use roomwatt::engine::{
    Acknowledgement, Cause, ClosedWhy, Closing, Incident, IncidentEvent, MeterNotice,
    MeterNoticeKind, Notice, NoticeKind, RoomState, Rules, Run, meters_of,
};
use roomwatt::owner::OwnedState;
use roomwatt::store::{Plan, StateStore};
use roomwatt::types::{HotelId, RoomKey, WattHours};

use crate::subject::{Subject, commit};
use crate::{at, notice, on_each_store, vacant};

/// Incidents with what became of them, as a plan has them.
#[derive(Default)]
struct Followed(Vec<Incident>, Vec<IncidentEvent>);

impl Followed {
    fn take(&mut self, notice: &Notice) -> &mut Incident {
        let is_its =
            |it: &Incident| it.is_open() && Incident::place(notice).as_ref() == Some(&it.key.place);
        let open = self.0.iter().position(is_its);
        let open = open.map(|at| self.0.remove(at));
        let (incident, event) = Incident::follow(open, notice).expect("an incident");
        self.1.push(event);
        self.0.push(incident);
        self.0.last_mut().expect("it was pushed")
    }

    fn write(&mut self, store: &mut Box<dyn StateStore>) {
        commit(store, |plan| {
            plan.incidents.clone_from(&self.0);
            plan.incident_events = std::mem::take(&mut self.1);
        });
    }
}

fn open(subject: &Subject) -> Vec<Incident> {
    let mut open = Vec::new();
    let mut store = subject.database.store();
    store
        .load_incidents(&mut |incident| open.push(incident))
        .expect("incidents");
    open.sort_by(|one, other| one.key.cmp(&other.key));
    open
}

fn rows(subject: &Subject) -> Vec<String> {
    let [since, opened, closed, stay] = ["since", "opened_at", "closed_at", "stay_time"]
        .map(|column| format!("coalesce({}, '-')", subject.time(column)));
    subject.rows(&format!(
        "SELECT concat_ws(' ', hotel_id, room_number, watch, rule, {since}, {opened}, \
         coalesce(msg_type, '-'), {stay}, rules, periods, wh, state, {closed}, \
         coalesce(closed_why, '-')) FROM incident ORDER BY id"
    ))
}

fn events(subject: &Subject) -> Vec<String> {
    subject.rows(&format!(
        "SELECT concat_ws(' ', room_number, {}, what, coalesce(by_whom, '-'), \
         coalesce(detail, '-')) FROM incident_event JOIN incident ON incident.id = incident \
         ORDER BY incident_event.id",
        subject.time("at")
    ))
}

fn meters(kind: MeterNoticeKind, minutes: i64) -> Notice {
    Notice::Meters(MeterNotice {
        kind,
        hotel_id: HotelId::new("H1"),
        detected: at(minutes),
        since: Some(at(-90)),
        silent: 5,
        watched: 8,
        rooms: Vec::new(),
        handling: None,
    })
}

fn an_incident_has_one_row_and_one_event_of_each_notice(subject: &Subject) {
    let mut store = subject.owner();
    let (upper, lower) = (RoomKey::new("H1", "A1"), RoomKey::new("H1", "a1"));
    let mut followed = Followed::default();
    followed.take(&notice(NoticeKind::Alert, &upper, 120));
    followed.take(&notice(NoticeKind::Alert, &lower, 120));
    followed.take(&meters(MeterNoticeKind::Silent, 30));
    followed.write(&mut store);
    let all = |followed: &Followed| {
        let mut all = followed.0.clone();
        all.sort_by(|one, other| one.key.cmp(&other.key));
        all
    };
    assert_eq!(open(subject), all(&followed));
    followed.take(&notice(NoticeKind::Reminder, &upper, 240));
    let by_hand = followed.take(&notice(NoticeKind::Reminder, &upper, 480));
    by_hand.acknowledged = Some(Acknowledgement {
        by: "\u{738b}\u{5de5}".to_owned(),
        at: at(300),
        until: at(540),
    });
    by_hand.snoozed_until = Some(at(600));
    (by_hand.escalated_step, by_hand.escalate_at) = (2, Some(at(660)));
    followed.write(&mut store);
    assert_eq!(open(subject), all(&followed), "all of it is read again");
    let closed = NoticeKind::Closed(Closing::OutOfOrder { at: at(500) });
    followed.take(&notice(closed, &upper, 510));
    followed.take(&meters(MeterNoticeKind::Reporting, 60));
    followed.write(&mut store);
    let left = open(subject);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].key.place, lower);
    assert_eq!(
        rows(subject),
        [
            "H1 A1 1 fixed 2023-04-10 12:00:00 2023-04-10 14:00:00 checkout 2023-04-10 12:00:00 \
             fixed 4 9600 closed 2023-04-10 20:30:00 out_of_order",
            "H1 a1 1 fixed 2023-04-10 12:00:00 2023-04-10 14:00:00 checkout 2023-04-10 12:00:00 \
             fixed 4 9600 open - -",
            "H1  0 silent 2023-04-10 10:30:00 2023-04-10 12:30:00 - - silent 0 0 closed \
             2023-04-10 13:00:00 meters_back",
        ]
    );
    let of_run = |more: &str| {
        format!(r#"{{{more}"periods":4,"rule":"fixed","since":"2023-04-10 12:00:00","wh":9600}}"#)
    };
    let of_meters =
        |more: &str| format!(r#"{{{more}"rule":"silent","since":"2023-04-10 10:30:00"}}"#);
    assert_eq!(
        events(subject),
        [
            format!("A1 2023-04-10 14:00:00 alert - {}", of_run("")),
            format!("a1 2023-04-10 14:00:00 alert - {}", of_run("")),
            format!(" 2023-04-10 12:30:00 silent - {}", of_meters("")),
            format!("A1 2023-04-10 16:00:00 reminder - {}", of_run("")),
            format!("A1 2023-04-10 20:00:00 reminder - {}", of_run("")),
            format!(
                "A1 2023-04-10 20:30:00 closed - {}",
                of_run(r#""closed":"out_of_order","#)
            ),
            format!(
                " 2023-04-10 13:00:00 heard - {}",
                of_meters(r#""closed":"meters_back","#)
            ),
        ]
    );
}

fn two_thousand_incidents_of_one_batch_are_written(subject: &Subject) {
    let mut store = subject.owner();
    let mut followed = Followed::default();
    for number in 0..2_000 {
        let room = RoomKey::new("H1", &number.to_string());
        let (incident, event) =
            Incident::follow(None, &notice(NoticeKind::Alert, &room, 120)).expect("an incident");
        followed.0.push(incident);
        followed.1.push(event);
    }
    followed.write(&mut store);
    assert_eq!(open(subject).len(), 2_000);
    let each = "SELECT concat(count(DISTINCT incident), '') FROM incident_event";
    assert_eq!(subject.rows(each), ["2000"]);
}

/// A room with a run that was notified, and no incident: as earlier versions have left them.
fn notified(store: &mut Box<dyn StateStore>, room: &RoomKey, since: i64) {
    let mut state = RoomState::new(vacant(0), &Rules::default());
    state.watch.fold.run = Some(Run {
        periods: 9,
        energy: WattHours(18_000),
        since: at(since),
        until: at(since + 270),
        notified_at_periods: 8,
    });
    commit(store, |plan| plan.rooms = vec![(room.clone(), state)]);
}

fn running_alerts_of_earlier_versions_become_open_incidents(subject: &Subject) {
    let mut store = subject.owner();
    let [known, recorded, unrecorded] = ["1", "2", "3"].map(|number| RoomKey::new("H1", number));
    for (room, since) in [(&known, 0), (&recorded, 10), (&unrecorded, 20)] {
        notified(&mut store, room, since);
    }
    let mut followed = Followed::default();
    followed.take(&notice(NoticeKind::Alert, &known, 120));
    followed.write(&mut store);
    // Nothing goes on there any more.
    let calm = RoomKey::new("H1", "4");
    let mut of_calm = Followed::default();
    of_calm.take(&notice(NoticeKind::Alert, &calm, 120));
    of_calm.write(&mut store);
    commit(&mut store, |plan| {
        plan.notices = vec![
            // An earlier run's, and that of the run and its reminder.
            notice(NoticeKind::Alert, &recorded, 5),
            notice(NoticeKind::Alert, &recorded, 130),
            meters(MeterNoticeKind::Silent, 30),
        ];
    });
    let before = events(subject).len();
    let take_over = |now| OwnedState::take_over(subject.database.store(), at(now)).expect("free");
    let owned = take_over(1_000);
    let mut open_now = open(subject);
    let mut in_memory = owned.rooms().incidents();
    in_memory.sort_by(|one, other| one.key.cmp(&other.key));
    assert_eq!(in_memory, open_now, "memory has what is recorded");
    let meters = open_now.remove(0);
    assert_eq!(
        (meters.key.cause, meters.key.since),
        (Cause::Silent, at(-90))
    );
    assert_eq!(meters.key.place, meters_of(&HotelId::new("H1")));
    let opened: Vec<_> = open_now
        .iter()
        .map(|it| (&it.key.place, it.key.opened_at, it.periods))
        .collect();
    assert_eq!(
        opened,
        [
            (&known, at(120), 4),
            // When it alerted is recorded, or else it is the end of its last interval.
            (&recorded, at(130), 9),
            (&unrecorded, at(290), 9),
        ]
    );
    let why = "SELECT concat_ws(' ', room_number, closed_why) FROM incident \
               WHERE state = 'closed'";
    let not_recorded = format!("4 {}", ClosedWhy::NotRecorded.as_str());
    assert_eq!(subject.rows(why), [not_recorded]);
    assert_eq!(events(subject).len(), before + 4);
    // The next instance finds nothing to record.
    let (all, seq) = (rows(subject), owned.ownership().seq);
    drop(owned);
    let next = take_over(2_000);
    assert_eq!((rows(subject), events(subject).len()), (all, before + 4));
    assert_eq!(next.ownership().seq, seq + 1, "one transaction recorded it");
    assert_eq!(next.rooms().incidents().len(), 4);
}

fn closed_incidents_are_deleted_when_they_are_old_and_open_ones_never(subject: &Subject) {
    let mut store = subject.owner();
    let mut followed = Followed::default();
    for (number, kind) in [
        ("1", None),
        ("2", Some(NoticeKind::Recovered)),
        ("3", Some(NoticeKind::Recovered)),
    ] {
        let room = RoomKey::new("H1", number);
        followed.take(&notice(NoticeKind::Alert, &room, 120));
        if let Some(kind) = kind {
            followed.take(&notice(kind, &room, 180));
        }
    }
    followed.write(&mut store);
    let long_ago = subject.ago(401 * 86_400);
    subject.execute(&format!(
        "UPDATE incident SET changed_at = {long_ago} WHERE room_number IN ('1', '2')"
    ));
    assert_eq!(store.delete_incidents(400).expect("deleted"), 1);
    let left = "SELECT room_number FROM incident ORDER BY id";
    assert_eq!(subject.rows(left), ["1", "3"]);
    let rooms: Vec<String> = events(subject)
        .iter()
        .filter_map(|event| Some(event.split_once(' ')?.0.to_owned()))
        .collect();
    assert_eq!(rooms, ["1", "3", "3"]);
    let count = "SELECT concat(count(*), '') FROM incident_event";
    assert_eq!(subject.rows(count), ["3"]);
    assert_eq!(store.delete_incidents(400).expect("nothing to do"), 0);
}

fn incidents_are_written_with_their_plan_or_not_at_all(subject: &Subject) {
    let mut store = subject.owner();
    subject.execute(if subject.is_file() {
        "CREATE TRIGGER no BEFORE UPDATE ON service WHEN NEW.seq <> OLD.seq \
         BEGIN SELECT raise(ABORT, 'not now'); END"
    } else {
        "CREATE TRIGGER no BEFORE UPDATE ON service FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not now'"
    });
    let mut followed = Followed::default();
    followed.take(&notice(NoticeKind::Alert, &RoomKey::new("H1", "1"), 120));
    let plan = Plan {
        incidents: followed.0,
        incident_events: followed.1,
        ..Plan::default()
    };
    store.commit(&plan).expect_err("the trigger refuses");
    assert_eq!((rows(subject).len(), events(subject).len()), (0, 0));
    subject.execute("DROP TRIGGER no");
    store.commit(&plan).expect("written");
    assert_eq!((rows(subject).len(), events(subject).len()), (1, 1));
}

on_each_store!(
    an_incident_has_one_row_and_one_event_of_each_notice,
    two_thousand_incidents_of_one_batch_are_written,
    running_alerts_of_earlier_versions_become_open_incidents,
    closed_incidents_are_deleted_when_they_are_old_and_open_ones_never,
    incidents_are_written_with_their_plan_or_not_at_all,
);
