//! Incidents follow from the notices of a room, or of a hotel's meters.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use roomwatt::engine::{
    BaselineMode, Cause, ClosedWhy, Incident, IncidentEvent, IncidentKey, MeterNotice,
    MeterNoticeKind, MeterTrouble, Notice, NoticeKind, Rule,
};
use roomwatt::types::{HotelId, LocalTime};

use crate::baseline::{cut_world, play_each};
use crate::config;
use crate::player::Room;
use crate::world::World;

/// All incidents of a place, as the owner keeps them.
#[derive(Default)]
struct Incidents {
    open: Vec<Incident>,
    closed: Vec<Incident>,
    events: Vec<IncidentEvent>,
    taken: usize,
}

impl Incidents {
    fn take(&mut self, notice: &Notice) {
        let open = self.open.iter().position(|open| open.has(notice));
        let open = open.map(|at| self.open.remove(at));
        let Some((after, event)) = Incident::follow(open, notice) else {
            panic!("{notice:?} is part of no incident");
        };
        self.events.push(event);
        match after.is_open() {
            true => self.open.push(after),
            false => self.closed.push(after),
        }
    }

    /// Takes what is new of a room.
    fn take_room(&mut self, room: &Room) {
        let notices = room.notices();
        for notice in &notices[self.taken..] {
            self.take(&Notice::Room((*notice).clone()));
        }
        self.taken = notices.len();
    }

    fn keys(&self) -> Vec<&IncidentKey> {
        let all = self.closed.iter().chain(&self.open);
        all.map(|incident| &incident.key).collect()
    }
}

/// Plays the world, and looks at its incidents after each message and each sweep.
fn play(world: &World, cuts: &[Index], mode: impl Fn(usize) -> BaselineMode) -> (Room, Incidents) {
    let mut incidents = Incidents::default();
    let room = play_each(world, cuts, mode, |room| {
        incidents.take_room(room);
        let Some(state) = &room.state else { return };
        let goes_on = state.notified_run(&room.key);
        let open: Vec<&IncidentKey> = incidents.open.iter().map(|it| &it.key).collect();
        match (&goes_on, &open[..]) {
            (None, []) => {}
            (Some(run), [key]) => assert!(key.is_of(run), "{key:?} is open, {run:?} goes on"),
            _ => panic!("{open:?} are open, {goes_on:?} goes on"),
        }
    });
    (room, incidents)
}

/// What happens to the meters of a hotel, as far as it is notified.
fn meter_notices() -> impl Strategy<Value = Vec<MeterNotice>> {
    vec((0..4_usize, 1..90_i64, any::<bool>()), 0..30).prop_map(|steps| {
        let (mut now, mut trouble) = (LocalTime::FIRST, None::<MeterTrouble>);
        let mut notices = Vec::new();
        for (kind, minutes, is_known) in steps {
            now = now.plus(minutes * 60);
            let kind = match (kind, trouble.filter(|trouble| trouble.is_open())) {
                (0 | 1, None) => MeterNoticeKind::Silent,
                (_, None) => MeterNoticeKind::Frozen,
                (_, Some(MeterTrouble::Silent(_))) => MeterNoticeKind::Reporting,
                (_, Some(_)) => MeterNoticeKind::Moving,
            };
            let notice = MeterNotice {
                kind,
                hotel_id: HotelId::new("H1"),
                detected: now,
                // The same trouble may be found more than once.
                since: is_known.then_some(LocalTime::FIRST),
                silent: 5,
                watched: 8,
                rooms: Vec::new(),
                handling: None,
            };
            trouble = notice.trouble();
            notices.push(notice);
        }
        notices
    })
}

proptest! {
    #![proptest_config(config())]

    /// "A room has at most one open incident", exactly while a run goes on that was notified;
    /// "every alert is in exactly one", and each closes once.
    #[test]
    fn a_room_has_an_open_incident_exactly_while_a_notified_run_goes_on(
        (world, cuts) in cut_world(),
        on in 0..24_usize,
    ) {
        // In the end it may be switched off.
        let (room, incidents) = play(&world, &cuts, |nth| match nth < on {
            true => BaselineMode::On,
            false => BaselineMode::Off,
        });
        let keys = incidents.keys();
        let distinct: BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len(), "each opens once: {:?}", keys);
        prop_assert_eq!(incidents.events.len(), room.notices().len());
        let mut ends: BTreeMap<&IncidentKey, u32> = BTreeMap::new();
        for event in &incidents.events {
            let is_end = event.closed().is_some();
            *ends.entry(&event.incident).or_default() += u32::from(is_end);
        }
        for incident in &incidents.closed {
            prop_assert_eq!(ends.get(&incident.key), Some(&1), "{:?}", incident);
            let is_of = |event: &&IncidentEvent| event.incident == incident.key;
            let last = incidents.events.iter().rfind(is_of).expect("its end");
            let closed = incident.closed.expect("it is over");
            prop_assert_eq!(last.closed(), Some(closed.why));
            prop_assert_eq!((last.at, incident.key.opened_at <= closed.at), (closed.at, true));
        }
        for incident in &incidents.open {
            prop_assert_eq!(ends.get(&incident.key), Some(&0), "{:?}", incident);
        }
        // What opened it is its first cause, and each rule that alerted in it is one.
        for notice in room.notices().into_iter().filter(|it| it.kind == NoticeKind::Alert) {
            let of = |it: &&Incident| it.key.is_of(&notice.incident());
            let mut of = incidents.closed.iter().chain(&incidents.open).filter(of);
            let incident = of.next().expect("an incident of the alert");
            prop_assert!(of.next().is_none(), "two incidents of {:?}", notice);
            prop_assert_eq!(incident.causes[0], incident.key.cause);
            let cause = Cause::from_word(match notice.rule == Rule::Baseline {
                true => "baseline",
                false => "fixed",
            });
            prop_assert!(incident.causes.contains(&cause.expect("a cause")));
        }
    }

    /// "Verdicts do not depend on how readings were cut into sweeps": nor do incidents.
    #[test]
    fn incidents_of_thresholds_do_not_depend_on_how_readings_are_cut(
        (world, cuts) in cut_world(),
    ) {
        let (_, at_once) = play(&world, &[], |_| BaselineMode::Off);
        let (_, cut) = play(&world, &cuts, |_| BaselineMode::Off);
        prop_assert_eq!(&at_once.closed, &cut.closed);
        prop_assert_eq!(&at_once.open, &cut.open);
        prop_assert_eq!(at_once.events, cut.events);
    }

    /// "A hotel's silent or frozen meters are incidents, too", one at a time, and each closes when
    /// the meters are back.
    #[test]
    fn the_meters_of_a_hotel_have_an_open_incident_exactly_while_they_are_in_trouble(
        notices in meter_notices(),
    ) {
        let mut incidents = Incidents::default();
        for notice in &notices {
            incidents.take(&Notice::Meters(notice.clone()));
            let is_open = notice.trouble().is_some_and(MeterTrouble::is_open);
            prop_assert_eq!(incidents.open.len(), usize::from(is_open));
        }
        let keys = incidents.keys();
        let distinct: BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(distinct.len(), keys.len(), "each opens once: {:?}", keys);
        prop_assert_eq!(keys.len(), notices.len().div_ceil(2));
        for incident in &incidents.closed {
            prop_assert_eq!(incident.closed.map(|it| it.why), Some(ClosedWhy::MetersBack));
        }
    }
}

/// The worlds have incidents that both rules alert in, so that the properties say something.
#[test]
fn the_worlds_have_incidents_of_both_rules_and_of_each_end() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut causes, mut ends) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..400 {
        let world = cut_world().new_tree(&mut runner).expect("a world");
        let (world, cuts) = world.current();
        let (_, incidents) = play(&world, &cuts, |_| BaselineMode::On);
        for incident in &incidents.closed {
            causes.insert(incident.causes_as_words());
            ends.extend(incident.closed.map(|closed| closed.why));
        }
    }
    for words in ["fixed", "baseline", "fixed,baseline", "baseline,fixed"] {
        assert!(causes.contains(words), "{words}: {causes:?}");
    }
    for why in [
        ClosedWhy::Recovered,
        ClosedWhy::Gap,
        ClosedWhy::MeterChanged,
        ClosedWhy::NewStay,
        ClosedWhy::OutOfOrder,
    ] {
        assert!(ends.contains(&why), "{why:?}: {ends:?}");
    }
}
