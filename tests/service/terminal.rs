//! The output of commands in a terminal.

use std::fs::File;
use std::io::Read;
use std::process::Command;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::ROOMWATT;

/// What a command writes to a terminal, its errors included.
fn in_terminal(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&screen).expect("a terminal");
    unlockpt(&screen).expect("a terminal");
    let name = ptsname(&screen, Vec::new()).expect("its name");
    let mut options = File::options();
    let terminal = options.read(true).write(true);
    let terminal = terminal
        .open(name.to_str().expect("UTF-8"))
        .expect("a terminal");
    let mut child = Command::new(ROOMWATT)
        .args(arguments)
        .env_clear()
        .env("TERM", "xterm")
        .envs(environment.iter().copied())
        .stdin(terminal.try_clone().expect("a terminal"))
        .stdout(terminal.try_clone().expect("a terminal"))
        .stderr(terminal)
        .spawn()
        .expect("it runs");
    let (mut screen, mut seen) = (File::from(screen), Vec::new());
    // Reading ends with an error once no process has the terminal open.
    let _ = screen.read_to_end(&mut seen);
    child.wait().expect("a status");
    String::from_utf8(seen).expect("UTF-8")
}

#[test]
fn help_and_errors_have_colours_unless_disabled() {
    for (arguments, expected) in [
        (&["--help"][..], "Usage:"),
        (&["outbox", "retry", "--help"], "Usage:"),
        (&["chekc"], "'check'"),
    ] {
        for (environment, coloured) in [
            (&[][..], true),
            (&[("NO_COLOR", "1")], false),
            (&[("TERM", "dumb")], false),
        ] {
            let seen = in_terminal(arguments, environment);
            assert_eq!(
                seen.contains("\u{1b}["),
                coloured,
                "{environment:?}: {seen:?}"
            );
            // Colours may split the text.
            assert!(coloured || seen.contains(expected), "{seen:?}");
        }
    }
}
