//! How the staff is notified, whichever sections of the file say so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::types::HotelId;

use super::Secret;

/// How the staff is notified.
#[derive(Clone, Debug, PartialEq)]
pub struct Notify {
    /// Of the hotels without a route.
    pub default: Bot,
    /// Bots of some hotels, each bot once.
    pub routes: Vec<Route>,
    pub cards: Cards,
    /// How long a notice waits for others of its hotel.
    pub group_wait: Duration,
    /// Older notices are not sent any more.
    pub max_age: Duration,
}

/// Some hotels' bot.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub hotels: Vec<HotelId>,
    pub bot: Bot,
}

/// Who takes notices.
#[derive(Clone, Debug, PartialEq)]
pub enum Bot {
    /// Nobody: they are written to the log.
    Log,
    Feishu(Feishu),
}

/// A custom bot of Feishu.
#[derive(Clone, Debug, PartialEq)]
pub struct Feishu {
    /// Its webhook.
    pub url: Secret,
    /// Key of the signature, where the bot asks for one.
    pub secret: Option<Secret>,
    /// A proxy for all requests, `http://host:port`; without one they go straight.
    pub proxy: Option<Secret>,
}

/// What cards say besides their notices.
#[derive(Clone, Debug, PartialEq)]
pub struct Cards {
    pub language: Language,
    /// What the staff calls hotels, where that is not their id (`[[hotels]]`).
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
    /// What the staff calls a hotel: its name, or else its id.
    pub fn name_of<'a>(&'a self, hotel: &'a HotelId) -> &'a str {
        let name = self.hotel_names.get(hotel);
        name.map_or(hotel.as_str(), String::as_str)
    }
}
