//! Which bot gets which hotels' notices, and the threads that send them.

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use crate::clock::Clock;
use crate::config;
use crate::figures::Figures;
use crate::rooms::Rooms;
use crate::store::{Outbox, Share};
use crate::threads::Stop;
use crate::types::HotelId;

use super::bot::{Bot, Console};
use super::notifier::{Notifier, Sources};

/// The notifiers, to be run by a thread each, and what wakes them. Without a bot notices go to
/// `console`.
pub fn notifiers(
    config: &config::Notify,
    outbox: Arc<dyn Outbox>,
    rooms: &Arc<Rooms>,
    clock: &Arc<dyn Clock>,
    console: &Console,
    figures: &Arc<Figures>,
    stop: &Stop,
) -> (Vec<Notifier>, Wakers) {
    let mut wakers = Wakers {
        by_hotel: HashMap::new(),
        wakers: Vec::new(),
        default: None,
    };
    let shared = Arc::new(config.clone());
    let notifiers = routes(config)
        .map(|route| {
            let (waker, woken) = bounded(1);
            match &route.share {
                Share::Of(hotels) => {
                    let place = wakers.wakers.len();
                    let hotels = hotels.iter().map(|hotel| (hotel.clone(), place));
                    wakers.by_hotel.extend(hotels);
                    wakers.wakers.push(waker);
                }
                Share::AllBut(_) => wakers.default = Some(waker),
            }
            Notifier::new(
                route.label,
                route.share,
                Bot::new(route.bot, console),
                Sources {
                    config: Arc::clone(&shared),
                    outbox: Arc::clone(&outbox),
                    rooms: Arc::clone(rooms),
                    clock: Arc::clone(clock),
                    stop: stop.clone(),
                    woken,
                    figures: Arc::clone(figures),
                    counted: figures.route(&route.name),
                },
            )
        })
        .collect();
    (notifiers, wakers)
}

/// Has each route counted from the start, at 0.
pub fn count_routes(config: &config::Notify, figures: &Figures) {
    for route in routes(config) {
        figures.route(&route.name);
    }
}

/// Some hotels, and their bot.
pub(super) struct Route<'a> {
    /// Its name in the log; never the bot's address, which is a secret.
    pub(super) label: String,
    /// Its name in metrics: a hotel has one route, so its first hotel names it.
    pub(super) name: String,
    pub(super) share: Share,
    pub(super) bot: &'a config::Bot,
}

/// All routes; the default one comes first.
pub(super) fn routes(config: &config::Notify) -> impl Iterator<Item = Route<'_>> {
    let routed = config.routes.iter().flat_map(|route| &route.hotels);
    let default = Route {
        label: "the default bot".to_owned(),
        name: "default".to_owned(),
        share: Share::AllBut(routed.cloned().collect()),
        bot: &config.default,
    };
    let routes = config.routes.iter().map(|route| Route {
        label: label(&route.hotels),
        name: { route.hotels.first() }.map_or_else(String::new, |hotel| hotel.as_str().to_owned()),
        share: Share::Of(route.hotels.clone()),
        bot: &route.bot,
    });
    std::iter::once(default).chain(routes)
}

fn label(hotels: &[HotelId]) -> String {
    const NAMED: usize = 3;
    let names: Vec<&str> = hotels.iter().take(NAMED).map(HotelId::as_str).collect();
    let names = names.join(", ");
    match hotels.len().saturating_sub(NAMED) {
        0 => format!("the bot of {names}"),
        more => format!("the bot of {names} and {more} more"),
    }
}

/// Wakes the thread that has a hotel's notices.
pub struct Wakers {
    by_hotel: HashMap<HotelId, usize>,
    wakers: Vec<Sender<()>>,
    default: Option<Sender<()>>,
}

impl Wakers {
    /// Call it when the outbox has new notices of this hotel.
    pub fn wake(&self, hotel: &HotelId) {
        let own = self.by_hotel.get(hotel);
        let waker = own.and_then(|place| self.wakers.get(*place));
        if let Some(waker) = waker.or(self.default.as_ref()) {
            // Full means that it was woken already.
            let _ = waker.try_send(());
        }
    }
}
