//! How often something took how long.

use std::time::Duration;

use parking_lot::Mutex;

/// Durations, counted by how long they are.
pub struct Histogram(Mutex<Counted>);

/// What a [`Histogram`] has counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    /// Upper bounds in seconds, each with the durations above the one before it.
    pub buckets: Vec<(f64, u64)>,
    /// The sum of all durations, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// One with these upper bounds, inclusive and in seconds, and an infinite one.
    pub(super) fn new(bounds: &[f64]) -> Histogram {
        let bounds = { bounds.iter() }.chain(&[f64::INFINITY]);
        let buckets = bounds.map(|bound| (*bound, 0)).collect();
        Histogram(Mutex::new(Counted { buckets, sum: 0.0 }))
    }

    pub fn observe(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut counted = self.0.lock();
        counted.sum += seconds;
        let bucket = { counted.buckets.iter_mut() }.find(|(bound, _)| seconds <= *bound);
        if let Some((_, count)) = bucket {
            *count += 1;
        }
    }

    /// What was counted by now.
    pub fn now(&self) -> Counted {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[1.0, 5.0]);
        for millis in [0, 1_000, 1_001, 5_000, 60_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let counted = histogram.now();
        assert_eq!(counted.buckets, [(1.0, 2), (5.0, 2), (f64::INFINITY, 1)]);
        assert!((counted.sum - 67.001).abs() < 1e-9);
    }
}
