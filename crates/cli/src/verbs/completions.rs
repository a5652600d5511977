//! `osusume completions SHELL`.

use clap::CommandFactory;
use clap_complete::Shell;
use osusume_model::Exit;

use crate::args::Cli;
use crate::console::print;
use crate::failure::{Ended, Failure};

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "osusume", &mut script);
    print(&String::from_utf8_lossy(&script)).map_err(Failure::reading)?;
    Ok(Exit::Ok)
}
