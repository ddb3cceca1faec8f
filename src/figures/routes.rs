//! What is counted of each bot's notices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use super::DeliveryResult;

/// The figures of each route, by its name.
#[derive(Default)]
pub(super) struct Routes(Mutex<BTreeMap<String, Arc<Route>>>);

/// The figures of one route. A notifier counts here without a lock.
#[derive(Default)]
pub struct Route {
    /// When the oldest notice that waits to be sent was recorded. Unix time in seconds, 0: none.
    oldest_waiting: AtomicU64,
    /// Attempts, by [`DeliveryResult`].
    deliveries: [AtomicU64; DeliveryResult::ALL.len()],
}

impl Route {
    /// Counts an attempt to send a message.
    pub fn delivered(&self, result: DeliveryResult) {
        self.deliveries[result as usize].fetch_add(1, Relaxed);
    }

    /// Attempts with this result.
    pub fn deliveries(&self, result: DeliveryResult) -> u64 {
        self.deliveries[result as usize].load(Relaxed)
    }

    /// Sets when the oldest notice was recorded that waits to be sent, in Unix time in seconds;
    /// `None` where none waits.
    pub fn set_oldest_waiting(&self, recorded: Option<u64>) {
        self.oldest_waiting.store(recorded.unwrap_or(0), Relaxed);
    }

    fn oldest_waiting(&self) -> Option<u64> {
        Some(self.oldest_waiting.load(Relaxed)).filter(|recorded| *recorded > 0)
    }
}

impl Routes {
    /// The figures of the route with this name, from when it is first asked for.
    pub(super) fn named(&self, name: &str) -> Arc<Route> {
        let mut routes = self.0.lock();
        Arc::clone(routes.entry(name.to_owned()).or_default())
    }

    pub(super) fn all(&self) -> Vec<(String, Arc<Route>)> {
        let routes = self.0.lock();
        routes
            .iter()
            .map(|(name, route)| (name.clone(), Arc::clone(route)))
            .collect()
    }

    pub(super) fn oldest_waiting(&self) -> Option<u64> {
        let routes = self.0.lock();
        routes
            .values()
            .filter_map(|route| route.oldest_waiting())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_notice_is_that_of_any_route() {
        let routes = Routes::default();
        assert_eq!(routes.oldest_waiting(), None);
        routes
            .named("default")
            .set_oldest_waiting(Some(1_700_000_060));
        routes.named("H1").set_oldest_waiting(Some(1_700_000_000));
        assert_eq!(routes.oldest_waiting(), Some(1_700_000_000));
        routes.named("H1").set_oldest_waiting(None);
        assert_eq!(routes.oldest_waiting(), Some(1_700_000_060));
    }
}
