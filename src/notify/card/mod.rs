//! Notices as the staff sees them.

mod section;
mod words;

use serde_json::{Value, json};

use crate::config;
use crate::engine::{Notice, Stay};
use crate::types::{HotelId, RoomNumber};

use super::waiting::{State, Story};

use section::Section;
use words::{Words, words};

/// The longest card in bytes, so that it stays below 19,000 with its envelope and signature.
const MOST_BYTES: usize = 18_700;

/// More stories than this fit on no card.
const MOST_STORIES: usize = 100;

/// Rooms named in a title.
const NAMED: usize = 3;

/// Some notices of one hotel in the staff's language, not yet in Feishu's.
pub(super) struct Card {
    title: String,
    colour: &'static str,
    /// What to do.
    advice: &'static str,
    sections: Vec<Section>,
    /// Makes a repeated delivery recognisable.
    number: String,
}

impl Card {
    /// A card of the first of these stories, as many as fit, and how many these are.
    pub(super) fn fitting(
        hotel: &HotelId,
        stories: &[Story],
        config: &config::Feishu,
    ) -> (Card, usize) {
        let mut count = stories.len().min(MOST_STORIES);
        loop {
            let card = Card::new(hotel, &stories[..count], config);
            let bytes = card.feishu().to_string().len();
            if bytes <= MOST_BYTES || count <= 1 {
                return (card, count);
            }
            // As many as would fit were they all alike.
            count = (count * MOST_BYTES / bytes).clamp(1, count - 1);
        }
    }

    /// A card of these stories; the first one is the worst.
    pub(super) fn new(hotel: &HotelId, stories: &[Story], config: &config::Feishu) -> Card {
        let words = words(config.language);
        let is_mixed = stories.iter().any(|story| {
            stories
                .first()
                .is_some_and(|first| first.state != story.state)
        });
        let ids = stories
            .iter()
            .flat_map(|story| story.notices.iter().map(|(id, _)| *id));
        let worst = stories.first();
        Card {
            title: title(words, hotel, stories, is_mixed),
            colour: worst.map_or("grey", |story| colour(story.state)),
            advice: worst.map_or("", |story| advice(words, story, stories.len())),
            sections: stories
                .iter()
                .filter_map(|story| Section::new(words, story, is_mixed, config.price_per_kwh))
                .collect(),
            number: format!("{} {}", words.number, ranges(ids.collect())),
        }
    }

    /// A card that says that cards arrive.
    pub(super) fn test(config: &config::Feishu) -> Card {
        let words = words(config.language);
        Card {
            title: words.test.to_owned(),
            colour: "blue",
            advice: words.only_a_test,
            sections: Vec::new(),
            number: format!("roomwatt {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// The same, marked as a test.
    pub(super) fn marked_as_test(self, config: &config::Feishu) -> Card {
        let word = words(config.language).test;
        Card {
            title: format!("{word}: {}", self.title),
            number: format!("{word} · {}", self.number),
            ..self
        }
    }

    /// Feishu's card JSON 1.0. Everything is plain text: data can't mention people or make links.
    pub(super) fn feishu(&self) -> Value {
        let mut elements = vec![json!({"tag": "div", "text": plain(self.advice)})];
        match self.sections.as_slice() {
            [only] => {
                elements.push(json!({"tag": "hr"}));
                let fields = only
                    .fields()
                    .map(|(is_short, text)| json!({"is_short": is_short, "text": plain(&text)}));
                elements.push(json!({"tag": "div", "fields": fields.collect::<Vec<Value>>()}));
            }
            several => {
                for section in several {
                    elements.push(json!({"tag": "hr"}));
                    elements.push(json!({"tag": "div", "text": plain(&section.text())}));
                }
            }
        }
        elements.push(json!({"tag": "hr"}));
        elements.push(json!({"tag": "note", "elements": [plain(&self.number)]}));
        json!({
            "config": {"wide_screen_mode": true},
            "header": {"template": self.colour, "title": plain(&self.title)},
            "elements": elements,
        })
    }

    /// As plain text, for where there are no cards.
    pub(super) fn text(&self) -> String {
        let sections: Vec<String> = match self.sections.as_slice() {
            [only] => only.fields().map(|(_, text)| text).collect(),
            several => several.iter().map(Section::text).collect(),
        };
        let mut paragraphs = vec![self.title.clone(), self.advice.to_owned()];
        paragraphs.extend(sections);
        paragraphs.push(self.number.clone());
        paragraphs.join("\n")
    }

    /// For a terminal or a log: with its colour, set in.
    pub(super) fn rendered(&self) -> String {
        let text = self.text().replace('\n', "\n  ");
        format!("  [{}] {text}", self.colour)
    }
}

fn plain(text: &str) -> Value {
    json!({"tag": "plain_text", "content": text})
}

fn title(words: &Words, hotel: &HotelId, stories: &[Story], is_mixed: bool) -> String {
    if is_mixed {
        let states = stories.chunk_by(|a, b| a.state == b.state);
        let counted = states.filter_map(|chunk| {
            let word = words.of(chunk.first()?.state);
            Some(format!("{word} ×{}", chunk.len()))
        });
        let counted: Vec<String> = counted.collect();
        return format!("{} · {hotel}", counted.join(words.between_states));
    }
    let word = stories.first().map_or("", |story| words.of(story.state));
    let rooms: Vec<&RoomNumber> = stories.iter().filter_map(Story::room).collect();
    match rooms.as_slice() {
        [] => format!("{word} {hotel}"),
        [room] => format!("{word} {hotel} · {room}"),
        several => {
            let mut names = words.joined(several.iter().copied().take(NAMED));
            if several.len() > NAMED {
                names.push('…');
            }
            let rooms = (words.rooms_of)(&names, several.len());
            format!("{word} {hotel} · {rooms}")
        }
    }
}

/// Of what it is, never of what it says: a recovery is not red.
fn colour(state: State) -> &'static str {
    match state {
        State::Alert => "red",
        State::Reminder => "orange",
        State::Silent => "yellow",
        State::Ended => "grey",
        State::Recovered | State::Heard => "green",
    }
}

fn advice(words: &Words, worst: &Story, stories: usize) -> &'static str {
    match (worst.state, worst.last()) {
        (State::Alert | State::Reminder, _) if stories > 1 => words.look_into_rooms,
        (State::Alert | State::Reminder, Some(Notice::Room(notice))) => match notice.stay {
            Stay::Occupied { .. } => words.look_into_occupied,
            Stay::Vacant { .. } => words.look_into_vacant,
        },
        (State::Silent, _) => words.check_gateway,
        (State::Ended, _) => words.was_over,
        _ => words.nothing_to_do,
    }
}

/// Numbers in order with runs made short: `17-19, 22`.
pub(super) fn ranges(mut numbers: Vec<u64>) -> String {
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let runs = runs.filter_map(|run| match (run.first()?, run.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}-{last}")),
    });
    runs.collect::<Vec<String>>().join(", ")
}
