//! The pages: what they show, to whom, without a browser.

mod hotel;
mod map;
mod rendered;
mod whatif;
