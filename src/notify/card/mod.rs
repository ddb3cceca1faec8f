//! Notices as the staff sees them.

mod section;
mod words;

use serde_json::{Value, json};

use crate::config;
use crate::engine::Stay;
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
    advice: String,
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
            advice: advice(words, stories),
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
            advice: words.only_a_test.to_owned(),
            sections: Vec::new(),
            number: "roomwatt".to_owned(),
        }
    }

    /// The same, marked as a test.
    pub(super) fn marked_as_test(self, config: &config::Feishu) -> Card {
        let words = words(config.language);
        let word = words.test;
        Card {
            title: format!("{word}{}{}", words.colon, self.title),
            number: format!("{word} · {}", self.number),
            ..self
        }
    }

    /// Feishu's card JSON 1.0. Everything is plain text: data can't mention people or make links.
    pub(super) fn feishu(&self) -> Value {
        let mut elements = vec![json!({"tag": "div", "text": plain(&self.advice)})];
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
        let mut paragraphs = vec![self.title.clone(), self.advice.clone()];
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
    let mut rooms: Vec<&RoomNumber> = Vec::new();
    for room in stories.iter().filter_map(Story::room) {
        // A room can have had several runs.
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    if is_mixed {
        let states = stories.chunk_by(|a, b| a.state == b.state);
        let counted = states.filter_map(|chunk| {
            let word = words.of(chunk.first()?.state);
            Some(format!("{word} ×{}", chunk.len()))
        });
        let counted: Vec<String> = counted.collect();
        let counted = counted.join(words.between_states);
        return match rooms.as_slice() {
            [] => format!("{counted} · {hotel}"),
            [room] => format!("{counted} · {hotel} · {room}"),
            [worst, ..] => format!("{counted} · {hotel} · {worst}…"),
        };
    }
    let word = stories.first().map_or("", |story| words.of(story.state));
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
        State::Silent | State::Unclear => "yellow",
        State::Ended => "grey",
        State::Recovered | State::Heard => "green",
    }
}

/// What to do: about rooms that are abnormal and meters that are silent, or else about the worst.
fn advice(words: &Words, stories: &[Story]) -> String {
    let is_of = |state: State| stories.iter().any(|story| story.state == state);
    let mut advice = Vec::new();
    let abnormal = |story: &&Story| matches!(story.state, State::Alert | State::Reminder);
    let stays = stories.iter().filter(abnormal).filter_map(Story::stay);
    let are_occupied = |stay: &Stay| matches!(stay, Stay::Occupied { .. });
    match stays.collect::<Vec<Stay>>().as_slice() {
        [] => {}
        [Stay::Occupied { .. }] => advice.push(words.look_into_occupied),
        [Stay::Vacant { .. }] => advice.push(words.look_into_vacant),
        several if several.iter().any(are_occupied) => advice.push(words.look_into_both),
        _ => advice.push(words.look_into_rooms),
    }
    if is_of(State::Silent) {
        advice.push(words.check_gateway);
    }
    if advice.is_empty() {
        advice.push(match stories.first().map(|story| story.state) {
            Some(State::Unclear) => words.may_go_on,
            Some(State::Ended) => words.was_over,
            Some(State::Heard) if stories.iter().any(Story::has_silent) => words.some_are_silent,
            Some(State::Heard) => words.all_are_heard,
            _ => words.nothing_to_do,
        });
    }
    advice.join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Notice, NoticeKind};
    use crate::notify::sample;
    use crate::types::{LocalTime, RoomKey};

    /// An alert of its own room each.
    fn alerts(count: u32, name: &str) -> Vec<Story> {
        (1..=count)
            .map(|number| {
                let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
                let mut notice = sample::room_notice(NoticeKind::Alert, number % 10, now);
                notice.room = RoomKey::new("H1", &format!("{name}{number}"));
                Story::of(u64::from(number), Notice::Room(notice))
            })
            .collect()
    }

    fn config() -> config::Feishu {
        config::Config::load(None, &[])
            .expect("the defaults")
            .feishu
    }

    fn tags(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if fields.contains_key("content") {
                    found.push(fields["tag"].to_string());
                }
                fields.values().for_each(|value| tags(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| tags(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_text_is_plain() {
        for count in [1, 3] {
            let card = Card::new(&HotelId::new("H1"), &alerts(count, "R"), &config());
            let mut found = Vec::new();
            tags(&card.feishu(), &mut found);
            assert!(found.len() >= 4, "{found:?}");
            assert!(found.iter().all(|tag| tag == "\"plain_text\""), "{found:?}");
        }
    }

    #[test]
    fn a_card_has_as_many_stories_as_fit() {
        for (count, name) in [
            (1, "R"),
            (20, "R"),
            (400, "R"),
            (400, "🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨"),
        ] {
            let stories = alerts(count, name);
            let (card, taken) = Card::fitting(&HotelId::new("H1"), &stories, &config());
            let bytes = card.feishu().to_string().len();
            assert!(bytes <= MOST_BYTES, "{bytes}");
            assert_eq!(taken == stories.len(), count <= 20, "{taken} of {count}");
            if taken < stories.len() {
                assert!(
                    bytes > MOST_BYTES * 8 / 10,
                    "{taken} stories make {bytes} bytes"
                );
            }
        }
    }

    #[test]
    fn numbers_in_a_row_are_made_short() {
        assert_eq!(ranges(vec![]), "");
        assert_eq!(ranges(vec![7]), "7");
        assert_eq!(ranges(vec![9, 7, 8, 12, 14, 13, 20]), "7-9, 12-14, 20");
    }
}
