//! Notices without a bot: printed to the log, or to a terminal.

use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::engine::Notice;
use crate::notify::card::{Card, ranges};
use crate::notify::pace::Rate;
use crate::notify::story::Story;

use super::platform::{Platform, Size};

/// The same limit as for a bot's card, so that each can still be read as a whole.
const MAX_BYTES: usize = 18_700;

pub(super) static PLATFORM: Platform = Platform {
    name: "the log",
    section: "log",
    rate: Rate {
        between: Duration::ZERO,
        rush: None,
    },
    max_clock_error: None,
    notifies_staff: false,
};

type Print = dyn Fn(&str, &str) + Send + Sync;

/// Prints cards. Untrusted text in them is not escaped.
#[derive(Clone)]
pub struct Console(Arc<Print>);

impl Console {
    /// A console that calls `print` with the numbers of a card's notices and the card.
    pub fn new(print: impl Fn(&str, &str) + Send + Sync + 'static) -> Console {
        Console(Arc::new(print))
    }

    /// Prints to the log.
    pub fn of_the_log() -> Console {
        Console::new(|numbers, card| {
            log::warn!(target: "roomwatt::notices", "notice {numbers}:\n{card}");
        })
    }

    pub(super) fn print(&self, card: &Card) {
        (self.0)(&ranges(card.ids.clone()), &text(card));
    }
}

/// A notice as the staff would see it alone, for a terminal. Untrusted text in it is not escaped.
pub fn rendered(id: u64, notice: &Notice, config: &config::Cards) -> String {
    let story = Story::of(id, notice.clone());
    text(&Card::new(
        config.name_of(notice.hotel_id()),
        &[story],
        config,
    ))
}

pub(super) fn size(card: &Card) -> Size {
    Size {
        bytes: text(card).len(),
        max: MAX_BYTES,
    }
}

/// A card as indented text, with its colour.
pub(in crate::notify) fn text(card: &Card) -> String {
    let text = card.text().replace('\n', "\n  ");
    format!("  [{}] {text}", card.colour.as_str())
}
