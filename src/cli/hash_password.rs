use std::io::{self, BufRead, IsTerminal, Read};

use anyhow::anyhow;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::password;

use super::{Code, Failure, print, print_error};

/// Make the hash of a password, for http.users
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt hash-password                   asks for it, then shows the hash
  roomwatt hash-password < password.txt    the first line of a file

The hash is what stands in the configuration: password_hash = \"$argon2id$...\". The password itself
does not go into any file, and not onto a command line, where others can read it.
")]
pub(super) struct Arguments {}

/// The shortest password. Characters.
const SHORTEST: usize = 8;

/// While it lives, the terminal does not show what is typed.
struct Hidden(Termios);

impl Hidden {
    fn begin() -> Option<Hidden> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &hidden).ok()?;
        Some(Hidden(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

pub(super) fn run(_: &Arguments) -> Result<(), Failure> {
    let mut line = String::new();
    let input = io::stdin();
    let read = if input.is_terminal() {
        print_error("Password (it is not shown), then Enter:");
        let _hidden = Hidden::begin();
        input.lock().read_line(&mut line)
    } else {
        let most = password::LONGEST as u64 + 2;
        input.lock().take(most).read_line(&mut line)
    };
    let usage = |why: String| Failure::new(Code::Usage, anyhow!("the password {why}"));
    read.map_err(|error| usage(format!("can't be read: {error}")))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.chars().count() < SHORTEST {
        return Err(usage(format!("has fewer than {SHORTEST} characters")));
    }
    if password.len() > password::LONGEST {
        return Err(usage(format!("has more than {} bytes", password::LONGEST)));
    }
    let hash = password::hash(password);
    print(&hash.map_err(|error| Failure::new(Code::TryLater, anyhow!(error)))?);
    Ok(())
}
