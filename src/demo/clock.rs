use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded, select};
use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::pulse;
use crate::threads::Stop;
use crate::types::LocalTime;

/// A clock whose time the story sets. A thread that waits on it is woken when its time has come,
/// and the story goes on when that thread waits again.
pub(super) struct StoryClock {
    start: LocalTime,
    /// The start on the monotonic clock.
    origin: Instant,
    /// Seconds of the story that pass in one second.
    speed: f64,
    state: Mutex<ClockState>,
    fell_asleep: Condvar,
}

struct ClockState {
    now: LocalTime,
    sleepers: Vec<Sleeper>,
    /// The story is over, and time stands still.
    is_over: bool,
}

struct Sleeper {
    until: LocalTime,
    wake: Sender<()>,
}

impl StoryClock {
    pub(super) fn new(start: LocalTime, speed: f64) -> StoryClock {
        StoryClock {
            start,
            origin: Instant::now(),
            speed,
            state: Mutex::new(ClockState {
                now: start,
                sleepers: Vec::new(),
                is_over: false,
            }),
            fell_asleep: Condvar::new(),
        }
    }

    /// Sets the time, without waking threads yet.
    pub(super) fn set(&self, now: LocalTime) {
        self.state.lock().now = now;
    }

    /// The story is over.
    pub(super) fn end(&self) {
        self.state.lock().is_over = true;
    }

    /// Wakes the threads whose time has come.
    pub(super) fn wake(&self) {
        let mut state = self.state.lock();
        let now = state.now;
        state.sleepers.retain(|sleeper| {
            let is_due = sleeper.until <= now;
            if is_due {
                // The channel has room for this one message.
                let _ = sleeper.wake.try_send(());
            }
            !is_due
        });
    }

    /// Waits until a thread sleeps on this clock, for `timeout` at most; returns whether one does.
    pub(super) fn has_sleeper(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        if state.sleepers.is_empty() {
            self.fell_asleep.wait_for(&mut state, timeout);
        }
        !state.sleepers.is_empty()
    }
}

impl Clock for StoryClock {
    fn now(&self) -> LocalTime {
        self.state.lock().now
    }

    fn speed(&self) -> f64 {
        if self.state.lock().is_over {
            0.0
        } else {
            self.speed
        }
    }

    fn instant(&self) -> Instant {
        let passed = self.now().since(self.start);
        self.origin + Duration::from_secs(passed.unsigned_abs())
    }

    fn wait(&self, stop: &Stop, timeout: Duration) -> bool {
        let (wake, woken) = bounded(1);
        {
            let mut state = self.state.lock();
            let seconds = timeout.as_secs() + u64::from(timeout.subsec_nanos() > 0);
            if seconds == 0 {
                return stop.is_set();
            }
            let until = state.now.plus(seconds.cast_signed());
            state.sleepers.push(Sleeper { until, wake });
        }
        self.fell_asleep.notify_all();
        let _rest = pulse::rest();
        select! {
            recv(woken) -> _ => stop.is_set(),
            recv(stop.channel()) -> _ => true,
        }
    }
}
