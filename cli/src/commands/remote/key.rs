//! `hotbackup remote key`.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hotbackup::Code;

use super::upkeep::{alone, outcome};
use crate::Outcome;
use crate::args::job::Consent;
use crate::args::remote::RepositoryOption;
use crate::context::{Context, Run};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  hotbackup remote key list --repo s3://backups/db1
  hotbackup remote key add --new-password-file /root/second --repo s3://backups/db1
  hotbackup remote key remove 4be1c0d2 --repo s3://backups/db1";

/// List, add, remove and change the passwords of a repository.
///
/// The program restic does it, which must be on PATH. Each key opens the same repository by a password of its own; whoever
/// has had one may have kept what it opens.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Key {
    /// What is done
    #[arg(value_name = "ACTION")]
    action: Action,
    /// Of `remove`: the key's id, as `list` shows it
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    repository: RepositoryOption,
    /// Of `add` and `passwd`: the file that holds the new password; without it restic asks on the terminal
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Show the keys
    List,
    /// Add a key with another password
    Add,
    /// Remove a key
    Remove,
    /// Change the password that was given
    Passwd,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Action::List => "list",
            Action::Add => "add",
            Action::Remove => "remove",
            Action::Passwd => "passwd",
        }
    }

    fn makes_one(self) -> bool {
        matches!(self, Action::Add | Action::Passwd)
    }
}

impl Run for Key {
    fn run(&self, context: &Context) -> Outcome {
        self.check(context)?;
        let repository = self.repository.open(context)?;
        if self.action == Action::Remove {
            let id = self.id.as_deref().unwrap_or_default();
            let what = format!(
                "removing the key {id} of {}: its password opens it no more",
                repository.remote.url()
            );
            context.confirm(&what, &self.consent)?;
        }
        // The others change nothing that anybody reads, and restic lets them run beside a push.
        if matches!(self.action, Action::Remove | Action::Passwd) {
            alone(&repository, context)?;
        }
        let mut arguments = vec!["key".to_string(), self.action.word().to_string()];
        if let Some(file) = &self.new_password_file {
            arguments.extend(["--new-password-file".to_string(), file.to_string_lossy().into_owned()]);
        }
        arguments.extend(self.id.clone());
        outcome(
            &repository,
            arguments,
            "the key that was given opens the repository, or its new one",
            context,
        )
    }
}

impl Key {
    fn check(&self, context: &Context) -> Result<(), Failure> {
        let wrong = |what: &str| Err(Failure::new(Code::InvalidArgument, what));
        let can_ask = !context.json && std::io::stdin().is_terminal();
        match () {
            () if (self.action == Action::Remove) != self.id.is_some() => {
                wrong("a key's id is given with `key remove`, and with nothing else")
            }
            () if self.new_password_file.is_some() && !self.action.makes_one() => {
                wrong("--new-password-file is given with `key add` and `key passwd`, and with nothing else")
            }
            () if self.action.makes_one() && self.new_password_file.is_none() && !can_ask => wrong(
                "nobody could be asked for the new password: give --new-password-file; nothing was changed",
            ),
            () => Ok(()),
        }
    }
}
