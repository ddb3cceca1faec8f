//! The pages in a real Chromium, from the service's own listener, for people who log in. It keeps
//! what they look like as PNGs, in `target/tmp/pages`.

mod chromium;
#[path = "../page/hotel.rs"]
mod hotel;
mod house;
mod keyboard;
mod looks;
mod names;
mod people;
mod pictures;
mod reload;
