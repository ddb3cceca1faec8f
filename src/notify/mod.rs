//! Sends notices from the outbox to the staff, with a thread for each bot, so that a bot that is
//! slow or dead delays no other.

mod bot;
mod card;
mod check;
mod ended;
mod notifier;
mod pace;
mod recovery;
mod routes;
mod sample;
mod story;
mod waiting;

#[cfg(test)]
mod tests;

pub use bot::{Console, SendError, rendered};
pub use check::check;
pub use notifier::Notifier;
pub use routes::{Wakers, count_routes, notifiers};
pub use sample::{Sample, Trial, trials};
pub use story::Status;
