//! Collects the problems of a configuration, so that all of them can be reported at once.

use std::collections::HashSet;
use std::fmt;

use crate::types::WattHours;

use super::raw;
use super::written::Problem;

/// The highest threshold.
pub(super) const MOST_KWH: WattHours = WattHours(1_000_000_000);

/// The problems found so far.
pub(super) struct Problems {
    all: Vec<Problem>,
    /// Keys whose name or type is wrong. Their values were dropped, so that nothing else is
    /// reported about them.
    known: HashSet<String>,
    /// Keys whose value is wrong.
    wrong: HashSet<String>,
}

impl Problems {
    /// Begins with `known`, the problems of names and types.
    pub(super) fn new(known: Vec<Problem>) -> Problems {
        Problems {
            known: known.iter().map(|problem| problem.key.clone()).collect(),
            wrong: HashSet::new(),
            all: known,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn into_all(self) -> Vec<Problem> {
        self.all
    }

    pub(super) fn add(&mut self, key: &str, text: impl fmt::Display) {
        if !self.is_known(key) {
            self.wrong.insert(key.to_owned());
            self.push(Problem::new(key, text));
        }
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.all.push(problem);
    }

    pub(super) fn is_known(&self, key: &str) -> bool {
        self.known.contains(key)
    }

    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.is_known(key) || self.wrong.contains(key)
    }

    pub(super) fn kwh(&mut self, key: &str, value: raw::Kwh, least: WattHours) -> WattHours {
        self.range(key, value.0, least, MOST_KWH);
        value.0
    }

    pub(super) fn unless(&mut self, right: bool, key: &str, text: impl fmt::Display) {
        if !right {
            self.add(key, text);
        }
    }

    pub(super) fn range<T: PartialOrd + fmt::Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        from: T,
        to: T,
    ) {
        self.unless(
            from <= value && value <= to,
            key,
            format_args!("is {value}, allowed is {from} to {to}"),
        );
    }

    /// Converts a whole number within its range. Outside of it this adds a problem, and the value
    /// that it returns means nothing.
    pub(super) fn whole<T: TryFrom<i64> + Default>(
        &mut self,
        key: &str,
        value: i64,
        from: i64,
        to: i64,
    ) -> T {
        self.range(key, value, from, to);
        T::try_from(value).unwrap_or_default()
    }
}
