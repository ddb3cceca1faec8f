//! Sample cards, with which an operator tries the routes and sees how cards look.

use crate::config;
use crate::engine::{
    Closing, HotelNotice, HotelNoticeKind, Interval, MeterNotice, MeterNoticeKind, Notice,
    NoticeKind, RoomNotice, Rule, Stay,
};
use crate::store::Share;
use crate::types::{HotelId, Kind, LocalTime, RoomKey, RoomNumber, WattHours};

use super::bot::{Bot, Console, Form, SendError, on_console};
use super::card::Card;
use super::routes::routes;
use super::story::{Status, Story};

/// A card to try a route with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// Says that cards arrive.
    Test,
    /// The card of an invented room or hotel, marked as a test.
    Of(Status),
    /// The card of several rooms of one hotel, with different statuses.
    Several,
}

/// A route to try.
pub struct Trial<'a> {
    /// Its name for people.
    pub label: String,
    bot: &'a config::Bot,
    cards: &'a config::Cards,
}

/// All routes to try, or that of one hotel.
pub fn trials<'a>(
    config: &'a config::Notify,
    hotel: Option<&HotelId>,
) -> impl Iterator<Item = Trial<'a>> {
    let is_meant = move |share: &Share| hotel.is_none_or(|hotel| share.has(hotel));
    routes(config)
        .filter(move |route| is_meant(&route.share))
        .map(move |route| Trial {
            label: route.label,
            bot: route.bot,
            cards: &config.cards,
        })
}

impl Trial<'_> {
    /// Whether it has a bot; otherwise notices go to the log.
    pub fn is_bot(&self) -> bool {
        *self.bot != config::Bot::Log
    }

    /// Sends a sample with the time `now`. Returns the platform's name and the result; `None` if
    /// there is no bot.
    pub fn send(
        &self,
        sample: Sample,
        now: LocalTime,
    ) -> Option<(&'static str, Result<(), SendError>)> {
        if !self.is_bot() {
            return None;
        }
        let bot = Bot::new(self.bot, &Console::of_the_log());
        let sent = bot.send(&sample.card(self.cards, now), Form::Card);
        Some((bot.platform().name, sent))
    }
}

impl Sample {
    /// The card as a text for a terminal.
    pub fn rendered(self, config: &config::Cards, now: LocalTime) -> String {
        on_console(&self.card(config, now))
    }

    pub(super) fn card(self, config: &config::Cards, now: LocalTime) -> Card {
        let stories = match self {
            Sample::Test => return Card::test(config),
            Sample::Of(status) => vec![story(status, 1, now)],
            Sample::Several => [
                Status::Alert,
                Status::Alert,
                Status::Reminder,
                Status::Recovered,
            ]
            .into_iter()
            .zip(1..)
            .map(|(status, number)| story(status, number, now))
            .collect(),
        };
        Card::new(config.name_of(&hotel()), &stories, config).marked_as_test(config)
    }
}

fn hotel() -> HotelId {
    HotelId::new("H12345")
}

/// An invented story, whose room follows from `number`.
pub(super) fn story(status: Status, number: u32, now: LocalTime) -> Story {
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
            handling: None,
        })
    };
    let in_common = |kind| {
        Notice::Hotel(HotelNotice {
            kind,
            hotel_id: hotel(),
            detected: now,
            since: now.plus(-3_600),
            rose: 12,
            vacant: 31,
            common: WattHours(250),
            tolerated: WattHours(375),
            high: 18,
            high_from: WattHours(200),
            total: WattHours(5_850),
            interval_seconds: 1_800,
        })
    };
    let notices = match status {
        Status::Alert | Status::Unclear => vec![room(NoticeKind::Alert)],
        Status::Reminder => vec![room(NoticeKind::Reminder)],
        Status::Recovered => vec![room(NoticeKind::Recovered)],
        Status::Closed => vec![room(NoticeKind::Closed(Closing::Gap))],
        Status::NewStay => vec![room(NoticeKind::Closed(Closing::NewStay {
            kind: Kind::Checkin,
            at: now,
        }))],
        Status::Ended => vec![room(NoticeKind::Alert), room(NoticeKind::Recovered)],
        Status::Silent => vec![meters(MeterNoticeKind::Silent, 104)],
        Status::Reporting => vec![meters(MeterNoticeKind::Reporting, 3)],
        Status::Frozen => vec![meters(MeterNoticeKind::Frozen, 104)],
        Status::Moving => vec![meters(MeterNoticeKind::Moving, 3)],
        Status::Rise => vec![in_common(HotelNoticeKind::Rise)],
        Status::Level => vec![in_common(HotelNoticeKind::Level)],
    };
    let first = u64::from(number);
    Story {
        status,
        notices: (first..).zip(notices).collect(),
    }
}

pub(super) fn room_notice(kind: NoticeKind, number: u32, now: LocalTime) -> RoomNotice {
    const INTERVAL: i64 = 1_800;
    let interval = |wh: i64| Interval::new(INTERVAL, Some(WattHours(wh)));
    let periods = match kind {
        NoticeKind::Alert | NoticeKind::Recovered | NoticeKind::Closed(_) => 4,
        NoticeKind::Reminder => 8,
    };
    // What ended the run.
    let end = match kind {
        NoticeKind::Recovered => Some(interval(45)),
        NoticeKind::Closed(Closing::Gap) => Some(Interval::new(5 * INTERVAL, None)),
        NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Closed(_) => None,
    };
    let until = match (kind, end) {
        (_, Some(end)) => now.plus(-end.seconds()),
        (NoticeKind::Closed(_), None) => now.plus(-INTERVAL / 2),
        _ => now,
    };
    let since = until.plus(-i64::from(periods) * INTERVAL);
    let hot = 2_900 - 110 * i64::from(number);
    let run: Vec<i64> = (0..i64::from(periods))
        .map(|nth| hot + 30 * (nth % 3))
        .collect();
    let energy = run.iter().sum();
    let quiet = [40, 55, 38].map(interval);
    let run = run.into_iter().map(interval);
    RoomNotice {
        kind,
        room: RoomKey::new("H12345", &format!("{}", 1_000 + number)),
        watch: 1,
        rule: Rule::Fixed,
        stay: Stay::Vacant {
            actual_checkin: Some(since.plus(-22 * 3_600)),
            actual_checkout: since.plus(-3 * INTERVAL),
        },
        detected: now,
        since,
        until: matches!(kind, NoticeKind::Recovered | NoticeKind::Closed(_)).then_some(until),
        periods,
        energy: WattHours(energy),
        threshold: WattHours(1_500),
        unusual: None,
        incident: None,
        interval_seconds: INTERVAL,
        before: [420, 380, 310].map(interval).to_vec(),
        history: quiet.into_iter().chain(run).chain(end).collect(),
        handling: None,
    }
}
