//! Pages for people: whole HTML documents, made here from what the service keeps in memory and, for
//! one room or one hotel, from the meters by key. Reached from `http` alone.
//!
//! What comes from outside is escaped by the templates, wherever it stands; links are made in
//! `link.rs` alone. A hotel that the viewer may not see is not found, like one that is not there.

mod archive;
mod assets;
mod chart;
mod csv;
mod entry;
mod frame;
mod hotel;
mod hotels;
mod link;
mod map;
mod marks;
mod now;
mod numbers;
mod respond;
mod room;
mod stay;
mod whatif;
mod words;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Cards, Hotels, Language};
use crate::engine::Rules;
use crate::rooms::Rooms;

pub use archive::Archives;
pub use assets::asset;
pub use entry::{Trouble, login, standing_by, trouble};

/// The name of somebody who sits at the machine itself, where nobody is named in the configuration.
pub const LOCAL: &str = "local";

/// Who looks at a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    pub name: String,
    /// The hotels that there are for this person: all others are not found.
    pub hotels: Hotels,
    pub may_act: bool,
    pub language: Language,
    /// What forms show in the field `token`; `None` where there is no session.
    pub form_token: Option<String>,
}

/// The shortest and the longest time after which a page is loaded again. Seconds.
const RELOADED_AFTER: (f64, f64) = (2.0, 60.0);

/// The pages of an instance that owns the state.
pub struct Pages {
    pub rooms: Arc<Rooms>,
    pub rules: Arc<Rules>,
    pub clock: Arc<dyn Clock>,
    /// The names of hotels.
    pub cards: Cards,
    /// The meters, for a stay.
    pub archives: Archives,
    /// Time between two sweeps. Seconds.
    pub sweep_seconds: i64,
    /// For so long notices are kept.
    pub keep_days: u32,
}

impl Pages {
    /// After how many seconds a page is loaded again: each minute, and where days pass in a minute
    /// as often as an interval does, but not so often that nobody could read it.
    fn reload_seconds(&self) -> u64 {
        let (shortest, longest) = RELOADED_AFTER;
        let interval = self.rules.interval_seconds as f64 / self.clock.speed();
        interval.clamp(shortest, longest) as u64
    }
}
