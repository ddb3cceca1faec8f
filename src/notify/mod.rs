//! From the outbox to the staff.

mod card;
mod feishu;

use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::config;
use crate::engine::Notice;
use crate::faults;
use crate::outage::Outage;
use crate::owner::Input;
use crate::store::{MySqlReader, Pending, Settled, Settlement, Share};
use crate::threads::Stop;

use card::Card;
use feishu::{Feishu, SendError};

/// A notice as the staff would see it, for a terminal. What strangers wrote in it is not escaped.
pub fn rendered(id: u64, notice: &Notice, feishu: &config::Feishu) -> String {
    match notice {
        Notice::Room(notice) => Card::new(id, notice, feishu.language, feishu.price_per_kwh).text(),
        Notice::Meters(_) => String::new(),
    }
}

/// Notices taken from the outbox at a time.
const AT_A_TIME: usize = 20;

/// Between two requests: a bot takes 100 a minute.
const BETWEEN_REQUESTS: Duration = Duration::from_millis(650);

/// The outbox is looked at this often even when nothing was said to be new.
const IDLE: Duration = Duration::from_secs(30);

pub struct Notifier {
    feishu: config::Feishu,
    bot: Option<Feishu>,
    reader: MySqlReader,
    stop: Stop,
}

impl Notifier {
    pub fn new(feishu: config::Feishu, reader: MySqlReader, stop: Stop) -> Notifier {
        let bot = feishu.webhook.clone().map(Feishu::new);
        Notifier {
            feishu,
            bot,
            reader,
            stop,
        }
    }

    /// Delivers until it is time to stop. `woken` tells that the outbox has something new.
    pub fn run(self, woken: Receiver<()>, inputs: Sender<Input>) {
        if self.bot.is_none() {
            log::warn!("no feishu.webhook_url is set: notices go to this log only");
        }
        let mut store = Outage::new("reading the outbox");
        let mut feishu = Outage::new("telling Feishu").told_at_once();
        // Notices that Feishu refuses stay behind this one until all others have had their turn.
        let mut after = 0;
        let mut refused = None;
        while !self.stop.is_set() {
            let pause =
                match (self.reader).pending_notices(&Share::AllBut(Vec::new()), after, AT_A_TIME) {
                    Err(error) => store.failed(&error),
                    Ok(pending) => {
                        store.over();
                        let last = pending.last().map(|pending| pending.id);
                        match (self.deliver(pending, &inputs, &mut feishu), last) {
                            (Round::Stopped, _) => return,
                            (Round::Failed(pause), _) => pause,
                            (Round::Refused(pause), Some(last)) => {
                                after = last;
                                refused = Some(pause);
                                continue;
                            }
                            (_, Some(last)) => {
                                after = if refused.is_some() { last } else { 0 };
                                continue;
                            }
                            (_, None) => {
                                after = 0;
                                refused.take().unwrap_or(IDLE)
                            }
                        }
                    }
                };
            select! {
                recv(woken) -> _ => {}
                recv(self.stop.channel()) -> _ => return,
                default(pause) => {}
            }
        }
    }

    /// Delivers each notice and has it written down before the next one.
    fn deliver(&self, pending: Vec<Pending>, inputs: &Sender<Input>, outage: &mut Outage) -> Round {
        let mut refused = None;
        for Pending { id, notice, .. } in pending {
            let (language, price) = (self.feishu.language, self.feishu.price_per_kwh);
            let card = match &notice {
                Ok(Notice::Room(notice)) => Ok(Card::new(id, notice, language, price)),
                Ok(Notice::Meters(_)) => Err("of meters no card is known".to_owned()),
                Err(reason) => Err(reason.clone()),
            };
            let how = match (&self.bot, card, notice) {
                (_, Err(reason), _) | (_, _, Err(reason)) => {
                    log::error!("notice {id} can't be told: {reason}");
                    Settlement::Failed(reason)
                }
                (None, Ok(card), _) => {
                    log::warn!("notice {id}:\n{}", card.text());
                    Settlement::Logged
                }
                (Some(bot), Ok(card), Ok(notice)) => match send(bot, &card) {
                    Ok(()) => {
                        outage.over();
                        Settlement::Sent(notice)
                    }
                    Err(error @ SendError::Passing(_)) => {
                        return Round::Failed(outage.failed(&error));
                    }
                    // It may be this notice alone: the others are not to wait for it.
                    Err(error @ SendError::Refused { .. }) => {
                        refused = Some(outage.failed(&error));
                        if self.stop.wait(BETWEEN_REQUESTS) {
                            return Round::Stopped;
                        }
                        continue;
                    }
                },
            };
            let (done, written) = bounded(1);
            let outcome = match &how {
                Settlement::Sent(_) => "accepted by Feishu",
                Settlement::Logged => "logged",
                Settlement::Expired => "expired",
                Settlement::Failed(_) => "marked failed",
            };
            let settled = vec![Settled { id, how }];
            if inputs.send(Input::Settled { settled, done }).is_err()
                || self.stop.wait_for(&written).is_none()
            {
                return Round::Stopped;
            }
            faults::point("mark_sent::after");
            log::info!("notice {id}: {outcome}");
            if self.bot.is_some() && self.stop.wait(BETWEEN_REQUESTS) {
                return Round::Stopped;
            }
        }
        refused.map_or(Round::Done, Round::Refused)
    }
}

fn send(bot: &Feishu, card: &Card) -> Result<(), SendError> {
    faults::point("send::before");
    bot.send(&card.feishu())?;
    faults::point("send::after");
    Ok(())
}

enum Round {
    Done,
    /// None goes through: to be tried again after a pause.
    Failed(Duration),
    /// Some were refused: to be tried again after a pause, and after all others.
    Refused(Duration),
    Stopped,
}
