//! The content of cards, in the staff's language. Each bot decides how they look.

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
