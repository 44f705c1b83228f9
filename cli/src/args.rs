//! The command line.

pub mod capture;
pub mod job;
pub mod policy;
pub mod remote;
pub mod root;
pub mod values;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;
use crate::exit;

/// Sees, verifies, restores and prunes snapshots of databases, and makes them, without the host.
///
/// A SNAPSHOT is named by `latest`, by its id or the beginning of one, by its name `ts-...`, or by its path,
/// which needs no root. A ROOT is the directory in which snapshots lie; that of a database directory which keeps
/// them in itself may be given by that directory. It can be left away where HOTBACKUP_ROOT is set.
#[derive(Parser)]
#[command(name = "hotbackup", version, after_help = exit::HELP, max_term_width = 100)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What each command takes.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Print one JSON document instead of text, an error too
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,
    /// Print no progress and no remarks, but the result and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Say which root and which snapshot are meant, and each phase of a job
    #[arg(short, long, global = true, help_heading = "Output")]
    pub verbose: bool,
    /// When to use colours; NO_COLOR is respected
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Output")]
    pub color: Color,
    /// Write how the run ended into a file for node_exporter; `list` and `report` add what the root holds
    #[arg(long, global = true, value_name = "FILE", help_heading = "Output")]
    pub prometheus: Option<std::path::PathBuf>,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub enum Command {
    Backup(Box<commands::backup::Backup>),
    List(commands::list::List),
    Show(commands::show::Show),
    Verify(commands::verify::Verify),
    Scrub(commands::scrub::Scrub),
    Restore(commands::restore::Restore),
    Undo(commands::undo::Undo),
    Recover(commands::recover::Recover),
    Report(commands::report::Report),
    Prune(commands::prune::Prune),
    Delete(commands::delete::Delete),
    Diff(commands::diff::Diff),
    Plan(commands::plan::Plan),
    Doctor(commands::doctor::Doctor),
    Roots(commands::roots::Roots),
    Remote(Box<commands::remote::Remote>),
    Completions(commands::completions::Completions),
    #[command(hide = true)]
    Man(commands::man::Man),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
