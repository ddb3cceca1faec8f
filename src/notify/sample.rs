//! Trying the routes: what an operator sends to see that cards arrive, and how they look.

use crate::config;
use crate::engine::{Interval, MeterNotice, MeterNoticeKind, Notice, NoticeKind, RoomNotice, Stay};
use crate::types::{HotelId, LocalTime, RoomKey, RoomNumber, WattHours};

use super::card::Card;
use super::feishu::{Feishu, Message, SendError};
use super::waiting::{State, Story};

/// A card to try a route with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Says that cards arrive.
    Test,
    /// What an invented room would bring about, marked as a test.
    Of(State),
    /// Several rooms of one hotel in different states.
    Several,
}

/// One route, to be tried.
pub struct Trial<'a> {
    /// Names it for people.
    pub label: String,
    /// Whether it leads to a bot; else notices go to the log.
    webhook: Option<&'a config::Webhook>,
    config: &'a config::Feishu,
}

/// All routes, to be tried.
pub fn trials(config: &config::Feishu) -> impl Iterator<Item = Trial<'_>> {
    super::routes(config).map(move |route| Trial {
        label: route.label,
        webhook: route.webhook,
        config,
    })
}

impl Trial<'_> {
    pub fn has_bot(&self) -> bool {
        self.webhook.is_some()
    }

    /// Sends a sample of `now`; `None` where there is no bot.
    pub fn send(&self, sample: Sample, now: LocalTime) -> Option<Result<(), SendError>> {
        let bot = Feishu::new(self.webhook?.clone(), self.config.proxy.as_ref());
        let card = sample.card(self.config, now);
        Some(bot.send(&Message::Card(card.feishu())))
    }
}

impl Sample {
    /// It for a terminal.
    pub fn rendered(self, config: &config::Feishu, now: LocalTime) -> String {
        self.card(config, now).rendered()
    }

    pub(super) fn card(self, config: &config::Feishu, now: LocalTime) -> Card {
        let stories = match self {
            Sample::Test => return Card::test(config),
            Sample::Of(state) => vec![story(state, 1, now)],
            Sample::Several => [
                State::Alert,
                State::Alert,
                State::Reminder,
                State::Recovered,
            ]
            .into_iter()
            .zip(1..)
            .map(|(state, number)| story(state, number, now))
            .collect(),
        };
        Card::new(&hotel(), &stories, config).marked_as_test(config)
    }
}

fn hotel() -> HotelId {
    HotelId::new("H12345")
}

/// An invented story; its number makes its room.
fn story(state: State, number: u32, now: LocalTime) -> Story {
    let room = |kind| Notice::Room(room_notice(kind, number, now));
    let meters = |kind, silent| {
        let rooms = ["1001", "1002", "1003", "1005"].map(RoomNumber::new);
        Notice::Meters(MeterNotice {
            kind,
            hotel_id: hotel(),
            detected: now,
            since: Some(now.plus(-2 * 3_600)),
            silent,
            watched: 120,
            rooms: rooms[..rooms.len().min(silent as usize)].to_vec(),
        })
    };
    let notices = match state {
        State::Alert => vec![room(NoticeKind::Alert)],
        State::Reminder => vec![room(NoticeKind::Reminder)],
        State::Recovered => vec![room(NoticeKind::Recovered)],
        State::Ended => vec![room(NoticeKind::Alert), room(NoticeKind::Recovered)],
        State::Silent => vec![meters(MeterNoticeKind::Silent, 104)],
        State::Heard => vec![meters(MeterNoticeKind::Heard, 3)],
    };
    let first = u64::from(number);
    Story {
        state,
        notices: (first..).zip(notices).collect(),
    }
}

fn room_notice(kind: NoticeKind, number: u32, now: LocalTime) -> RoomNotice {
    const INTERVAL: i64 = 1_800;
    let periods = match kind {
        NoticeKind::Alert | NoticeKind::Recovered => 4,
        NoticeKind::Reminder => 8,
    };
    let hot = 2_350 + 110 * i64::from(number);
    let ended = kind == NoticeKind::Recovered;
    let intervals = i64::from(periods) + i64::from(ended);
    let since = now.plus(-intervals * INTERVAL);
    let mut history = vec![40, 55, 38];
    history.extend((0..i64::from(periods)).map(|interval| hot + 30 * (interval % 3)));
    let energy = history[3..].iter().sum();
    if ended {
        history.push(45);
    }
    let interval = |wh: i64| Interval {
        seconds: INTERVAL,
        energy: Some(WattHours(wh)),
    };
    RoomNotice {
        kind,
        room: RoomKey::new("H12345", &format!("{}", 1_000 + number)),
        stay: Stay::Vacant {
            actual_checkin: Some(since.plus(-22 * 3_600)),
            actual_checkout: since.plus(-3 * INTERVAL),
        },
        detected: now,
        since,
        periods,
        energy: WattHours(energy),
        threshold: WattHours(1_500),
        interval_seconds: INTERVAL,
        history: history.into_iter().map(interval).collect(),
    }
}
