use std::io;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Failure;

/// Print what a shell needs to complete this command line
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt completions bash > /etc/bash_completion.d/roomwatt
  roomwatt completions zsh > /usr/share/zsh/site-functions/_roomwatt
")]
pub(super) struct Arguments {
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut command = super::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "roomwatt", &mut script);
    // The reader may have closed the pipe.
    let _ = io::Write::write_all(&mut io::stdout(), &script);
    Ok(())
}
