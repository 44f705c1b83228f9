//! `hotbackup remote ...`: repositories in object stores.

mod check;
mod doctor;
mod fetch;
mod forget;
mod init;
mod key;
mod list;
mod naming;
mod probe;
mod prune;
mod push;
mod repair;
mod restore;
mod traffic;
mod unlock;
mod upkeep;
mod verify;

use clap::{Args, Subcommand};
use hotbackup::Code;

use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  export HOTBACKUP_REPO=s3://backups/db1 RESTIC_PASSWORD_FILE=/etc/hotbackup/password
  hotbackup remote init
  hotbackup remote push latest -r /backup/db
  hotbackup remote list
  hotbackup remote restore latest /var/lib/db

A repository is one of restic's format: restic lists, checks and restores it without hotbackup.";

/// Send snapshots to an object store, encrypted, and bring them back.
///
/// A remote SNAPSHOT is named by `latest`, or by the beginning of its id or of its object's name, which is what restic
/// calls it. Credentials come from the environment, from the files that the store's own tools use, from --options-file,
/// or from the machine.
#[derive(Args)]
#[command(subcommand_required = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Remote {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Init(init::Init),
    Push(push::Push),
    List(list::List),
    Fetch(fetch::Fetch),
    Restore(restore::Restore),
    Verify(verify::Verify),
    Forget(forget::Forget),
    Prune(prune::Prune),
    Check(check::Check),
    Repair(repair::Repair),
    Key(key::Key),
    Unlock(unlock::Unlock),
    Probe(probe::Probe),
    Doctor(doctor::Doctor),
}

impl Run for Remote {
    fn run(&self, context: &Context) -> Outcome {
        let action: &dyn Run = match &self.action {
            Action::Init(action) => action,
            Action::Push(action) => action,
            Action::List(action) => action,
            Action::Fetch(action) => action,
            Action::Restore(action) => action,
            Action::Verify(action) => action,
            Action::Forget(action) => action,
            Action::Prune(action) => action,
            Action::Check(action) => action,
            Action::Repair(action) => action,
            Action::Key(action) => action,
            Action::Unlock(action) => action,
            Action::Probe(action) => action,
            Action::Doctor(action) => action,
        };
        let done = action.run(context).map_err(advised)?;
        Ok(Done { failure: done.failure.map(advised), ..done })
    }
}

/// What is to be done where a repository is not what it should be.
fn advised(failure: Failure) -> Failure {
    let says = |words: &str| failure.message().contains(words);
    if failure.is(Code::Unauthorized) && says("password") {
        failure.or_advise(
            "give the repository's password: --password-file, RESTIC_PASSWORD_FILE or RESTIC_PASSWORD",
        )
    } else if failure.is(Code::NotFound) && says("hotbackup remote init") {
        failure.or_advise("look at the URL and its prefix; `hotbackup remote init` makes a repository there")
    } else if failure.is(Code::Corrupt) {
        failure.or_advise(
            "`hotbackup remote verify --all` says which are good, `hotbackup remote check` what is bad",
        )
    } else {
        failure
    }
}
