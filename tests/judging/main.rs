//! The rules of judging at their edges, as little stories.
//!
//! A story is what a room's meter and its messages did, line by line, with what the engine made of
//! it after the bar:
//!
//! ```text
//! check-out 14:00              | watch from nothing
//! 14:00     100                | initial
//! 14:30     101.501            | abnormal 1
//! ```
//!
//! Times are of one day; hours beyond 23 are of the days after it. Registers are in kWh.

mod intervals;
mod meters;
#[path = "../support/player.rs"]
mod player;
mod runs;
mod statuses;
mod stays;
mod story;
mod thresholds;
