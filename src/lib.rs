//! roomwatt watches the electricity of hotel rooms. `docs/ARCHITECTURE.md` is the way in.

pub mod backtest;
pub mod cli;
pub mod config;
pub mod engine;
pub mod store;
pub mod types;
