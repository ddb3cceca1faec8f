//! roomwatt watches the electricity of hotel rooms. `docs/ARCHITECTURE.md` is the way in.

pub mod amqp;
pub mod app;
pub mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod engine;
pub mod escape;
pub mod faults;
pub mod files;
pub mod finding;
pub mod gate;
pub mod http;
pub mod logging;
pub mod notify;
pub mod outage;
pub mod owner;
pub mod pulse;
pub mod review;
pub mod rooms;
pub mod simulator;
pub mod store;
pub mod sweep;
pub mod threads;
pub mod types;
