//! Named threads whose end is an event, and the signal to stop.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};

use crate::pulse;

/// The signal for threads to stop; cheap to clone. It is a channel on which nothing is sent: the
/// signal is that it closes.
#[derive(Clone)]
pub struct Stop(Receiver<()>);

/// Triggers the matching [`Stop`] when it and all its clones are dropped.
#[derive(Clone)]
pub struct Stopper(#[expect(dead_code, reason = "it is there to be dropped")] Sender<()>);

/// A [`Stop`] and the [`Stopper`] that triggers it.
pub fn stop_signal() -> (Stopper, Stop) {
    let (sender, receiver) = bounded(0);
    (Stopper(sender), Stop(receiver))
}

impl Stop {
    /// Waits for the signal, for `timeout` at most; returns whether it is time to stop.
    pub fn wait(&self, timeout: Duration) -> bool {
        let _rest = pulse::rest();
        !matches!(self.0.recv_timeout(timeout), Err(RecvTimeoutError::Timeout))
    }

    pub fn is_set(&self) -> bool {
        self.wait(Duration::ZERO)
    }

    /// Waits for an answer; `None` when it is time to stop first. At a stop the other thread may
    /// have ended without reading the question, so that no answer would ever come.
    pub fn wait_for<T>(&self, answer: &Receiver<T>) -> Option<T> {
        let _rest = pulse::rest();
        select! {
            recv(answer) -> answer => answer.ok(),
            recv(self.0) -> _ => None,
        }
    }

    /// The channel for `select!`: it becomes ready (disconnected) when it is time to stop.
    pub fn channel(&self) -> &Receiver<()> {
        &self.0
    }
}

/// A thread has ended.
#[derive(Debug)]
pub struct Exit {
    pub thread: String,
    pub panicked: bool,
}

/// Reports the end of its thread when it is dropped, also by a panic.
struct ExitGuard {
    thread: String,
    exits: Sender<Exit>,
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        // The receiver is gone only when the process is ending anyway.
        let _ = self.exits.send(Exit {
            thread: std::mem::take(&mut self.thread),
            panicked: thread::panicking(),
        });
    }
}

/// Starts a thread that reports its end to `exits`. The channel may be full: the thread waits until
/// its report is received or the receiver is gone, and has dropped all that `work` had before that.
///
/// # Errors
/// When the system has no more threads.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn spawn(
    name: impl Into<String>,
    exits: &Sender<Exit>,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let name = name.into();
    let guard = ExitGuard {
        thread: name.clone(),
        exits: exits.clone(),
    };
    thread::Builder::new().name(name).spawn(move || {
        let _guard = guard;
        work();
    })?;
    Ok(())
}

/// How much the threads of [`give_way`] yield, as `nice` counts: while others want all of a
/// processor, one of them gets a tenth of it.
const NICENESS: i32 = 10;

/// Has this thread, and those that it starts, yield to the other threads of this process. On Linux
/// alone: elsewhere the whole process would yield.
pub fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        log::debug!("a thread keeps its priority: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_ends_the_wait_for_an_answer() {
        let (stopper, stop) = stop_signal();
        let (_kept, answer) = bounded::<()>(1);
        let (send, result) = bounded(1);
        let (exits, _ended) = bounded(1);
        spawn("waiting", &exits, move || {
            let _ = send.send(stop.wait_for(&answer));
        })
        .expect("a thread");
        drop(stopper);
        assert_eq!(result.recv_timeout(Duration::from_secs(60)), Ok(None));
    }

    #[test]
    fn the_end_of_a_thread_is_reported_also_after_a_panic() {
        let (exits, ended) = bounded(2);
        let (stopper, stop) = stop_signal();
        let waiting = stop.clone();
        spawn("waiting", &exits, move || {
            assert!(waiting.wait(Duration::from_secs(60)));
        })
        .expect("a thread");
        assert!(!stop.is_set());
        drop(stopper);
        let exit = ended.recv_timeout(Duration::from_secs(60)).expect("an end");
        assert_eq!((exit.thread.as_str(), exit.panicked), ("waiting", false));
        spawn("unlucky", &exits, || panic!("as the test wants it")).expect("a thread");
        let exit = ended.recv_timeout(Duration::from_secs(60)).expect("an end");
        assert_eq!((exit.thread.as_str(), exit.panicked), ("unlucky", true));
    }

    #[test]
    fn a_thread_drops_all_it_has_before_its_end_is_received() {
        let (exits, ended) = bounded(0);
        let limit = Duration::from_secs(60);
        for (name, panics) in [("in order", false), ("unlucky", true)] {
            let (held, gone) = stop_signal();
            spawn(name, &exits, move || {
                let _held = held;
                assert!(!panics, "as the test wants it");
            })
            .expect("a thread");
            assert!(gone.wait(limit), "{name}: it still holds what it had");
        }
        let mut reported: Vec<(String, bool)> = (0..2)
            .map(|_| ended.recv_timeout(limit).expect("an end"))
            .map(|exit| (exit.thread, exit.panicked))
            .collect();
        reported.sort();
        let expected = [("in order", false), ("unlucky", true)];
        assert_eq!(
            reported,
            expected.map(|(name, panicked)| (name.to_owned(), panicked))
        );
    }
}
