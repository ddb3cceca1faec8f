//! The hotels that one may see.

use askama::Template;

use super::frame::Frame;
use super::now::Counts;
use super::{Pages, Viewer, link, numbers};

#[derive(Template)]
#[template(path = "hotels.html")]
pub(super) struct Hotels<'a> {
    f: Frame<'a>,
    hotels: Vec<Row>,
}

/// A hotel.
struct Row {
    name: String,
    href: String,
    counts: Counts,
    kw: String,
    until: Option<String>,
}

/// What is at the root: the only hotel there is for the viewer, or all of them.
pub(super) enum Root<'a> {
    One(String),
    Many(Box<Hotels<'a>>),
}

impl Pages {
    pub(super) fn root<'a>(&self, viewer: &'a Viewer, path: String) -> Root<'a> {
        let at = self.moment();
        let hotels = self.hotels(viewer, &at);
        if let (1, Some(hotel)) = (hotels.len(), hotels.keys().next()) {
            return Root::One(link::hotel(hotel));
        }
        let newest = hotels.values().filter_map(|counts| counts.newest).max();
        let mut rows: Vec<Row> = hotels
            .into_iter()
            .map(|(hotel, counts)| Row {
                name: numbers::name(self.cards.name_of(&hotel)).into_owned(),
                href: link::hotel(&hotel),
                counts,
                kw: numbers::kw(counts.watts),
                until: counts.newest.map(|newest| numbers::time(newest, at.now)),
            })
            .collect();
        // Those with something to do first, then by name.
        rows.sort_by_key(|row| std::cmp::Reverse((row.counts.open, row.counts.silent)));
        let frame = Frame::new(viewer, String::new(), path);
        let title = frame.w.hotels.to_owned();
        let page = Hotels {
            f: Frame { title, ..frame }.fresh(self, &at, newest),
            hotels: rows,
        };
        Root::Many(Box::new(page))
    }
}
