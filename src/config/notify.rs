//! How the staff is notified, whichever sections of the file configure it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::types::HotelId;

use super::Secret;

/// How the staff is notified.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    /// The bot of hotels without a route.
    pub default: Bot,
    /// The bots of hotels with a route, each bot once.
    pub routes: Vec<Route>,
    pub cards: Cards,
    /// How long a notice waits for others of its hotel to share a card with.
    pub group_wait: Duration,
    /// Older notices are not sent.
    pub max_age: Duration,
}

/// The bot of some hotels.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub hotels: Vec<HotelId>,
    pub bot: Bot,
}

/// Where notices go.
#[derive(Clone, Debug, PartialEq)]
pub enum Bot {
    /// To the log.
    Log,
    Feishu(Feishu),
}

/// A custom bot of Feishu.
#[derive(Clone, Debug, PartialEq)]
pub struct Feishu {
    /// The URL of its webhook.
    pub url: Secret,
    /// The key that requests are signed with, where the bot requires it.
    pub secret: Option<Secret>,
    /// A proxy for all requests, `http://host:port`; `None` to connect directly.
    pub proxy: Option<Secret>,
}

/// What cards need besides their notices.
#[derive(Clone, Debug, PartialEq)]
pub struct Cards {
    pub language: Language,
    /// Names of hotels, where the staff does not use the id (`[[hotels]]`).
    pub hotel_names: Arc<HashMap<HotelId, String>>,
    /// Price of a kWh, for the cost on a card.
    pub price_per_kwh: Option<f64>,
}

/// The staff's language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Zh,
    En,
}

impl Cards {
    /// A hotel's name, or its id where it has none.
    pub fn name_of<'a>(&'a self, hotel: &'a HotelId) -> &'a str {
        let name = self.hotel_names.get(hotel);
        name.map_or(hotel.as_str(), String::as_str)
    }
}
