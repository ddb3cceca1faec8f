//! How the process ends without a signal, or with two.

use rustix::process::Signal;

use crate::support::proxy::Fault;
use crate::support::{Link, Rig, wait};
use crate::{check_in, minutes_ago};

#[test]
fn a_thread_that_panics_ends_it_with_its_name_and_nothing_is_lost() {
    let mut rig = Rig::new("panics");
    for (point, thread) in [("parse::before", "consumer-"), ("commit::before", "owner")] {
        let mut service = rig.start_with(&[("FAILPOINTS", &format!("{point}=panic"))]);
        service.wait_until_ready();
        rig.publish([check_in("H001", point, minutes_ago(5)).as_str()]);
        let (status, log) = service.wait_for_end();
        assert_eq!(status.code(), Some(70), "{log}");
        let dead = log
            .lines()
            .find(|line| line.contains(" ERROR [main] thread "));
        let dead = dead.expect(&log);
        assert!(
            dead.contains(thread) && dead.contains("panicked: exiting"),
            "{dead}"
        );
        // The message comes again meanwhile: the next consumer's panic can be what is written last.
        assert!(
            log.contains(" ERROR [main] a thread died, see the log\n"),
            "{log}"
        );
    }
    let service = rig.start();
    let rooms = ["commit::before", "parse::before"].map(str::to_owned);
    rig.wait_for_rows("SELECT room_number FROM room_state ORDER BY 1", &rooms);
    service.stop();
    assert_eq!(rig.waiting_messages(), 0);
    rig.finish();
}

#[test]
fn a_second_signal_ends_it_at_once_and_nothing_is_lost() {
    let mut rig = Rig::new("twice");
    let proxy = rig.proxy(Link::MySql);
    for (signal, name, code) in [(Signal::TERM, "SIGTERM", 143), (Signal::INT, "SIGINT", 130)] {
        let mut service = rig.start();
        service.wait_until_ready();
        // The owner waits for an answer to what it writes.
        proxy.set(Fault::Hold);
        rig.publish([check_in("H001", name, minutes_ago(5)).as_str()]);
        wait("the message to be taken", || match rig.waiting_messages() {
            0 => Ok(()),
            waiting => Err(format!("{waiting} wait")),
        });
        service.signal(signal);
        service.wait_for_log(&format!("{name}: stopping"));
        service.signal(signal);
        let (status, log) = service.wait_for_end();
        assert_eq!(status.code(), Some(code), "{log}");
        assert!(
            log.contains(&format!("{name} again: ending at once")),
            "{log}"
        );
        proxy.lift();
    }
    let service = rig.start();
    let rooms = ["SIGINT", "SIGTERM"].map(str::to_owned);
    rig.wait_for_rows("SELECT room_number FROM room_state ORDER BY 1", &rooms);
    service.stop();
    rig.finish();
}
