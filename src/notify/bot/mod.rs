//! Where notices are sent. The file of a bot has all that is specific to its platform: protocol,
//! sizes, rate, and how to write untrusted names so that the platform does not interpret them.

mod console;
mod feishu;
mod http;
mod platform;

use crate::config;

use super::card::Card;
use super::story::Story;

pub(super) use console::text as on_console;
pub use console::{Console, rendered};
#[cfg(test)]
pub(super) use feishu::{PLATFORM as FEISHU, card_json as feishu_json};
pub(super) use http::{Http, Reached};
pub use platform::SendError;
pub(super) use platform::{Form, Platform};

use feishu::Feishu;
use platform::Size;

/// The most stories on a card: people would not read more.
const MAX_STORIES: usize = 100;

/// Where the notices of a route are sent.
pub(super) enum Bot {
    Console(Console),
    Feishu(Feishu),
}

impl Bot {
    /// The bot of a route; without one it is `console`.
    pub(super) fn new(config: &config::Bot, console: &Console) -> Bot {
        match config {
            config::Bot::Log => Bot::Console(console.clone()),
            config::Bot::Feishu(config) => Bot::Feishu(Feishu::new(config)),
        }
    }

    pub(super) fn platform(&self) -> &'static Platform {
        match self {
            Bot::Console(_) => &console::PLATFORM,
            Bot::Feishu(_) => &feishu::PLATFORM,
        }
    }

    /// The HTTP client, if it is reached over the network.
    pub(super) fn http(&self) -> Option<&Http> {
        match self {
            Bot::Console(_) => None,
            Bot::Feishu(bot) => Some(bot.http()),
        }
    }

    /// Sends a card; `Ok` when it was accepted.
    pub(super) fn send(&self, card: &Card, form: Form) -> Result<(), SendError> {
        match self {
            Bot::Console(bot) => {
                bot.print(card);
                Ok(())
            }
            Bot::Feishu(bot) => bot.send(card, form),
        }
    }

    /// A card of the first of these stories, as many as fit, and their number. `hotel` is its name
    /// for the staff.
    pub(super) fn card(
        &self,
        hotel: &str,
        stories: &[Story],
        form: Form,
        config: &config::Cards,
    ) -> (Card, usize) {
        let mut count = stories.len().min(MAX_STORIES);
        loop {
            let stories = &stories[..count];
            let card = self.card_of(hotel, stories, Form::Card, config);
            let Size { bytes, max } = self.size(&card);
            if bytes <= max || count <= 1 {
                // The text after a refused card has the same stories as the card.
                return match form {
                    Form::Card => (card, count),
                    Form::Text => (self.card_of(hotel, stories, form, config), count),
                };
            }
            // As many as would fit if all had the same size.
            count = (count * max / bytes).clamp(1, count - 1);
        }
    }

    /// A card of all these stories, with names escaped for this bot.
    fn card_of(&self, hotel: &str, stories: &[Story], form: Form, config: &config::Cards) -> Card {
        let named = |name: &str| self.name(name, form);
        let stories = stories.iter().cloned();
        let stories: Vec<Story> = stories.map(|story| story.with_names(named)).collect();
        Card::new(&named(hotel), &stories, config)
    }

    /// An untrusted name, escaped so that the platform does not interpret it.
    fn name(&self, name: &str, form: Form) -> String {
        match self {
            Bot::Console(_) => name.to_owned(),
            Bot::Feishu(_) => feishu::name(name, form),
        }
    }

    /// The size of a card sent as a card; as a text it must not be longer.
    fn size(&self, card: &Card) -> Size {
        match self {
            Bot::Console(_) => console::size(card),
            Bot::Feishu(_) => feishu::size(card),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::config::Secret;
    use crate::engine::{
        Acknowledgement, Handling, MeterNotice, MeterNoticeKind, Notice, NoticeKind, RoomNotice,
    };
    use crate::notify::sample::room_notice;
    use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber};

    fn config() -> config::Cards {
        let config = config::Config::load(None, &[]).expect("the defaults");
        config.notify.cards
    }

    fn a_feishu() -> Bot {
        let bot = config::Feishu {
            url: Secret::new("https://example.com/hook/canary"),
            secret: None,
            proxy: None,
        };
        Bot::new(&config::Bot::Feishu(bot), &Console::of_the_log())
    }

    fn alert(number: u32) -> RoomNotice {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        room_notice(NoticeKind::Alert, number, now)
    }

    /// Alerts, each of its own room.
    fn alerts(count: u32, name: &str) -> Vec<Story> {
        (1..=count)
            .map(|number| {
                let mut notice = alert(number % 10);
                notice.room = RoomKey::new("H1", &format!("{name}{number}"));
                Story::of(u64::from(number), Notice::Room(notice))
            })
            .collect()
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
    fn every_text_of_a_feishu_card_is_plain() {
        for count in [1, 3] {
            let card = Card::new("H1", &alerts(count, "R"), &config());
            let mut found = Vec::new();
            tags(&feishu_json(&card), &mut found);
            assert!(found.len() >= 4, "{found:?}");
            assert!(found.iter().all(|tag| tag == "\"plain_text\""), "{found:?}");
        }
    }

    #[test]
    fn a_card_has_as_many_stories_as_fit() {
        for bot in [a_feishu(), Bot::Console(Console::of_the_log())] {
            for (count, name) in [
                (1, "R"),
                (20, "R"),
                (400, "R"),
                (400, "🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨🏨"),
                // Longer in a text than on a card.
                (400, "a/b.c@d_e*f~g#h!"),
            ] {
                let stories = alerts(count, name);
                let (card, taken) = bot.card("H1", &stories, Form::Card, &config());
                let Size { bytes, max } = bot.size(&card);
                assert!(bytes <= max, "{bytes}");
                assert_eq!(taken == stories.len(), count <= 20, "{taken} of {count}");
                assert_eq!(card.ids.len(), taken);
                assert!(
                    taken == stories.len() || bytes > max * 8 / 10,
                    "{taken} stories make {bytes} bytes"
                );
                let (text, as_text) = bot.card("H1", &stories, Form::Text, &config());
                assert_eq!(as_text, taken);
                assert!(text.text().len() < max, "{}", text.text().len());
            }
        }
    }

    /// The end of an incident that somebody with this name has taken care of.
    fn handled_by(by: &str) -> Notice {
        let now = LocalTime::parse("2023-04-10 14:00:00").expect("a time");
        let mut notice = Notice::Room(room_notice(NoticeKind::Recovered, 1, now));
        notice.set_handling(Some(Handling {
            acknowledged: Some(Acknowledgement {
                by: by.to_owned(),
                at: now,
                until: now,
            }),
            snoozed_until: None,
            lapsed_at: None,
        }));
        notice
    }

    #[test]
    fn names_in_a_text_are_neither_mentions_nor_links() {
        let mut of_room = alert(1);
        of_room.room = RoomKey::new("H1", "http://x.cn/A_1");
        let of_meters = MeterNotice {
            kind: MeterNoticeKind::Silent,
            hotel_id: HotelId::new("H1"),
            detected: of_room.detected,
            since: None,
            silent: 5,
            watched: 5,
            rooms: vec![RoomNumber::new("[x](y)")],
            handling: None,
        };
        let hotel = "<at user_id=\"all\"></at>";
        for (notice, name, room) in [
            (
                Notice::Room(of_room),
                "http://x.cn/A_1",
                "http：／／x．cn／A＿1",
            ),
            (Notice::Meters(of_meters), "[x](y)", "［x］（y）"),
            (handled_by("@all"), "@all", "＠all"),
        ] {
            let story = [Story::of(1, notice)];
            let (card, _) = a_feishu().card(hotel, &story, Form::Text, &config());
            let text = card.text();
            for mark in ["<", ">", "@", "://", "x.cn", "A_1", "[x]"] {
                assert!(!text.contains(mark), "{mark} is in {text}");
            }
            assert!(text.contains(room) && text.contains("＜at"), "{text}");
            // On a card all is plain text, so that a name is shown as it is.
            let (card, _) = a_feishu().card(hotel, &story, Form::Card, &config());
            let text = card.text();
            assert!(text.contains(name) && text.contains(hotel), "{text}");
        }
    }
}
