//! What the engine promises of all rooms, not of chosen ones: each property quotes its promise.
//!
//! `PROPTEST_CASES=10000 cargo test --test properties` looks harder.

mod baseline;
mod facts;
mod incidents;
mod judging;
mod messages;
mod parsing;
#[path = "../support/player.rs"]
mod player;
mod silence;
mod statuses;
mod sweeps;
mod world;
mod written;

use proptest::prelude::ProptestConfig;

/// 256 cases unless the environment asks for others; a failure prints its smallest input and
/// leaves no file.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
