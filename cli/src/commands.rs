//! The commands, a file each.

pub mod backup;
pub mod completions;
pub mod delete;
pub mod diff;
pub mod doctor;
pub mod list;
pub mod man;
pub mod plan;
pub mod prune;
pub mod recover;
pub mod remote;
pub mod report;
pub mod restore;
pub mod roots;
pub mod scrub;
pub mod show;
pub mod undo;
pub mod verify;

use crate::Outcome;
use crate::args::Command;
use crate::context::{Context, Run};

/// Runs the command that was given.
pub fn run(command: &Command, context: &Context) -> Outcome {
    let command: &dyn Run = match command {
        Command::Backup(command) => command.as_ref(),
        Command::List(command) => command,
        Command::Show(command) => command,
        Command::Verify(command) => command,
        Command::Scrub(command) => command,
        Command::Restore(command) => command,
        Command::Undo(command) => command,
        Command::Recover(command) => command,
        Command::Report(command) => command,
        Command::Prune(command) => command,
        Command::Delete(command) => command,
        Command::Diff(command) => command,
        Command::Plan(command) => command,
        Command::Doctor(command) => command,
        Command::Roots(command) => command,
        Command::Remote(command) => command.as_ref(),
        Command::Completions(command) => command,
        Command::Man(command) => command,
    };
    command.run(context)
}
