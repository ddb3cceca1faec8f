//! The hotels that one may see.

use std::cmp::Reverse;

use askama::Template;

use crate::engine::HotelCensus;
use crate::types::HotelId;

use super::frame::Frame;
use super::link::{self, Query};
use super::{Pages, Viewer, numbers};

/// The most hotels that are listed.
const LISTED: usize = 200;

/// One looks through so many without searching.
const FEW: usize = 10;

#[derive(Template)]
#[template(path = "hotels.html")]
pub(super) struct Hotels<'a> {
    f: Frame<'a>,
    caption: String,
    /// What is searched for, where there is more than a few to search.
    search: Option<String>,
    /// How many of all hotels are shown, where that is a part of them.
    shown: Option<String>,
    hotels: Vec<Row>,
}

/// A hotel.
struct Row {
    name: String,
    href: String,
    counts: HotelCensus,
    kw: String,
    kwh: Option<String>,
    until: Option<String>,
}

/// What is at the root: the only hotel there is for the viewer, or all of them.
pub(super) enum Root<'a> {
    One(String),
    Many(Box<Hotels<'a>>),
}

impl Pages {
    pub(super) fn root<'a>(&self, query: &Query, viewer: &'a Viewer, path: String) -> Root<'a> {
        let at = self.moment();
        let (counted, mut hotels) = self.hotels(viewer, &at);
        if let [(hotel, _)] = &hotels[..] {
            return Root::One(link::hotel(hotel));
        }
        let all = hotels.len();
        let newest = hotels
            .iter()
            .filter_map(|(_, counts)| counts.newest_reading);
        let newest = newest.max();
        let search = query.get("q");
        if !search.is_empty() {
            let wanted = search.to_lowercase();
            let has = |name: &str| name.to_lowercase().contains(&wanted);
            hotels.retain(|(hotel, _)| has(hotel.as_str()) || has(self.cards.name_of(hotel)));
        }
        // Those with something to do first, then by id.
        hotels.sort_by(|a, b| order(a).cmp(&order(b)));
        hotels.truncate(LISTED);
        let frame = Frame::new(viewer, String::new(), path);
        let w = frame.w;
        let rows = hotels.into_iter().map(|(hotel, counts)| Row {
            name: numbers::name(self.cards.name_of(&hotel)).into_owned(),
            href: link::hotel(&hotel),
            counts,
            kw: numbers::kw(counts.watts),
            kwh: self.kwh_today(&hotel, &at),
            until: counts
                .newest_reading
                .map(|newest| numbers::time(newest, at.now, w)),
        });
        let rows: Vec<Row> = rows.collect();
        let page = Hotels {
            caption: (w.hotels_caption)(&numbers::time(counted, at.now, w)),
            search: (all > FEW).then(|| search.to_owned()),
            shown: (rows.len() < all).then(|| (w.shown_hotels)(rows.len(), all)),
            hotels: rows,
            f: Frame {
                title: w.hotels.to_owned(),
                ..frame
            }
            .fresh(self, &at, newest),
        };
        Root::Many(Box::new(page))
    }
}

fn order((hotel, counts): &(HotelId, HotelCensus)) -> impl Ord + '_ {
    (Reverse((counts.open, counts.silent)), hotel)
}
