//! Named points at which a test can have the process killed. In a release build they are nothing:
//! only the tests' build turns the feature of `fail` on that makes them more.

use signal_hook::consts::SIGKILL;
use signal_hook::low_level::raise;

/// All there are, in the order in which a message and its notice pass them.
pub const POINTS: [&str; 12] = [
    "parse::before",
    "parse::after",
    "commit::before",
    "commit::after",
    "adopt::before",
    "adopt::after",
    "ack::before",
    "ack::after",
    "send::before",
    "send::after",
    "mark_sent::before",
    "mark_sent::after",
];

/// Passes a point: with `FAILPOINTS=<name>=return` in the environment of a tests' build this is the
/// process's end, without a goodbye to anybody.
pub fn point(name: &'static str) {
    fail::fail_point!(name, |_| die());
    // In a release build nobody asks for it.
    let _ = name;
}

/// Ends the process as `kill -9` does.
pub fn die() {
    // A signal to this very process can't get lost.
    let _ = raise(SIGKILL);
    std::process::abort();
}
