//! Limits on logging in: how often it may fail, and how many passwords are checked at a time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::body::Turns;
use super::server::network;

/// The most failures of one name from one address, and of one address, in [`COUNTED`].
const MOST_OF_NAME: u32 = 10;
const MOST_OF_ADDRESS: u32 = 30;

/// How long failures are counted together.
const COUNTED: Duration = Duration::from_secs(60);

/// The most counters. More failures than that in a minute are not possible, as long as each takes
/// the time of a hash; beyond it the oldest counter goes.
const MOST_COUNTERS: usize = 10_000;

/// The most passwords that are checked at a time: each takes memory and a processor.
const AT_A_TIME: usize = 2;

/// Counts failures.
pub(super) struct Logins {
    counters: Mutex<HashMap<Counted, Counter>>,
    pub(super) turns: Turns,
}

/// Whose failures a counter has. Of IPv6 an address is the /64.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Counted {
    Name(IpAddr, String),
    Address(IpAddr),
}

struct Counter {
    since: Instant,
    count: u32,
}

impl Counter {
    fn is_over(&self, now: Instant) -> bool {
        now.duration_since(self.since) >= COUNTED
    }
}

/// Somebody who may try to log in; it counts as failed until it has succeeded.
pub(super) struct Attempt<'a> {
    logins: &'a Logins,
    of: [Counted; 2],
}

impl Logins {
    pub(super) fn new() -> Logins {
        Logins {
            counters: Mutex::default(),
            turns: Turns::new(AT_A_TIME),
        }
    }

    /// Begins an attempt; `None` after too many failures.
    pub(super) fn attempt(&self, name: &str, client: IpAddr, now: Instant) -> Option<Attempt<'_>> {
        let client = network(client);
        let of = [
            Counted::Name(client, name.to_owned()),
            Counted::Address(client),
        ];
        let mut counters = self.counters.lock();
        let is_spent = |counted: &Counted, most: u32| {
            let counter = counters.get(counted);
            counter.is_some_and(|counter| !counter.is_over(now) && counter.count >= most)
        };
        let [of_name, of_address] = &of;
        if is_spent(of_name, MOST_OF_NAME) || is_spent(of_address, MOST_OF_ADDRESS) {
            return None;
        }
        // Counted before the password is checked, so that many at once are no way around it.
        for counted in &of {
            make_room(&mut counters, counted, now);
            let counter = counters.entry(counted.clone()).or_insert(Counter {
                since: now,
                count: 0,
            });
            if counter.is_over(now) {
                (counter.since, counter.count) = (now, 0);
            }
            counter.count += 1;
        }
        Some(Attempt { logins: self, of })
    }
}

impl Attempt<'_> {
    /// It did not fail.
    pub(super) fn succeeded(self) {
        let mut counters = self.logins.counters.lock();
        for counted in &self.of {
            if let Some(counter) = counters.get_mut(counted) {
                counter.count = counter.count.saturating_sub(1);
            }
        }
    }
}

fn make_room(counters: &mut HashMap<Counted, Counter>, counted: &Counted, now: Instant) {
    if counters.len() < MOST_COUNTERS || counters.contains_key(counted) {
        return;
    }
    counters.retain(|_, counter| !counter.is_over(now));
    if counters.len() >= MOST_COUNTERS {
        let oldest = counters.iter().min_by_key(|(_, counter)| counter.since);
        if let Some(oldest) = oldest.map(|(counted, _)| counted.clone()) {
            counters.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u16) -> IpAddr {
        IpAddr::from([10, 0, (last >> 8) as u8, last as u8])
    }

    #[test]
    fn failures_are_limited_by_name_and_address_until_the_minute_is_over() {
        let logins = Logins::new();
        let now = Instant::now();
        let may = |name: &str, from: u16, now| logins.attempt(name, address(from), now).is_some();
        for _ in 0..10 {
            assert!(may("zhou", 1, now));
        }
        assert!(!may("zhou", 1, now), "ten of this name");
        assert!(may("zhou", 2, now), "from elsewhere");
        for other in 0..20 {
            assert!(may(&format!("name {other}"), 1, now), "{other}");
        }
        assert!(!may("another", 1, now), "thirty of this address");
        assert!(may("another", 2, now));
        let later = now + COUNTED;
        assert!(!may("zhou", 1, later - Duration::from_millis(1)));
        assert!(may("zhou", 1, later));
        // A client has all of its /64.
        let six = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        for last in 0..10 {
            assert!(logins.attempt("li", six(last), now).is_some());
        }
        assert!(logins.attempt("li", six(99), now).is_none());
    }

    #[test]
    fn successes_do_not_count_and_failures_do_at_once() {
        let logins = Logins::new();
        let now = Instant::now();
        for _ in 0..100 {
            let attempt = logins.attempt("zhou", address(1), now);
            attempt.expect("it may").succeeded();
        }
        // Those that are still being checked count already.
        let open: Vec<_> = (0..10)
            .map(|_| logins.attempt("zhou", address(1), now).expect("it may"))
            .collect();
        assert!(logins.attempt("zhou", address(1), now).is_none());
        drop(open);
    }

    #[test]
    fn there_are_no_more_counters_than_a_limit() {
        let logins = Logins::new();
        let now = Instant::now();
        for from in 0..u16::try_from(MOST_COUNTERS).expect("a number") {
            let then = now + Duration::from_micros(from.into());
            assert!(logins.attempt("x", address(from), then).is_some());
        }
        assert_eq!(logins.counters.lock().len(), MOST_COUNTERS);
        let last = Counted::Address(address(9_999));
        assert!(
            logins.counters.lock().contains_key(&last),
            "the newest stay"
        );
        assert!(
            !logins
                .counters
                .lock()
                .contains_key(&Counted::Address(address(0)))
        );
    }
}
