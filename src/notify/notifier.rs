//! One thread that sends the notices of some hotels to their bot.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, select};

use crate::clock::{Clock, unix_seconds};
use crate::config;
use crate::engine::{Incident, Notice};
use crate::faults;
use crate::figures::{self, DeliveryResult, Figure, Figures};
use crate::outage::Outage;
use crate::owner::{Inbox, Unanswered};
use crate::pulse;
use crate::rooms::Rooms;
use crate::store::{Outbox, Settled, Settlement, Share, StoreError};
use crate::threads::Stop;
use crate::types::HotelId;

use super::bot::{Bot, Form, SendError};
use super::card::ranges;
use super::ended::has_ended;
use super::pace::Pace;
use super::recovery::{self, Recovery};
use super::story::Story;
use super::waiting::{Bundle, Due, Manner, Waiting};

/// How many notices are read at a time.
const AT_A_TIME: usize = 500;

/// The most notices that a thread keeps in memory; more wait in the database.
const MAX_WAITING: usize = 4_000;

/// How often the whole outbox is read: an operator may have retried a notice.
const IDLE: Duration = Duration::from_secs(30);

/// Sends the notices of some hotels.
pub struct Notifier {
    label: String,
    share: Share,
    bot: Bot,
    sources: Sources,
    reading: Outage,
    sending: Outage,
    waiting: Waiting,
    pace: Pace,
    /// The outbox has been read up to this row.
    read_to: u64,
    /// When it was last read from its beginning.
    read_all: Instant,
}

/// What a notifier depends on.
pub(super) struct Sources {
    /// The whole configuration, shared because a chain has many bots.
    pub(super) config: Arc<config::Notify>,
    pub(super) outbox: Arc<dyn Outbox>,
    pub(super) rooms: Arc<Rooms>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: Stop,
    pub(super) figures: Arc<Figures>,
    /// What is counted of this route.
    pub(super) counted: Arc<figures::Route>,
    /// A message when the outbox has new notices.
    pub(super) woken: Receiver<()>,
}

impl Notifier {
    /// A notifier for the hotels of `share`; `label` is their bot's name in the log.
    pub(super) fn new(label: String, share: Share, bot: Bot, sources: Sources) -> Notifier {
        let now = Instant::now();
        Notifier {
            sending: Outage::new(format!("notifying {label}")).reported_at_once(),
            reading: Outage::new("reading the outbox"),
            waiting: Waiting::default(),
            pace: Pace::new(bot.platform().rate, now),
            read_to: 0,
            read_all: now,
            label,
            share,
            bot,
            sources,
        }
    }

    /// Sends notices until it is time to stop.
    pub fn run(mut self, inbox: Inbox) {
        while !self.sources.stop.is_set() {
            let Ok(pause) = self.round(&inbox) else {
                break;
            };
            self.report_waiting();
            let _rest = pulse::rest();
            select! {
                recv(self.sources.woken) -> _ => {}
                recv(self.sources.stop.channel()) -> _ => {}
                default(pause) => {}
            }
        }
        self.sources.counted.set_oldest_waiting(None);
    }

    fn report_waiting(&self) {
        let recorded = self.waiting.longest(Instant::now()).map(|waited| {
            let now = unix_seconds().unsigned_abs();
            now.saturating_sub(waited.as_secs())
        });
        self.sources.counted.set_oldest_waiting(recorded);
    }

    /// The outbox can't be read: returns how long to wait.
    fn unreadable(&mut self, error: &StoreError) -> Duration {
        self.sources.figures.add(Figure::DatabaseErrors, 1);
        self.reading.failed(error)
    }

    /// Does one step of work; returns how long to wait for the next one.
    fn round(&mut self, inbox: &Inbox) -> Result<Duration, Unanswered> {
        let settled = match self.read() {
            Ok(unreadable) => unreadable,
            Err(error) => return Ok(self.unreadable(&error)),
        };
        self.reading.ended();
        self.settle(settled, inbox)?;
        self.hold_recoveries(inbox)?;
        let joined = self
            .waiting
            .joined()
            .into_iter()
            .map(|(id, notice)| Settled {
                id,
                how: Settlement::Joined(notice),
            });
        self.settle(joined.collect(), inbox)?;
        let now = Instant::now();
        let expired = self.waiting.expired(now);
        if !expired.is_empty() {
            log::error!(
                "notices {} are older than feishu.notice_max_age_hours and are not sent any more; \
                 `roomwatt outbox` shows and retries them",
                in_short(&expired)
            );
            self.settle(all(expired, &Settlement::Expired), inbox)?;
            return Ok(Duration::ZERO);
        }
        let hotel = match self.waiting.due(now) {
            Due::Never => return Ok(IDLE),
            Due::At(due) => return Ok(IDLE.min(due.saturating_duration_since(now))),
            Due::Of(hotel) => hotel,
        };
        let wait = self.pace.wait(now, unix_seconds());
        if !wait.is_zero() {
            return Ok(IDLE.min(wait));
        }
        // Look in memory first, then read the outbox: by then it has the notice of each end that
        // memory has, if there is one.
        let ended = (self.waiting).ended(&hotel, |notice| has_ended(&self.sources.rooms, notice));
        if !ended.is_empty() {
            match self.read() {
                Ok(unreadable) => self.settle(unreadable, inbox)?,
                Err(error) => return Ok(self.unreadable(&error)),
            }
            self.hold_recoveries(inbox)?;
        }
        self.mute(&hotel, inbox)?;
        if let Some(bundle) = self.waiting.bundle(&hotel, &ended) {
            self.send(bundle, inbox)?;
        }
        Ok(Duration::ZERO)
    }

    /// Settles what would be sent of a hotel now but that somebody has taken care of its incident,
    /// or snoozed it. It is looked up in the state of this moment, so nothing of it has to be
    /// remembered, and nothing is sent later as if it were new: when that lapses, the owner records
    /// a reminder.
    fn mute(&mut self, hotel: &HotelId, inbox: &Inbox) -> Result<(), Unanswered> {
        let (rooms, now) = (&self.sources.rooms, self.sources.clock.now());
        let muted = self.waiting.ids(|notice| {
            let incident = || {
                let open = rooms.incident(&Incident::place(notice)?)?;
                open.has(notice).then_some(open)
            };
            notice.hotel_id() == hotel && incident().is_some_and(|it| it.mutes(notice, now))
        });
        if !muted.is_empty() {
            log::info!(
                "notices {} are not sent: their incidents are acknowledged or snoozed",
                in_short(&muted)
            );
        }
        self.settle(all(muted, &Settlement::Muted), inbox)
    }

    /// Holds back the recoveries that are not confirmed yet, and withdraws those that were wrong.
    fn hold_recoveries(&mut self, inbox: &Inbox) -> Result<(), Unanswered> {
        let (rooms, now) = (Arc::clone(&self.sources.rooms), self.sources.clock.now());
        let for_staff = self.bot.platform().notifies_staff;
        let known = |notice: &Notice| match notice {
            Notice::Room(notice) => Recovery::of(notice, &rooms, now, for_staff),
            Notice::Meters(_) | Notice::Hotel(_) => Recovery::Confirmed,
        };
        let max_age = self.sources.config.max_age;
        (self.waiting).hold(Instant::now(), max_age, |n| known(n) == Recovery::Undecided);
        let wrong = self.waiting.ids(|n| known(n) == Recovery::Wrong);
        if !wrong.is_empty() {
            log::info!(
                "notices {} are withdrawn: the rooms had not recovered, their meters had stood \
                 still",
                in_short(&wrong)
            );
        }
        self.settle(all(wrong, &Settlement::Withdrawn), inbox)
    }

    /// How long a notice could have been sent: the age of one that was held back counts from when
    /// it no longer was, also after a restart.
    fn allowed_for(&self, notice: &Notice) -> Duration {
        let allowed = match notice {
            Notice::Room(notice) => recovery::not_before(
                notice,
                &self.sources.rooms,
                self.bot.platform().notifies_staff,
            ),
            Notice::Meters(_) | Notice::Hotel(_) => None,
        };
        let seconds = allowed.map(|allowed| self.sources.clock.now().since(allowed).max(0));
        seconds.map_or(Duration::MAX, |seconds| {
            Duration::from_secs(seconds.unsigned_abs())
        })
    }

    /// Takes new notices from the outbox; returns those that can't be read, as failed.
    fn read(&mut self) -> Result<Vec<Settled>, StoreError> {
        let mut unreadable = Vec::new();
        if self.read_all.elapsed() >= IDLE {
            self.read_all = Instant::now();
            self.read_to = 0;
        }
        while self.waiting.len() < MAX_WAITING {
            let pending =
                (self.sources.outbox).pending_notices(&self.share, self.read_to, AT_A_TIME)?;
            let is_all = pending.len() < AT_A_TIME;
            let now = Instant::now();
            let group_wait = match self.bot.platform().notifies_staff {
                true => self.sources.config.group_wait,
                false => Duration::ZERO,
            };
            for pending in pending {
                self.read_to = pending.id;
                let (id, age) = (pending.id, pending.age);
                match pending.notice {
                    Ok(notice) => {
                        let max_age = self.sources.config.max_age;
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

    /// Sends as much of a bundle as one message takes.
    fn send(&mut self, bundle: Bundle, inbox: &Inbox) -> Result<(), Unanswered> {
        let Bundle {
            hotel,
            manner,
            mut stories,
        } = bundle;
        let cards = &self.sources.config.cards;
        let form = match manner {
            Manner::Card => Form::Card,
            Manner::Text | Manner::Alone => Form::Text,
        };
        let (card, count) = (self.bot).card(cards.name_of(&hotel), &stories, form, cards);
        // Only the notices that the card holds are settled.
        stories.truncate(count);
        let ids: Vec<u64> = stories.iter().flat_map(Story::ids).collect();
        let numbers = ranges(ids.iter().copied());
        faults::point("send::before");
        let sent = self.bot.send(&card, form);
        let now = Instant::now();
        self.pace.requested(now);
        if self.bot.platform().notifies_staff {
            self.sources.counted.delivered(result_of(&sent));
        }
        match sent {
            Ok(()) if !self.bot.platform().notifies_staff => {
                self.settle(all(ids, &Settlement::Logged), inbox)?;
            }
            Ok(()) => {
                faults::point("send::after");
                self.sending.ended();
                self.waiting.succeeded(&hotel);
                for waited in ids.iter().filter_map(|id| self.waiting.waited(*id, now)) {
                    self.sources.figures.delays.observe(waited);
                }
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
                let pause = self.sending.failed(&error);
                self.pace.back_off(now, pause);
            }
            Err(error @ SendError::Route { .. }) => {
                self.waiting.failed(hotel);
                self.sending
                    .failed(&format!("{error} (one try every 10 minutes)"));
                self.pace.probe_later(now);
            }
            Err(SendError::Content(reason)) => {
                // The bot has read it, so the route works.
                self.sending.ended();
                let undeliverable = self.waiting.refused(&ids);
                let what_next = match (manner, undeliverable.as_slice()) {
                    (Manner::Card, _) => "it is sent once more as plain text, please report this",
                    (_, []) => "also as plain text; each is sent by itself",
                    _ => {
                        "also as plain text; it is marked failed and NOT sent: see `roomwatt \
                         outbox show`"
                    }
                };
                log::error!("notice {numbers}: {reason}; {what_next}");
                let failed = all(undeliverable, &Settlement::Failed(reason));
                self.settle(failed, inbox)?;
            }
        }
        Ok(())
    }

    /// Has the owner write what became of notices, then drops them here.
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

fn result_of(sent: &Result<(), SendError>) -> DeliveryResult {
    match sent {
        Ok(()) => DeliveryResult::Accepted,
        Err(SendError::Passing(_)) => DeliveryResult::Passing,
        Err(SendError::Route { .. }) => DeliveryResult::RouteFault,
        Err(SendError::Content(_)) => DeliveryResult::ContentFault,
    }
}

/// Settles all notices alike.
fn all(ids: Vec<u64>, how: &Settlement) -> Vec<Settled> {
    let settled = |id| Settled {
        id,
        how: how.clone(),
    };
    ids.into_iter().map(settled).collect()
}

/// Sorted numbers, shortened for a line of the log.
fn in_short(numbers: &[u64]) -> String {
    const LISTED: usize = 50;
    match numbers {
        [first, .., last] if numbers.len() > LISTED => {
            format!("{first} to {last} ({} of them)", numbers.len())
        }
        few => ranges(few.iter().copied()),
    }
}
