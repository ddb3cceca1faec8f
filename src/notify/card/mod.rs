//! Notices as the staff sees them.

mod section;
mod trend;
mod words;

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::config;
use crate::engine::{NoticeKind, RoomNotice};
use crate::escape;
use crate::types::{Kind, RoomNumber};

use super::waiting::{State, Story};

use section::{Around, Section};
use words::{Words, words};

/// The longest card in bytes, so that it stays below 19,000 with its envelope and signature.
const MOST_BYTES: usize = 18_700;

/// More stories than this fit on no card.
const MOST_STORIES: usize = 100;

/// Rooms named in a title.
const NAMED: usize = 3;

/// States named in a title, each with how many stories are in it.
const STATES: usize = 3;

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
    /// A card of the first of these stories, as many as fit, and how many these are. `hotel` is what the
    /// staff calls it.
    pub(super) fn fitting(
        hotel: &str,
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
    pub(super) fn new(hotel: &str, stories: &[Story], config: &config::Feishu) -> Card {
        let words = words(config.language);
        let worst = stories.first();
        let name_of_worst = worst.map(|story| words.of(story).short);
        let is_mixed = stories
            .iter()
            .any(|story| Some(words.of(story).short) != name_of_worst);
        let ids = stories
            .iter()
            .flat_map(|story| story.notices.iter().map(|(id, _)| *id));
        Card {
            title: title(words, hotel, stories, is_mixed),
            colour: worst.map_or("grey", |story| colour(story.state)),
            advice: advice(words, stories),
            sections: stories
                .iter()
                .filter_map(|story| {
                    let around = Around {
                        hotel,
                        is_mixed,
                        price: config.price_per_kwh,
                    };
                    Section::new(words, story, &around)
                })
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
    json!({"tag": "plain_text", "content": escape::in_order(text)})
}

/// All that a telephone shows of a card before it is opened: what it is, which hotel and rooms, and how
/// much it is about.
fn title(words: &Words, hotel: &str, stories: &[Story], is_mixed: bool) -> String {
    let mut rooms: Vec<&RoomNumber> = Vec::new();
    for room in stories.iter().filter_map(Story::room) {
        // A room can have had several runs.
        if !rooms.contains(&room) {
            rooms.push(room);
        }
    }
    let Some(worst) = stories.first() else {
        return hotel.to_owned();
    };
    // Meters are those of all rooms.
    let rooms_that = match worst.room() {
        Some(_) => (words.rooms_that)(kind_of_all(stories), rooms.len() > 1),
        None => "",
    };
    let state = if is_mixed {
        states(words, stories)
    } else {
        words.of(worst).long.to_owned()
    };
    let mut title = format!("{rooms_that}{state}{}{hotel}", words.before_hotel);
    let mut add = |part: &str| {
        title.push_str(" · ");
        title.push_str(part);
    };
    match rooms.as_slice() {
        [] => {}
        [room] => add(room.as_str()),
        // There are states to be read before.
        [room, ..] if is_mixed => add(&(words.first_of)(room.as_str(), rooms.len())),
        several => {
            let mut names = words.joined(several.iter().copied().take(NAMED));
            if several.len() > NAMED {
                names.push('…');
            }
            add(&(words.rooms_of)(&names, several.len()));
        }
    }
    if let Some(notice) = worst.of_room() {
        match (worst.state, notice.kind) {
            (State::Alert | State::Reminder, _) => {
                let power = kilowatts(notice);
                add(&match rooms.len() {
                    1 => (words.kilowatts)(&power),
                    _ => (words.most_kilowatts)(&power),
                });
            }
            (_, NoticeKind::Closed(why)) if stories.len() == 1 => {
                add((words.closed_by)(notice.stay.kind(), why));
            }
            _ => {}
        }
    }
    title
}

/// How many stories are in which state, the worst first; of many states, how many are in the others.
fn states(words: &Words, stories: &[Story]) -> String {
    let chunks = stories.chunk_by(|a, b| words.of(a).short == words.of(b).short);
    let mut chunks: Vec<&[Story]> = chunks.collect();
    let others = match chunks.len() {
        ..=STATES => Vec::new(),
        _ => chunks.split_off(STATES - 1),
    };
    let counted = chunks.into_iter().filter_map(|chunk| {
        let first = chunk.first()?;
        let word = words.of(first).short;
        // A hotel's meters are one story.
        Some(match first.room() {
            Some(_) => format!("{word} ×{}", chunk.len()),
            None => word.to_owned(),
        })
    });
    let others = others.concat().len();
    let others = (others > 0).then(|| (words.others)(others));
    let states: Vec<String> = counted.chain(others).collect();
    states.join(words.between_states)
}

/// What all rooms of some stories are, if they are the same.
fn kind_of_all(stories: &[Story]) -> Option<Kind> {
    let mut kinds = stories.iter().filter_map(Story::kind);
    let first = kinds.next()?;
    kinds.all(|kind| kind == first).then_some(first)
}

/// Mean power of a run, with one decimal: more are not read at a glance.
fn kilowatts(notice: &RoomNotice) -> String {
    format!("{:.1}", notice.milliwatts() as f64 / 1_000_000.0)
}

/// Of what it is, never of what it says: a recovery is not red.
fn colour(state: State) -> &'static str {
    match state {
        State::Alert => "red",
        State::Reminder => "orange",
        State::Silent | State::Frozen | State::Unclear | State::Closed => "yellow",
        State::NewStay | State::Ended => "grey",
        State::Recovered | State::Heard | State::Moving => "green",
    }
}

/// What to do about each state that wants something done; where none does, about the worst.
fn advice(words: &Words, stories: &[Story]) -> String {
    let are = |state: State| stories.iter().filter(move |story| story.state == state);
    let mut advice = Vec::new();
    let abnormal: Vec<Story> = are(State::Alert)
        .chain(are(State::Reminder))
        .cloned()
        .collect();
    if !abnormal.is_empty() {
        let look = match kind_of_all(&abnormal) {
            Some(Kind::Checkout) => words.look_into_vacant,
            Some(Kind::Checkin) => words.look_into_occupied,
            None => words.look_into_both,
        };
        advice.push(look.to_owned());
        if abnormal.len() > 1 {
            advice.push(words.worst_first.to_owned());
        }
    }
    let has_some_left = |state| are(state).any(Story::has_silent);
    let others = [
        (are(State::Silent).next().is_some(), words.check_gateway),
        (are(State::Frozen).next().is_some(), words.check_repeating),
        (are(State::Unclear).next().is_some(), words.may_go_on),
        (has_some_left(State::Heard), words.some_are_silent),
        (has_some_left(State::Moving), words.some_are_frozen),
    ];
    let others = others.into_iter().filter(|(is_so, _)| *is_so);
    advice.extend(others.map(|(_, words)| words.to_owned()));
    if are(State::Closed).next().is_some() {
        let reasons: HashSet<Option<String>> =
            stories.iter().map(|story| closing(words, story)).collect();
        advice.push(match Vec::from_iter(reasons).as_slice() {
            [Some(of_all)] => of_all.clone(),
            _ => words.closed_below.to_owned(),
        });
    }
    if let Some(worst) = stories.first()
        && advice.is_empty()
    {
        advice.push(match worst.state {
            State::NewStay if stories.len() == 1 => closing(words, worst).unwrap_or_default(),
            State::NewStay => words.new_stays_below.to_owned(),
            State::Ended => words.was_over.to_owned(),
            State::Heard => words.all_are_heard.to_owned(),
            State::Moving => words.all_are_moving.to_owned(),
            State::Recovered
            | State::Alert
            | State::Reminder
            | State::Silent
            | State::Frozen
            | State::Unclear
            | State::Closed => words.nothing_to_do.to_owned(),
        });
    }
    advice.join("\n")
}

/// Why its run is no longer followed, if it is one that is not, as a sentence of one or several rooms.
fn closing(words: &Words, story: &Story) -> Option<String> {
    let notice = story.of_room()?;
    match notice.kind {
        NoticeKind::Closed(why) => Some((words.closing)(notice.stay.kind(), why)),
        NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Recovered => None,
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
            let card = Card::new("H1", &alerts(count, "R"), &config());
            let mut found = Vec::new();
            tags(&card.feishu(), &mut found);
            assert!(found.len() >= 4, "{found:?}");
            assert!(found.iter().all(|tag| tag == "\"plain_text\""), "{found:?}");
        }
    }

    #[test]
    fn no_name_can_reorder_a_text() {
        let shown = plain("贵宾\u{202e}3👨\u{200d}👩");
        assert_eq!(shown["content"], "贵宾\u{fffd}3👨\u{200d}👩");
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
            let (card, taken) = Card::fitting("H1", &stories, &config());
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
