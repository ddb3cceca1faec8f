//! The pages: what they show, to whom, and what a browser makes of them.

mod browser;
mod hotel;
mod rendered;
mod server;
