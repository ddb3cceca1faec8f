//! Composes a card from stories.

use crate::config;
use crate::notify::story::{Status, Story};

use super::advice::advice;
use super::content::{Card, Colour};
use super::numbers::ranges;
use super::section::{Around, section};
use super::title::title;
use super::words::words;

impl Card {
    /// A card of these stories, the worst first. `hotel` is its name for the staff.
    pub(in crate::notify) fn new(hotel: &str, stories: &[Story], config: &config::Cards) -> Card {
        let words = words(config.language);
        let worst = stories.first();
        let name_of_worst = worst.map(|story| words.of(story).short);
        let is_mixed = stories
            .iter()
            .any(|story| Some(words.of(story).short) != name_of_worst);
        let around = Around {
            hotel,
            is_mixed,
            price: config.price_per_kwh,
        };
        let sections = stories.iter();
        let ids: Vec<u64> = stories.iter().flat_map(Story::ids).collect();
        Card {
            title: title(words, hotel, stories, is_mixed),
            colour: worst.map_or(Colour::Grey, |worst| colour(worst.status)),
            advice: advice(words, stories),
            sections: sections
                .filter_map(|story| section(words, story, &around))
                .collect(),
            footer: format!("{} {}", words.number, ranges(ids.iter().copied())),
            ids,
        }
    }

    /// A card that says that cards arrive.
    pub(in crate::notify) fn test(config: &config::Cards) -> Card {
        let words = words(config.language);
        Card {
            title: words.test.to_owned(),
            colour: Colour::Blue,
            advice: words.only_a_test.to_owned(),
            sections: Vec::new(),
            footer: "roomwatt".to_owned(),
            ids: Vec::new(),
        }
    }

    /// The card, marked as a test.
    pub(in crate::notify) fn marked_as_test(self, config: &config::Cards) -> Card {
        let words = words(config.language);
        let word = words.test;
        Card {
            title: format!("{word}{}{}", words.colon, self.title),
            footer: format!("{word} · {}", self.footer),
            ..self
        }
    }
}

/// The colour by the status now, not by what was: a recovery is not red.
fn colour(status: Status) -> Colour {
    match status {
        Status::Alert => Colour::Red,
        Status::Reminder => Colour::Orange,
        Status::Silent
        | Status::Frozen
        | Status::Rise
        | Status::Level
        | Status::Unclear
        | Status::Closed => Colour::Yellow,
        Status::NewStay | Status::Ended => Colour::Grey,
        Status::Recovered | Status::Reporting | Status::Moving => Colour::Green,
    }
}
