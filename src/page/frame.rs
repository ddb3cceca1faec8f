//! What all pages have around their content.

use std::borrow::Cow;

use crate::types::{HotelId, LocalTime};

use super::link::{self, to};
use super::now::Moment;
use super::words::{Words, words};
use super::{LOCAL, Pages, Viewer, assets, numbers};

/// What all pages have around their content.
pub(super) struct Frame<'a> {
    pub(super) w: &'static Words,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) dot: &'static str,
    pub(super) title: String,
    /// The page's own path and query, to come back to it.
    pub(super) path: String,
    /// Who looks at it, where that is somebody with a name.
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) form_token: Option<&'a str>,
    /// The pages of the hotel that it is about.
    pub(super) tabs: Vec<Tab>,
    pub(super) freshness: Option<Freshness>,
    /// After how many seconds the page is loaded again.
    pub(super) reload: Option<u64>,
    /// What it says while the service does not answer.
    pub(super) away: String,
}

/// A link to a page of the hotel.
pub(super) struct Tab {
    pub(super) href: String,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

/// How new what is shown is.
pub(super) struct Freshness {
    /// Until when there is data.
    pub(super) as_of: Option<String>,
    /// Set where sweeps have stopped.
    pub(super) stale: Option<String>,
}

/// The pages that a hotel has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Rooms,
    Map,
    WhatIf,
}

impl<'a> Frame<'a> {
    pub(super) fn new(viewer: &'a Viewer, title: String, path: String) -> Frame<'a> {
        Frame {
            w: words(viewer.language),
            style: &assets::STYLE.path,
            script: &assets::SCRIPT.path,
            dot: &assets::DOT.path,
            title,
            path,
            name: (viewer.name != LOCAL).then(|| numbers::name(&viewer.name)),
            form_token: viewer.form_token.as_deref(),
            tabs: Vec::new(),
            freshness: None,
            reload: None,
            away: String::new(),
        }
    }

    /// A page that is loaded again after so many seconds.
    pub(super) fn reloaded(self, seconds: u64) -> Frame<'a> {
        Frame {
            reload: Some(seconds),
            away: (self.w.away)(None),
            ..self
        }
    }

    /// With links to the pages of a hotel.
    pub(super) fn of_hotel(mut self, hotel: &HotelId, here: Option<Of>) -> Frame<'a> {
        let of = |path| to(path, &[("hotel", hotel.as_str())]);
        let tabs = [
            (Of::Rooms, link::hotel(hotel), self.w.rooms),
            (Of::Map, of("/map"), self.w.map),
            (Of::WhatIf, of("/whatif"), self.w.what_if),
        ];
        self.tabs = tabs
            .map(|(of, href, name)| Tab {
                href,
                name,
                is_here: here == Some(of),
            })
            .into();
        self
    }

    /// With the line that says how new the data is. `newest` is the last reading.
    pub(super) fn fresh(
        mut self,
        pages: &Pages,
        at: &Moment,
        newest: Option<LocalTime>,
    ) -> Frame<'a> {
        let w = self.w;
        let swept = pages.rooms.last_sweep().map(|swept| swept.began);
        // Three sweeps without news, the present one included.
        let is_stale = swept.is_none_or(|swept| at.now.since(swept) > 3 * pages.sweep_seconds);
        self = self.reloaded(pages.reload_seconds());
        self.away = (w.away)(Some(&numbers::time(at.now, at.now, w)));
        self.freshness = Some(Freshness {
            as_of: newest.map(|newest| {
                let ago = (w.ago)(at.now.since(newest));
                (w.data_as_of)(&numbers::time(newest, at.now, w), &ago)
            }),
            stale: is_stale.then(|| {
                let since = swept.map(|swept| numbers::time(swept, at.now, w));
                (w.stale)(since.as_deref())
            }),
        });
        self
    }
}
