//! Named points at which a test can kill the process. In a release build they do nothing: only the
//! build of the tests enables the feature of `fail` for them.

use signal_hook::consts::SIGKILL;
use signal_hook::low_level::raise;

/// All points, in the order in which a message and its notice pass them.
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

/// Passes a point. In a build of the tests, with `FAILPOINTS=<name>=return` in the environment, it
/// kills the process.
pub fn point(name: &'static str) {
    fail::fail_point!(name, |_| die());
    // In a release build it is unused.
    let _ = name;
}

/// Ends the process as `kill -9` does.
pub fn die() {
    // A signal to this very process can't get lost.
    let _ = raise(SIGKILL);
    std::process::abort();
}
