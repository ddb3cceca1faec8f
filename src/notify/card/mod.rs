//! Notices as the staff sees them: what cards say, in its language. How they look is each bot's.

mod advice;
mod chart;
mod compose;
mod content;
mod numbers;
mod section;
mod title;
mod words;

pub(super) use content::Card;
pub(super) use numbers::ranges;
