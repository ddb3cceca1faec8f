//! The way to the owner: what others send it and ask of it.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::engine::baseline::HotelMemory;
use crate::engine::{Act, ActRefused, HotelNotice, MeterNotice, Parsed, Transition};
use crate::pulse;
use crate::store::{KeptFrame, Position, Settled};
use crate::threads::{Stop, Stopper, stop_signal};
use crate::types::{HotelId, LocalTime, Reading, RoomKey};

/// The most inputs on the way to the owner. A sender waits while the channel is full; that can't
/// deadlock, because a waiting consumer still passes on acknowledgements, and the owner waits for
/// none of its senders. A sweep's chunks hold `batch_size` rooms each, so their number bounds the
/// memory, too.
const CAPACITY: usize = 200;

/// The handle through which other threads send to the owner, and wait until it has written what
/// they ask for. Cheap to clone; the owner ends when the last one is dropped.
#[derive(Clone)]
pub struct Inbox {
    inputs: Sender<Input>,
    owner_ended: Stop,
    /// Set when it is time to stop: no caller waits any longer.
    stop: Stop,
}

/// The owner's end of its [`Inbox`].
pub struct Inputs {
    inputs: Receiver<Input>,
    /// Dropped after the receiver: once `owner_ended` is set, no input is left in the channel.
    _owner_lives: Stopper,
}

/// It was time to stop, or the owner ended, before the answer came: the input may be written or
/// not.
#[derive(Debug)]
pub struct Unanswered;

impl Inbox {
    /// An inbox and the owner's end of it. At `stop` no caller waits any longer for an answer.
    pub fn new(stop: &Stop) -> (Inbox, Inputs) {
        let (sender, receiver) = bounded(CAPACITY);
        let (owner_lives, owner_ended) = stop_signal();
        let inbox = Inbox {
            inputs: sender,
            owner_ended,
            stop: stop.clone(),
        };
        let inputs = Inputs {
            inputs: receiver,
            _owner_lives: owner_lives,
        };
        (inbox, inputs)
    }

    /// Takes [`Input::Message`]s: for `select!`, because their senders have acknowledgements to
    /// pass on meanwhile. [`Message::committed`] is their answer.
    pub fn messages(&self) -> &Sender<Input> {
        &self.inputs
    }

    /// Set when the owner has ended: inputs that were sent may stay without an answer.
    pub fn owner_ended(&self) -> &Stop {
        &self.owner_ended
    }

    /// Sends the verdicts on a chunk of a sweep's rooms, without waiting for an answer: it comes
    /// with that of [`Inbox::swept`].
    ///
    /// # Errors
    /// [`Unanswered`] where the owner has ended.
    pub fn judged(&self, chunk: Vec<Judged>) -> Result<(), Unanswered> {
        self.send(Input::Judged(chunk))
    }

    /// Sends what a sweep has found of hotels as a whole, without waiting for an answer. It must be
    /// sent before the verdicts on which it rests: what is not written then is found again when the
    /// rooms are judged again.
    ///
    /// # Errors
    /// [`Unanswered`] where the owner has ended.
    pub fn hotels(&self, found: Vec<FoundOfHotel>) -> Result<(), Unanswered> {
        self.send(Input::Hotels(found))
    }

    /// A sweep begins, and the next one will begin at `next`. Waits until the owner knows: from
    /// then on messages leave to this sweep only what it shows.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn sweeping(&self, next: Position) -> Result<(), Unanswered> {
        self.ask(|done| Input::Sweeping { next, done })
    }

    /// Waits until every verdict sent before is written: whoever judges the same rooms once more
    /// needs what came of it.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn written(&self) -> Result<(), Unanswered> {
        self.ask(|done| Input::Written { done })
    }

    /// A sweep has come to its end: the meter table has been judged up to `position`. Waits until
    /// that and every verdict sent before are written.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn swept(&self, position: Position) -> Result<(), Unanswered> {
        self.ask(|done| Input::Swept { position, done })
    }

    /// Sends what a sweep has found of hotels' meters, and waits until it is written.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn meter_notices(&self, notices: Vec<MeterNotice>) -> Result<(), Unanswered> {
        self.ask(|done| Input::MeterNotices { notices, done })
    }

    /// Sends what became of notices, and waits until it is written.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn settled(&self, settled: Vec<Settled>) -> Result<(), Unanswered> {
        self.ask(|done| Input::Settled { settled, done })
    }

    /// Sends what somebody does to an incident, and waits until it is written, or refused.
    ///
    /// # Errors
    /// [`Unanswered`].
    pub fn act(&self, request: ActRequest) -> Result<Result<(), ActRefused>, Unanswered> {
        let (done, acted) = bounded(1);
        self.send(Input::Act { request, done })?;
        self.stop.wait_for(&acted).ok_or(Unanswered)
    }

    fn ask(&self, input: impl FnOnce(Sender<()>) -> Input) -> Result<(), Unanswered> {
        let (done, written) = bounded(1);
        self.send(input(done))?;
        self.stop.wait_for(&written).ok_or(Unanswered)
    }

    fn send(&self, input: Input) -> Result<(), Unanswered> {
        let _rest = pulse::rest();
        self.inputs.send(input).map_err(|_| Unanswered)
    }
}

impl Inputs {
    /// The next input.
    ///
    /// # Errors
    /// When none comes in time, or every [`Inbox`] has been dropped and all was received.
    pub fn next(&self, timeout: Duration) -> Result<Input, RecvTimeoutError> {
        let _rest = pulse::rest();
        self.inputs.recv_timeout(timeout)
    }

    /// An input that is there already.
    pub(super) fn ready(&self) -> Option<Input> {
        self.inputs.try_recv().ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }
}

/// What comes in to the owner.
pub enum Input {
    Message(Message),
    /// A chunk of a sweep.
    Judged(Vec<Judged>),
    /// What a sweep has found of hotels as a whole.
    Hotels(Vec<FoundOfHotel>),
    /// A sweep begins: the next one will begin at this position, and show what lies beyond it to
    /// every room that is watched by then. `done` has room for one.
    Sweeping {
        next: Position,
        done: Sender<()>,
    },
    /// Nothing but a question: whether all that was sent before is written. `done` has room for
    /// one.
    Written {
        done: Sender<()>,
    },
    /// A sweep has come to its end: the meter table has been judged up to here. `done` has room for
    /// one.
    Swept {
        position: Position,
        done: Sender<()>,
    },
    /// What a sweep has found of hotels' meters. `done` has room for one.
    MeterNotices {
        notices: Vec<MeterNotice>,
        done: Sender<()>,
    },
    /// Notices that need no more work. `done` has room for one.
    Settled {
        settled: Vec<Settled>,
        done: Sender<()>,
    },
    /// What somebody does to an incident. `done` has room for one.
    Act {
        request: ActRequest,
        done: Sender<Result<(), ActRefused>>,
    },
    /// From the owner itself: something becomes of incidents by time alone.
    Due,
}

impl Input {
    /// Its share of [`super::MOST_WEIGHT`].
    pub(super) fn weight(&self) -> usize {
        match self {
            Input::Message(_)
            | Input::Settled { .. }
            | Input::Sweeping { .. }
            | Input::Written { .. }
            | Input::Swept { .. }
            | Input::Act { .. }
            | Input::Due => 10,
            Input::Judged(chunk) => chunk.len(),
            Input::Hotels(found) => found.len(),
            Input::MeterNotices { notices, .. } => notices.len(),
        }
    }

    /// Answers the caller: it is written, or an act was `refused`.
    pub(super) fn answer(self, acted: Result<(), ActRefused>) {
        match self {
            Input::Message(message) => (message.committed)(),
            Input::Judged(_) | Input::Hotels(_) | Input::Due => {}
            // A caller that has ended meanwhile waits for no answer.
            Input::Act { done, .. } => drop(done.try_send(acted)),
            Input::Sweeping { done, .. }
            | Input::Written { done }
            | Input::Swept { done, .. }
            | Input::MeterNotices { done, .. }
            | Input::Settled { done, .. } => drop(done.try_send(())),
        }
    }
}

/// A message from the property management system.
pub struct Message {
    /// Where it came from, as `amqp:queue`.
    pub source: Arc<str>,
    pub parsed: Parsed,
    pub body: Vec<u8>,
    /// The broker may have delivered it before.
    pub redelivered: bool,
    /// Called when all that follows from it is written. It must not wait.
    pub committed: Box<dyn FnOnce() + Send>,
}

/// What somebody does to an incident.
#[derive(Clone, Debug)]
pub struct ActRequest {
    /// Of the incident, in its table.
    pub id: u64,
    pub act: Act,
    /// Who does it.
    pub by: String,
    /// Of the request: one that comes again has no second effect.
    pub request_id: String,
}

/// What a sweep made of a room's new readings.
pub struct Judged {
    pub room: RoomKey,
    /// The version of the room it is about.
    pub version: u64,
    /// In time order.
    pub readings: Vec<Reading>,
    /// Where it is the end of the runs of a room that is out of order: the time of the clock.
    pub out_of_order_by: Option<LocalTime>,
    pub transition: Transition,
}

/// What a sweep has found that a hotel's vacant rooms have in common.
pub struct FoundOfHotel {
    pub hotel: HotelId,
    /// What is remembered of the hotel from now on, where that has changed.
    pub memory: Option<HotelMemory>,
    /// The frames that were looked at for the first time, oldest first.
    pub frames: Vec<KeptFrame>,
    /// What its staff is to be notified of, if anything.
    pub notices: Vec<HotelNotice>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::spawn;

    const LIMIT: Duration = Duration::from_secs(60);

    /// Asks in a thread of its own; gives its answer.
    fn asking(inbox: &Inbox) -> Receiver<bool> {
        let (answer, answered) = bounded(1);
        let (exits, _ended) = bounded(1);
        let inbox = inbox.clone();
        spawn("asking", &exits, move || {
            let _ = answer.send(inbox.swept(Position::Id(7)).is_ok());
        })
        .expect("a thread");
        answered
    }

    #[test]
    fn a_caller_is_answered_when_its_input_is_written() {
        let (_stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let answered = asking(&inbox);
        let input = inputs.next(LIMIT).expect("an input");
        assert!(matches!(
            input,
            Input::Swept {
                position: Position::Id(7),
                ..
            }
        ));
        input.answer(Ok(()));
        assert_eq!(answered.recv_timeout(LIMIT), Ok(true));
    }

    #[test]
    fn a_caller_goes_without_an_answer_at_a_stop_or_when_its_input_is_dropped() {
        let (stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let answered = asking(&inbox);
        let input = inputs.next(LIMIT).expect("an input");
        drop(stopper);
        assert_eq!(answered.recv_timeout(LIMIT), Ok(false), "a stop");
        drop(input);

        let (_stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let answered = asking(&inbox);
        let input = inputs.next(LIMIT).expect("an input");
        assert!(!inbox.owner_ended().is_set());
        drop(input);
        assert_eq!(
            answered.recv_timeout(LIMIT),
            Ok(false),
            "its input was dropped"
        );
        drop(inputs);
        assert!(inbox.owner_ended().is_set());
        assert!(inbox.judged(Vec::new()).is_err());
    }

    #[test]
    fn the_inputs_end_when_the_last_inbox_is_dropped() {
        let (_stopper, stop) = stop_signal();
        let (inbox, inputs) = Inbox::new(&stop);
        let other = inbox.clone();
        drop(inbox);
        assert_eq!(
            inputs.next(Duration::ZERO).err(),
            Some(RecvTimeoutError::Timeout)
        );
        drop(other);
        assert_eq!(
            inputs.next(LIMIT).err(),
            Some(RecvTimeoutError::Disconnected)
        );
    }
}
