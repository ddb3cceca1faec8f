//! What the service counts and measures, for its log and for metrics: names, kinds and labels are
//! those of metrics.

mod histogram;
mod hotels;
mod routes;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::engine::HotelCensus;
use crate::types::HotelId;

pub use histogram::{Counted, Histogram};
pub use hotels::{HotelCounts, OTHER};
pub use routes::Route;

use hotels::Hotels;
use routes::Routes;

/// The hotels that have figures of their own, where the configuration does not say otherwise.
pub const MOST_HOTELS: usize = 1_000;

/// Upper bounds for the time that a sweep takes, and for the time from when a notice is recorded
/// to when the bot accepts it. Seconds.
const SWEEPS: &[f64] = &[0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];
const DELAYS: &[f64] = &[
    5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3_600.0, 14_400.0,
];

/// The values of a label.
macro_rules! label {
    (
        $(#[$about:meta])*
        $name:ident { $($(#[$of_value:meta])* $value:ident = $text:literal,)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$of_value])* $value,)* }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$value,)*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$value => $text,)* }
            }
        }
    };
}

label! {
    /// Which way a message came in.
    Origin {
        Amqp = "amqp",
        Http = "http",
    }
}

label! {
    /// What became of a message.
    MessageResult {
        /// It began the watch of an occupied room.
        CheckIn = "checkin",
        /// It began the watch of a vacant room.
        CheckOut = "checkout",
        Move = "move",
        Extend = "extend",
        CancelCheckin = "cancel_checkin",
        CancelCheckout = "cancel_checkout",
        RoomStatus = "room_status",
        /// Its stay was known already.
        Duplicate = "duplicate",
        /// Its stay is older than the room's present one, or the room is not watched yet.
        Stale = "stale",
        /// Its type is one of `message_types.ignore`.
        Ignored = "ignored",
        /// It is kept as a refused message.
        Refused = "refused",
    }
}

label! {
    /// What became of a row of the meter table.
    ReadingResult {
        /// It went into the state of its room.
        Folded = "folded",
        /// It was not newer than the newest reading its room had.
        Late = "late",
        /// Not a reading: NULL, unreadable, or its time is ahead of now.
        Invalid = "invalid",
    }
}

label! {
    /// What an interval between two samples was.
    IntervalResult {
        Normal = "normal",
        Abnormal = "abnormal",
        /// Too long to be judged.
        Gap = "gap",
        /// Not judged, because the room was out of order.
        OutOfOrder = "out_of_order",
        /// Not judged, because the room may have been cleaned.
        Cleaning = "cleaning",
    }
}

label! {
    /// What a notice says, in the words of the outbox.
    RecordedNotice {
        Alert = "alert",
        Reminder = "reminder",
        Recovered = "recovered",
        Closed = "closed",
        Silent = "silent",
        Reporting = "heard",
        Frozen = "frozen",
        Moving = "moving",
        /// Many vacant rooms of a hotel began to use more.
        Rise = "rise",
        /// Many vacant rooms of a hotel use more than by themselves.
        Level = "level",
    }
}

label! {
    /// What became of a notice, in the words of the outbox.
    NoticeResult {
        Sent = "sent",
        Logged = "logged",
        Expired = "expired",
        Failed = "failed",
        Withdrawn = "withdrawn",
        Joined = "joined",
        Muted = "muted",
    }
}

label! {
    /// What came of an attempt to send a message to a bot.
    DeliveryResult {
        Accepted = "accepted",
        /// Not for now: it is tried again.
        Passing = "passing",
        /// The address, the secret or the way to the bot is wrong.
        RouteFault = "route_fault",
        /// The message was refused as it is.
        ContentFault = "content_fault",
    }
}

label! {
    /// How a sweep ended.
    SweepResult {
        Completed = "completed",
        Failed = "failed",
        /// Not begun, because the one before took too long.
        Missed = "missed",
    }
}

/// A number that the service keeps. Counters count from the start of the process; what is stored
/// is counted once it is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    Messages(Origin, MessageResult),
    Readings(ReadingResult),
    Intervals(IntervalResult),
    Outliers,
    MetersReplaced,
    NoticesRecorded(RecordedNotice),
    Notices(NoticeResult),
    Sweeps(SweepResult),
    /// Statements, or the way to the database, that failed. They are repeated.
    DatabaseErrors,
    /// When the last sweep came to its end. Unix time in seconds, 0 before the first.
    LastSweep,
    /// 1 while this instance owns the state, 0 while it does not.
    Owner,
    /// 1 where the configuration was read without an error the last time, else 0.
    LastReloadSuccessful,
}

/// How a figure moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FigureKind {
    /// It only grows.
    Counter,
    /// It is set.
    Gauge,
}

impl Figure {
    /// Every figure.
    pub fn all() -> impl Iterator<Item = Figure> {
        fn of<T: Copy>(values: &[T], figure: fn(T) -> Figure) -> impl Iterator<Item = Figure> {
            values.iter().copied().map(figure)
        }
        let messages = Origin::ALL.iter().flat_map(|&origin| {
            let results = MessageResult::ALL.iter();
            results.map(move |&result| Figure::Messages(origin, result))
        });
        let single = [
            Figure::Outliers,
            Figure::MetersReplaced,
            Figure::DatabaseErrors,
            Figure::LastSweep,
            Figure::Owner,
            Figure::LastReloadSuccessful,
        ];
        messages
            .chain(of(ReadingResult::ALL, Figure::Readings))
            .chain(of(IntervalResult::ALL, Figure::Intervals))
            .chain(of(RecordedNotice::ALL, Figure::NoticesRecorded))
            .chain(of(NoticeResult::ALL, Figure::Notices))
            .chain(of(SweepResult::ALL, Figure::Sweeps))
            .chain(single)
    }

    /// The name of its metric, without the program's prefix and a counter's `_total`. Figures of
    /// one name differ in their labels.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Messages(..) => "messages",
            Figure::Readings(_) => "readings",
            Figure::Intervals(_) => "intervals",
            Figure::Outliers => "outliers",
            Figure::MetersReplaced => "meters_replaced",
            Figure::NoticesRecorded(_) => "notices_recorded",
            Figure::Notices(_) => "notices",
            Figure::Sweeps(_) => "sweeps",
            Figure::DatabaseErrors => "database_errors",
            Figure::LastSweep => "last_sweep_timestamp_seconds",
            Figure::Owner => "owner",
            Figure::LastReloadSuccessful => "config_last_reload_successful",
        }
    }

    /// The help text of its metric, one line.
    pub fn help(self) -> &'static str {
        match self {
            Figure::Messages(..) => "Messages from the property management system",
            Figure::Readings(_) => "Rows read from the meter table",
            Figure::Intervals(_) => "Intervals between the readings of a room",
            Figure::Outliers => "Readings that later ones showed to be wrong",
            Figure::MetersReplaced => "Meters that were replaced or reset",
            Figure::NoticesRecorded(_) => "Notices recorded in the outbox",
            Figure::Notices(_) => "Notices that were sent, logged, or given up",
            Figure::Sweeps(_) => "Sweeps of the meter table",
            Figure::DatabaseErrors => "Errors of the database, after which it was tried again",
            Figure::LastSweep => "End of the last sweep, Unix time",
            Figure::Owner => "Whether this instance owns the state",
            Figure::LastReloadSuccessful => {
                "Whether the configuration was read without an error the last time"
            }
        }
    }

    pub fn kind(self) -> FigureKind {
        match self {
            Figure::Messages(..)
            | Figure::Readings(_)
            | Figure::Intervals(_)
            | Figure::Outliers
            | Figure::MetersReplaced
            | Figure::NoticesRecorded(_)
            | Figure::Notices(_)
            | Figure::Sweeps(_)
            | Figure::DatabaseErrors => FigureKind::Counter,
            Figure::LastSweep | Figure::Owner | Figure::LastReloadSuccessful => FigureKind::Gauge,
        }
    }

    /// Its labels: names and values.
    pub fn labels(self) -> Vec<(&'static str, &'static str)> {
        match self {
            Figure::Messages(origin, result) => {
                vec![("source", origin.as_str()), ("result", result.as_str())]
            }
            Figure::Readings(result) => vec![("result", result.as_str())],
            Figure::Intervals(result) => vec![("result", result.as_str())],
            Figure::NoticesRecorded(kind) => vec![("type", kind.as_str())],
            Figure::Notices(state) => vec![("state", state.as_str())],
            Figure::Sweeps(result) => vec![("result", result.as_str())],
            Figure::Outliers
            | Figure::MetersReplaced
            | Figure::DatabaseErrors
            | Figure::LastSweep
            | Figure::Owner
            | Figure::LastReloadSuccessful => Vec::new(),
        }
    }
}

/// Figures with their values: at one time, or the difference between two times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    figures: BTreeMap<Figure, u64>,
    /// What was counted of hotels; not part of a difference.
    hotels: HashMap<HotelId, HotelCounts>,
}

impl Amounts {
    pub fn get(&self, figure: Figure) -> u64 {
        self.figures.get(&figure).copied().unwrap_or(0)
    }

    pub fn add(&mut self, figure: Figure, more: u64) {
        *self.figures.entry(figure).or_default() += more;
    }

    /// What is counted of this hotel.
    pub fn of_hotel(&mut self, hotel: &HotelId) -> &mut HotelCounts {
        self.hotels.entry(hotel.clone()).or_default()
    }

    /// How much was counted between `earlier` and this; gauges as they are now.
    pub fn since(&self, earlier: &Amounts) -> Amounts {
        let counted = self.figures.iter().map(|(&figure, &number)| {
            let before = match figure.kind() {
                FigureKind::Counter => earlier.get(figure),
                FigureKind::Gauge => 0,
            };
            (figure, number.saturating_sub(before))
        });
        Amounts {
            figures: counted.collect(),
            hotels: HashMap::new(),
        }
    }

    /// All of them, figures of one name together.
    pub fn iter(&self) -> impl Iterator<Item = (Figure, u64)> {
        self.figures
            .iter()
            .map(|(&figure, &number)| (figure, number))
    }
}

/// The figures of this process, shared by its threads. All exist from the start, at 0.
pub struct Figures {
    amounts: Mutex<Amounts>,
    hotels: Mutex<Hotels>,
    routes: Routes,
    /// No program can send anything: `http.listen` can't be listened at.
    unreachable: AtomicBool,
    /// How long completed sweeps took.
    pub sweeps: Histogram,
    /// How long notices took from when they were recorded to when the bot accepted them.
    pub delays: Histogram,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures::new(MOST_HOTELS)
    }
}

impl Figures {
    /// At most so many hotels have figures of their own.
    pub fn new(most_hotels: usize) -> Figures {
        let zero = Figure::all().map(|figure| (figure, 0));
        Figures {
            amounts: Mutex::new(Amounts {
                figures: zero.collect(),
                hotels: HashMap::new(),
            }),
            hotels: Mutex::new(Hotels::new(most_hotels)),
            routes: Routes::default(),
            unreachable: AtomicBool::new(false),
            sweeps: Histogram::new(SWEEPS),
            delays: Histogram::new(DELAYS),
        }
    }

    /// Adds to a counter.
    pub fn add(&self, counter: Figure, more: u64) {
        self.amounts.lock().add(counter, more);
    }

    /// Adds to several counters at once: no reader sees some of it without the rest.
    pub fn add_all(&self, counted: &Amounts) {
        let mut amounts = self.amounts.lock();
        for (figure, more) in counted.iter() {
            amounts.add(figure, more);
        }
        drop(amounts);
        if !counted.hotels.is_empty() {
            let mut hotels = self.hotels.lock();
            for (hotel, more) in &counted.hotels {
                hotels.counts(hotel).add(more);
            }
        }
    }

    /// Sets the rooms of all hotels as a sweep has found them. Each hotel has its counters from
    /// then on.
    pub fn set_rooms(&self, rooms: &HashMap<HotelId, HotelCensus>) {
        self.hotels.lock().set_rooms(rooms);
    }

    /// This instance no longer has the rooms.
    pub fn forget_rooms(&self) {
        self.hotels.lock().rooms.clear();
    }

    /// The counts of all hotels that have their own figures, in order.
    pub fn hotels(&self) -> Vec<(HotelId, HotelCounts)> {
        let hotels = self.hotels.lock();
        hotels
            .counts
            .iter()
            .map(|(hotel, counts)| (hotel.clone(), *counts))
            .collect()
    }

    /// The rooms of these hotels at the last sweep.
    pub fn rooms(&self) -> Vec<(HotelId, HotelCensus)> {
        let hotels = self.hotels.lock();
        hotels
            .rooms
            .iter()
            .map(|(hotel, rooms)| (hotel.clone(), *rooms))
            .collect()
    }

    pub fn set(&self, gauge: Figure, value: u64) {
        self.amounts.lock().figures.insert(gauge, value);
    }

    /// The values at this moment.
    pub fn now(&self) -> Amounts {
        self.amounts.lock().clone()
    }

    /// Sets whether `http.listen` can't be listened at.
    pub fn set_unreachable(&self, is_unreachable: bool) {
        self.unreachable.store(is_unreachable, Relaxed);
    }

    /// Whether `http.listen` is configured and can't be listened at.
    pub fn is_unreachable(&self) -> bool {
        self.unreachable.load(Relaxed)
    }

    /// The figures of the route with this name.
    pub fn route(&self, name: &str) -> Arc<Route> {
        self.routes.named(name)
    }

    /// The figures of all routes, by their names.
    pub fn routes(&self) -> Vec<(String, Arc<Route>)> {
        self.routes.all()
    }

    /// When the oldest notice that waits to be sent was recorded, in Unix time in seconds; `None`
    /// where none waits.
    pub fn oldest_waiting(&self) -> Option<u64> {
        self.routes.oldest_waiting()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_subtracted_and_gauges_are_not() {
        let figures = Figures::default();
        figures.add(Figure::Outliers, 2);
        figures.set(Figure::LastSweep, 1_700_000_000);
        let earlier = figures.now();
        let stale = Figure::Messages(Origin::Http, MessageResult::Stale);
        let mut batch = Amounts::default();
        batch.add(stale, 1);
        batch.add(stale, 1);
        batch.add(Figure::Outliers, 3);
        figures.add_all(&batch);
        figures.set(Figure::LastSweep, 1_700_000_060);
        let now = figures.now();
        assert_eq!((now.get(stale), now.get(Figure::Outliers)), (2, 5));
        let between = now.since(&earlier);
        assert_eq!((between.get(stale), between.get(Figure::Outliers)), (2, 3));
        assert_eq!(between.get(Figure::LastSweep), 1_700_000_060, "a gauge");
        assert_eq!(now.since(&now).get(stale), 0);
    }

    #[test]
    fn every_figure_exists_from_the_start_once() {
        let start = Figures::default().now();
        assert!(start.iter().all(|(_, number)| number == 0));
        let all: Vec<Figure> = Figure::all().collect();
        assert_eq!(start.iter().count(), all.len(), "one of them twice");
        for result in [MessageResult::Refused, MessageResult::CheckIn] {
            assert!(all.contains(&Figure::Messages(Origin::Amqp, result)));
        }
    }

    #[test]
    fn names_and_labels_are_valid_in_metrics() {
        let mut families = BTreeMap::new();
        for figure in Figure::all() {
            let name = figure.name();
            let is_name = |word: &str| {
                !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            };
            let labels = figure.labels();
            assert!(is_name(name) && !name.ends_with("_total"), "{name}");
            assert!(
                labels
                    .iter()
                    .all(|(label, value)| is_name(label) && is_name(value))
            );
            let of_label: Vec<&str> = labels.iter().map(|(label, _)| *label).collect();
            let family = (figure.kind(), figure.help(), of_label);
            let first = families.entry(name).or_insert(family.clone());
            assert_eq!(*first, family, "{name} is one family");
        }
        let helps: std::collections::BTreeSet<&str> =
            families.values().map(|(_, help, _)| *help).collect();
        assert_eq!(
            helps.len(),
            families.len(),
            "two families with one help text"
        );
    }
}
