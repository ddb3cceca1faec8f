//! From the outbox to the staff: one thread a bot, so that one that is slow or dead delays no other.

mod card;
mod feishu;
mod look;
mod pace;
mod recovery;
mod sample;
mod waiting;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::clock::{Clock, unix_seconds};
use crate::config;
use crate::engine::{MeterNoticeKind, MeterTrouble, Notice, RoomNotice, Watch};
use crate::faults;
use crate::outage::Outage;
use crate::owner::{Inbox, Unanswered};
use crate::pulse;
use crate::rooms::Rooms;
use crate::store::{Outbox, Settled, Settlement, Share, StoreError};
use crate::threads::Stop;
use crate::types::{HotelId, RoomNumber};

use card::{Card, ranges};
use feishu::{Feishu, Message};
use pace::Pace;
use recovery::Recovery;
use waiting::{Bundle, Due, Manner, Story, Waiting};

pub use feishu::SendError;
pub use look::check;
pub use sample::{Sample, Trial, trials};
pub use waiting::State;

/// Notices read at a time.
const AT_A_TIME: usize = 500;

/// Notices one thread keeps in memory; more wait in the database.
const MOST_WAITING: usize = 4_000;

/// The whole outbox is looked through this often: an operator may have had something told once more.
const IDLE: Duration = Duration::from_secs(30);

/// A notice as the staff would see it by itself, for a terminal. What strangers wrote in it is not
/// escaped.
pub fn rendered(id: u64, notice: &Notice, config: &config::Feishu) -> String {
    let story = Story::of(id, notice.clone());
    Card::new(config.name_of(notice.hotel_id()), &[story], config).rendered()
}

/// Tells notices where no bot does: their numbers, and a card as the staff would see it.
pub type Aloud = Arc<dyn Fn(&str, &str) + Send + Sync>;

/// To the log.
pub fn to_the_log() -> Aloud {
    Arc::new(|numbers, card| log::warn!(target: "roomwatt::notices", "notice {numbers}:\n{card}"))
}

/// The threads that tell the staff, and what wakes them. What has no bot is told `aloud`.
pub fn notifiers(
    config: &config::Feishu,
    outbox: Arc<dyn Outbox>,
    rooms: &Arc<Rooms>,
    clock: &Arc<dyn Clock>,
    aloud: &Aloud,
    stop: &Stop,
) -> (Vec<Notifier>, Bells) {
    let mut bells = Bells {
        by_hotel: HashMap::new(),
        bells: Vec::new(),
        default: None,
    };
    let shared = Arc::new(config.clone());
    let notifiers = routes(config)
        .map(|route| {
            let (bell, woken) = bounded(1);
            match &route.share {
                Share::Of(hotels) => {
                    let place = bells.bells.len();
                    let hotels = hotels.iter().map(|hotel| (hotel.clone(), place));
                    bells.by_hotel.extend(hotels);
                    bells.bells.push(bell);
                }
                Share::AllBut(_) => bells.default = Some(bell),
            }
            Notifier {
                bot: (route.webhook).map(|bot| Feishu::new(bot.clone(), config.proxy.as_ref())),
                aloud: Arc::clone(aloud),
                feishu: Outage::new(format!("notifying {}", route.label)).told_at_once(),
                label: route.label,
                share: route.share,
                config: Arc::clone(&shared),
                outbox: Arc::clone(&outbox),
                rooms: Arc::clone(rooms),
                clock: Arc::clone(clock),
                stop: stop.clone(),
                woken,
                store: Outage::new("reading the outbox"),
                waiting: Waiting::default(),
                pace: Pace::new(Instant::now()),
                read_to: 0,
                read_all: Instant::now(),
            }
        })
        .collect();
    (notifiers, bells)
}

/// Some hotels' way to the staff.
struct Route<'a> {
    /// Names it in the log; never with its address, which is a secret.
    label: String,
    share: Share,
    /// Without one, notices go to the log.
    webhook: Option<&'a config::Webhook>,
}

/// All routes; that of the hotels without one of their own comes first.
fn routes(config: &config::Feishu) -> impl Iterator<Item = Route<'_>> {
    let routed = config.routes.iter().flat_map(|route| &route.hotels);
    let default = Route {
        label: "the default bot".to_owned(),
        share: Share::AllBut(routed.cloned().collect()),
        webhook: config.webhook.as_ref(),
    };
    let routes = config.routes.iter().map(|route| Route {
        label: label(&route.hotels),
        share: Share::Of(route.hotels.clone()),
        webhook: Some(&route.webhook),
    });
    std::iter::once(default).chain(routes)
}

fn label(hotels: &[HotelId]) -> String {
    const NAMED: usize = 3;
    let names: Vec<&str> = hotels.iter().take(NAMED).map(HotelId::as_str).collect();
    let names = names.join(", ");
    match hotels.len().saturating_sub(NAMED) {
        0 => format!("the bot of {names}"),
        more => format!("the bot of {names} and {more} more"),
    }
}

/// Tells each thread that the outbox has something new for it.
pub struct Bells {
    by_hotel: HashMap<HotelId, usize>,
    bells: Vec<Sender<()>>,
    default: Option<Sender<()>>,
}

impl Bells {
    /// The outbox has something new of this hotel.
    pub fn ring(&self, hotel: &HotelId) {
        let own = self.by_hotel.get(hotel);
        let bell = own.and_then(|place| self.bells.get(*place));
        if let Some(bell) = bell.or(self.default.as_ref()) {
            // Full means that it has been rung already.
            let _ = bell.try_send(());
        }
    }
}

/// Tells the staff of some hotels.
pub struct Notifier {
    label: String,
    share: Share,
    /// Without one, notices are told aloud.
    bot: Option<Feishu>,
    aloud: Aloud,
    /// All of it, of which there is one: a chain has many bots.
    config: Arc<config::Feishu>,
    outbox: Arc<dyn Outbox>,
    rooms: Arc<Rooms>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    woken: Receiver<()>,
    store: Outage,
    feishu: Outage,
    waiting: Waiting,
    pace: Pace,
    /// The outbox has been read up to this row.
    read_to: u64,
    /// When it was last read from its beginning.
    read_all: Instant,
}

impl Notifier {
    /// Delivers until it is time to stop.
    pub fn run(mut self, inbox: Inbox) {
        while !self.stop.is_set() {
            let Ok(pause) = self.round(&inbox) else {
                return;
            };
            let _rest = pulse::rest();
            select! {
                recv(self.woken) -> _ => {}
                recv(self.stop.channel()) -> _ => return,
                default(pause) => {}
            }
        }
    }

    /// Does one thing, and says how long there is nothing else to do.
    fn round(&mut self, inbox: &Inbox) -> Result<Duration, Unanswered> {
        let settled = match self.read() {
            Ok(unreadable) => unreadable,
            Err(error) => return Ok(self.store.failed(&error)),
        };
        self.store.over();
        self.settle(settled, inbox)?;
        self.hold_recoveries(inbox)?;
        let now = Instant::now();
        let expired = self.waiting.expired(now);
        if !expired.is_empty() {
            log::error!(
                "notices {} are older than feishu.notice_max_age_hours and are not told any more; `roomwatt outbox` shows and retries them",
                in_short(&expired)
            );
            let expired = expired.into_iter().map(|id| Settled {
                id,
                how: Settlement::Expired,
            });
            self.settle(expired.collect(), inbox)?;
            return Ok(Duration::ZERO);
        }
        let hotel = match self.waiting.due(now) {
            Due::Never => return Ok(IDLE),
            Due::At(due) => return Ok(IDLE.min(due.saturating_duration_since(now))),
            Due::Of(hotel) => hotel,
        };
        if self.bot.is_some() {
            let wait = self.pace.wait(now, unix_seconds());
            if !wait.is_zero() {
                return Ok(IDLE.min(wait));
            }
        }
        // Memory first, then the outbox: what ended a run by now is in there, if it is to be told.
        let over = (self.waiting).over(&hotel, |notice| is_over(&self.rooms, notice));
        if !over.is_empty() {
            match self.read() {
                Ok(unreadable) => self.settle(unreadable, inbox)?,
                Err(error) => return Ok(self.store.failed(&error)),
            }
            self.hold_recoveries(inbox)?;
        }
        if let Some(bundle) = self.waiting.bundle(&hotel, &over) {
            self.tell(bundle, inbox)?;
        }
        Ok(Duration::ZERO)
    }

    /// Holds back the recoveries of which it is not known yet whether they are true, and withdraws
    /// those that are not.
    fn hold_recoveries(&mut self, inbox: &Inbox) -> Result<(), Unanswered> {
        let (rooms, now) = (Arc::clone(&self.rooms), self.clock.now());
        let for_staff = self.bot.is_some();
        let known = |notice: &Notice| match notice {
            Notice::Room(notice) => Recovery::of(notice, &rooms, now, for_staff),
            Notice::Meters(_) => Recovery::True,
        };
        let max_age = self.config.notice_max_age;
        (self.waiting).hold(Instant::now(), max_age, |n| known(n) == Recovery::Open);
        let untrue = self.waiting.wrong(|n| known(n) == Recovery::Untrue);
        if !untrue.is_empty() {
            log::info!(
                "notices {} are withdrawn: the rooms had not recovered, their meters had stood still",
                in_short(&untrue)
            );
        }
        let how = Settlement::Withdrawn;
        let withdrawn = untrue.into_iter().map(|id| Settled {
            id,
            how: how.clone(),
        });
        self.settle(withdrawn.collect(), inbox)
    }

    /// How long it has been possible to send a notice: one that was held back is as old as if it had
    /// come about when it no longer was, also after a start.
    fn allowed_for(&self, notice: &Notice) -> Duration {
        let allowed = match notice {
            Notice::Room(notice) => recovery::not_before(notice, &self.rooms, self.bot.is_some()),
            Notice::Meters(_) => None,
        };
        let seconds = allowed.map(|allowed| self.clock.now().since(allowed).max(0));
        seconds.map_or(Duration::MAX, |seconds| {
            Duration::from_secs(seconds.unsigned_abs())
        })
    }

    /// Takes what is new in the outbox; gives what can't be read.
    fn read(&mut self) -> Result<Vec<Settled>, StoreError> {
        let mut unreadable = Vec::new();
        if self.read_all.elapsed() >= IDLE {
            self.read_all = Instant::now();
            self.read_to = 0;
        }
        while self.waiting.len() < MOST_WAITING {
            let pending = (self.outbox).pending_notices(&self.share, self.read_to, AT_A_TIME)?;
            let is_all = pending.len() < AT_A_TIME;
            let now = Instant::now();
            // What goes to the log waits for nobody.
            let group_wait = match self.bot {
                Some(_) => self.config.group_wait,
                None => Duration::ZERO,
            };
            for pending in pending {
                self.read_to = pending.id;
                let (id, age) = (pending.id, pending.age);
                match pending.notice {
                    Ok(notice) => {
                        let max_age = self.config.notice_max_age;
                        let age = age.min(self.allowed_for(&notice));
                        (self.waiting).add(id, notice, age, now, group_wait, max_age);
                    }
                    Err(reason) => {
                        log::error!(
                            "notice {id} can't be sent: {reason}; it is marked failed, and \
                             `roomwatt outbox retry {id}` sends it where another version of \
                             roomwatt can read it"
                        );
                        let how = Settlement::Failed(reason);
                        unreadable.push(Settled { id, how });
                    }
                }
            }
            if is_all {
                break;
            }
        }
        Ok(unreadable)
    }

    /// Tells as much of a bundle as one message takes.
    fn tell(&mut self, bundle: Bundle, inbox: &Inbox) -> Result<(), Unanswered> {
        let Bundle {
            hotel,
            manner,
            mut stories,
        } = bundle;
        let name = self.config.name_of(&hotel);
        let (mut card, count) = Card::fitting(name, &stories, &self.config);
        stories.truncate(count);
        let ids: Vec<u64> = stories.iter().flat_map(Story::ids).collect();
        let numbers = ranges(ids.clone());
        let Some(bot) = &self.bot else {
            (self.aloud)(&numbers, &card.rendered());
            let logged = ids.into_iter().map(|id| Settled {
                id,
                how: Settlement::Logged,
            });
            return self.settle(logged.collect(), inbox);
        };
        let message = match manner {
            Manner::Card => Message::Card(card.feishu()),
            Manner::Text | Manner::Alone => {
                // What is settled is the notice as it is.
                let mut shown = stories.clone();
                shown.iter_mut().for_each(Story::defang);
                card = Card::new(&fullwidth(name), &shown, &self.config);
                Message::Text(card.text())
            }
        };
        faults::point("send::before");
        let sent = bot.send(&message);
        let now = Instant::now();
        self.pace.asked(now);
        match sent {
            Ok(()) => {
                faults::point("send::after");
                self.feishu.over();
                self.waiting.succeeded(&hotel);
                let sent = stories.into_iter().flat_map(|story| story.notices);
                let sent = sent.map(|(id, notice)| Settled {
                    id,
                    how: Settlement::Sent(notice),
                });
                self.settle(sent.collect(), inbox)?;
                log::info!("notice {numbers}: accepted by {}", self.label);
            }
            Err(error @ SendError::Passing(_)) => {
                self.waiting.failed(hotel);
                let pause = self.feishu.failed(&error);
                self.pace.back_off(now, pause);
            }
            Err(error @ SendError::Route { .. }) => {
                self.waiting.failed(hotel);
                self.feishu
                    .failed(&format!("{error} (one try every 10 minutes)"));
                self.pace.probe_later(now);
            }
            Err(SendError::Content(reason)) => {
                // It has been read: the way is free.
                self.feishu.over();
                let hopeless = self.waiting.refused(&ids);
                let what_next = match (manner, hopeless.as_slice()) {
                    (Manner::Card, _) => "it is sent once more as plain text, please report this",
                    (_, []) => "also as plain text; each is sent by itself",
                    _ => {
                        "also as plain text; it is marked failed and NOT told: see `roomwatt outbox show`"
                    }
                };
                log::error!("notice {numbers}: {reason}; {what_next}");
                let failed = hopeless.into_iter().map(|id| Settled {
                    id,
                    how: Settlement::Failed(reason.clone()),
                });
                self.settle(failed.collect(), inbox)?;
            }
        }
        Ok(())
    }

    /// Has it written down what became of notices, and forgets them.
    fn settle(&mut self, settled: Vec<Settled>, inbox: &Inbox) -> Result<(), Unanswered> {
        if settled.is_empty() {
            return Ok(());
        }
        let ids: Vec<u64> = settled.iter().map(|settled| settled.id).collect();
        inbox.settled(settled)?;
        faults::point("mark_sent::after");
        self.waiting.remove(ids);
        Ok(())
    }
}

/// Numbers in order, for a line of the log.
fn in_short(numbers: &[u64]) -> String {
    const LISTED: usize = 50;
    match numbers {
        [first, .., last] if numbers.len() > LISTED => {
            format!("{first} to {last} ({} of them)", numbers.len())
        }
        few => ranges(few.to_vec()),
    }
}

/// Whether what a notice tells of has ended by now. Memory comes after the outbox: what it does not
/// know yet goes on.
fn is_over(rooms: &Rooms, notice: &Notice) -> bool {
    match notice {
        Notice::Room(notice) => {
            let room = rooms.get(&notice.room);
            room.is_some_and(|room| has_ended(&room.watch, notice))
        }
        Notice::Meters(notice) => {
            let trouble = rooms.trouble(&notice.hotel_id);
            match notice.kind {
                MeterNoticeKind::Silent => !matches!(trouble, Some(MeterTrouble::Silent(_))),
                MeterNoticeKind::Frozen => !matches!(trouble, Some(MeterTrouble::Frozen(_))),
                MeterNoticeKind::Heard | MeterNoticeKind::Moving => false,
            }
        }
    }
}

/// Whether the run that a notice tells of is no longer the one of its room's watch.
fn has_ended(watch: &Watch, notice: &RoomNotice) -> bool {
    let run = notice.run();
    match watch.key().cmp(&run.watch) {
        Ordering::Less => false,
        Ordering::Equal => {
            watch.fold.seen >= Some(notice.detected)
                && watch.notified_run(&notice.room) != Some(run)
        }
        Ordering::Greater => true,
    }
}

impl Story {
    /// A notice by itself, as it is.
    fn of(id: u64, notice: Notice) -> Story {
        let notices = vec![(id, notice)];
        Story {
            state: waiting::state(&notices, &HashSet::new()).unwrap_or(State::Alert),
            notices,
        }
    }

    fn ids(&self) -> impl Iterator<Item = u64> {
        self.notices.iter().map(|(id, _)| *id)
    }

    /// In a text Feishu looks for mentions and addresses: names of rooms must be none. That of the
    /// hotel is the whole card's.
    fn defang(&mut self) {
        let defanged = |room: &RoomNumber| RoomNumber::new(&fullwidth(room.as_str()));
        for (_, notice) in &mut self.notices {
            match notice {
                Notice::Room(notice) => {
                    notice.room.room_number = defanged(&notice.room.room_number);
                }
                Notice::Meters(notice) => {
                    for room in &mut notice.rooms {
                        *room = defanged(room);
                    }
                }
            }
        }
    }
}

/// Reads the same, and is no markup and no address.
fn fullwidth(name: &str) -> String {
    const MARKS: &str = "<>.:/@*_[]()`~#!";
    let wide = |c: char| match c {
        c if MARKS.contains(c) => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        c => c,
    };
    name.chars().map(wide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{MeterNotice, NoticeKind, Rules, Stay};
    use crate::types::{LocalTime, Reading, RoomKey, WattHours};

    fn at(minutes: i64) -> LocalTime {
        let noon = LocalTime::parse("2023-04-10 12:00:00").expect("a time");
        noon.plus(minutes * 60)
    }

    fn vacant_since(minutes: i64) -> Stay {
        Stay::Vacant {
            actual_checkin: None,
            actual_checkout: at(minutes),
        }
    }

    /// Of a run from noon to 14:00.
    fn alert() -> RoomNotice {
        let mut alert = sample::room_notice(NoticeKind::Alert, 1, at(120));
        alert.stay = vacant_since(0);
        alert.since = at(0);
        alert
    }

    #[test]
    fn a_run_is_over_when_memory_knows_better() {
        // Register by half hours from noon on.
        let seen = |registers: &[i64]| {
            let mut watch = Watch::new(vacant_since(0), &Rules::default());
            let reading = |(place, wh): (usize, &i64)| Reading {
                time: at(30 * place as i64),
                register: WattHours(*wh),
            };
            let readings: Vec<Reading> = registers.iter().enumerate().map(reading).collect();
            let room = alert().room;
            watch = crate::engine::observe(&room, &watch, &readings, &Rules::default()).watch;
            watch
        };
        let alerted = [0, 2_000, 4_000, 6_000, 8_000];
        let later = |wh: i64| [&alerted[..], &[8_000 + wh]].concat();
        assert!(!has_ended(&seen(&alerted), &alert()));
        assert!(!has_ended(&seen(&later(2_000)), &alert()), "it goes on");
        assert!(has_ended(&seen(&later(100)), &alert()), "it is normal");
        assert!(
            !has_ended(&seen(&alerted[..4]), &alert()),
            "not adopted yet"
        );
        let other = |minutes| Watch::new(vacant_since(minutes), &Rules::default());
        let with = |number, minutes| Watch {
            number,
            ..other(minutes)
        };
        let of = |watch| RoomNotice { watch, ..alert() };
        assert!(has_ended(&with(3, -60), &of(2)), "another watch");
        assert!(!has_ended(&with(2, 60), &of(3)), "not adopted yet");
        assert!(!has_ended(&with(2, 60), &of(2)), "its stay was corrected");
        // Of 0.1, which knew watches by their stays.
        assert!(has_ended(&with(1, -60), &of(0)), "another watch");
        assert!(has_ended(&with(0, 60), &of(0)), "another watch");
        assert!(!has_ended(&with(0, -60), &of(0)), "not adopted yet");
        let on = Watch {
            number: 0,
            ..seen(&alerted)
        };
        assert!(!has_ended(&on, &of(0)), "it goes on");

        let rooms = Rooms::default();
        let notice = Notice::Room(alert());
        assert!(!is_over(&rooms, &notice), "not adopted yet");
        rooms.adopt([(alert().room, with(2, 60))]);
        assert!(is_over(&rooms, &notice));
    }

    #[test]
    fn silence_is_over_when_its_end_was_told() {
        let notice = |kind| MeterNotice {
            kind,
            hotel_id: HotelId::new("H1"),
            detected: at(0),
            since: None,
            silent: 5,
            watched: 5,
            rooms: Vec::new(),
        };
        let rooms = Rooms::default();
        let silent = notice(MeterNoticeKind::Silent);
        rooms.told(&silent);
        assert!(!is_over(&rooms, &Notice::Meters(silent.clone())));
        rooms.told(&notice(MeterNoticeKind::Heard));
        assert!(is_over(&rooms, &Notice::Meters(silent)));
        assert!(!is_over(
            &rooms,
            &Notice::Meters(notice(MeterNoticeKind::Heard))
        ));
        let frozen = notice(MeterNoticeKind::Frozen);
        rooms.told(&frozen);
        assert!(!is_over(&rooms, &Notice::Meters(frozen.clone())));
        rooms.told(&notice(MeterNoticeKind::Moving));
        assert!(is_over(&rooms, &Notice::Meters(frozen)));
    }

    #[test]
    fn names_in_a_text_are_no_mentions_and_no_addresses() {
        let mut of_room = alert();
        of_room.room = RoomKey::new("H1", "http://x.cn/A_1");
        let of_meters = MeterNotice {
            kind: MeterNoticeKind::Silent,
            hotel_id: HotelId::new("H1"),
            detected: at(0),
            since: None,
            silent: 5,
            watched: 5,
            rooms: vec![RoomNumber::new("[x](y)")],
        };
        let config = config::Config::load(None, &[])
            .expect("the defaults")
            .feishu;
        let hotel = fullwidth("<at user_id=\"all\"></at>");
        for (notice, room) in [
            (Notice::Room(of_room), "http：／／x．cn／A＿1"),
            (Notice::Meters(of_meters), "［x］（y）"),
        ] {
            let mut story = Story::of(1, notice);
            story.defang();
            let text = Card::new(&hotel, &[story], &config).text();
            for mark in ["<", ">", "@", "://", "x.cn", "A_1", "[x]"] {
                assert!(!text.contains(mark), "{mark} is in {text}");
            }
            assert!(text.contains(room) && text.contains("＜at"), "{text}");
        }
    }
}
