//! How long the owner waits for a store that is lost before the intake closes, by a clock that
//! passes while it waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use roomwatt::clock::Clock;
use roomwatt::engine::{Event, Incident, KeptBody, Parsed, RefusedBodies, Stay};
use roomwatt::frontier::Frontier;
use roomwatt::gate::Gate;
use roomwatt::owner::{Inbox, Input, Message, OwnedState, Owner, Parts};
use roomwatt::rooms::Rooms;
use roomwatt::store::{Meters, Ownership, Plan, Readings, Store, StoreError, Wanted};
use roomwatt::threads::{Stop, stop_signal};
use roomwatt::types::{LocalTime, RoomKey};

use crate::world::start;

/// What was seen at each try to write: how long the first one is ago, and whether the intake is
/// open.
type Tries = Arc<Mutex<Vec<(Duration, bool)>>>;

/// A clock on which pauses pass at once.
struct Passing(Mutex<Instant>);

impl Clock for Passing {
    fn now(&self) -> LocalTime {
        start()
    }

    fn instant(&self) -> Instant {
        *self.0.lock()
    }

    fn wait(&self, _stop: &Stop, patience: Duration) -> bool {
        *self.0.lock() += patience;
        false
    }
}

/// A store that is lost for so long.
struct Lost {
    until: Instant,
    began: Instant,
    clock: Arc<Passing>,
    intake: Arc<Gate>,
    tries: Tries,
}

impl Store for Lost {
    fn commit(&mut self, _plan: &Plan) -> Result<(), StoreError> {
        let now = self.clock.instant();
        let seen = (now.duration_since(self.began), self.intake.phase().0);
        self.tries.lock().push(seen);
        if now < self.until {
            return Err(StoreError::Unreachable("the link is down".into()));
        }
        Ok(())
    }

    fn delete_old(&mut self, _keep_days: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn delete_incidents(&mut self, _keep_days: u32) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn incident(&mut self, _: u64, _: &str) -> Result<Option<(Incident, bool)>, StoreError> {
        Ok(None)
    }

    fn reduce_old(&mut self, _reduce: &dyn Fn(&[u8]) -> KeptBody) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn record_thresholds(
        &mut self,
        _: &roomwatt::engine::Rules,
        _: LocalTime,
    ) -> Result<u64, StoreError> {
        Ok(0)
    }
}

struct NoMeters;

impl Meters for NoMeters {
    fn readings(
        &self,
        _wanted: &[Wanted],
        _latest: LocalTime,
        _frontier: Frontier,
    ) -> Result<HashMap<RoomKey, Readings>, StoreError> {
        Ok(HashMap::new())
    }
}

/// What was seen at each try to write a message to a store that is lost for so many seconds, and
/// whether the intake is open afterwards.
fn tries(seconds: u64) -> (Vec<(Duration, bool)>, bool) {
    let began = Instant::now();
    let clock = Arc::new(Passing(Mutex::new(began)));
    let intake = Arc::new(Gate::new(0));
    let tries = Tries::default();
    let ownership = Ownership {
        epoch: 1,
        seq: 0,
        position: None,
    };
    let store = Lost {
        until: began + Duration::from_secs(seconds),
        began,
        clock: Arc::clone(&clock),
        intake: Arc::clone(&intake),
        tries: Arc::clone(&tries),
    };
    let (_stopper, stop) = stop_signal();
    let mut owner = Owner::new(Parts {
        state: OwnedState::new(store, Rooms::default(), ownership),
        rules: Arc::default(),
        meters: NoMeters,
        clock,
        keep_days: 30,
        keep_incident_days: 400,
        refused_bodies: RefusedBodies::default(),
        inputs: Inbox::new(&stop).1,
        intake: Arc::clone(&intake),
        wake_notifier: Box::new(|_| {}),
        figures: Arc::default(),
        stop,
    });
    let left = Stay::Vacant {
        actual_checkin: None,
        actual_checkout: start(),
    };
    let event = Event::of(RoomKey::new("H001", "101"), &left);
    let written = owner.take(vec![Input::Message(Message {
        source: "test".into(),
        parsed: Parsed::Event(event),
        body: Vec::new(),
        redelivered: false,
        committed: Box::new(|| {}),
    })]);
    assert!(written.is_ok(), "it is written in the end");
    let tries = tries.lock().clone();
    (tries, intake.phase().0)
}

#[test]
fn a_store_that_is_lost_for_a_minute_closes_the_intake_until_it_is_back() {
    let minute = Duration::from_secs(60);
    let (seen, is_open) = tries(59);
    assert!(seen.iter().all(|&(_, open)| open) && is_open, "{seen:?}");
    let (seen, is_open) = tries(600);
    // The try at a minute finds it open, and closes it.
    assert!(seen.iter().any(|&(ago, _)| ago == minute), "{seen:?}");
    let is_right = |&(ago, open): &(Duration, bool)| open == (ago <= minute);
    assert!(seen.iter().all(is_right) && is_open, "{seen:?}");
}
