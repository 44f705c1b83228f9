//! `hotbackup remote init`.

use std::io::{self, Write};

use clap::Args;
use hotbackup::Code;
use serde::Serialize;

use crate::Outcome;
use crate::args::remote::RepositoryOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{Report, style};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote init --repo s3://backups/db1 --password-file /etc/hotbackup/password
  hotbackup remote init --repo s3://backups/db1 -o endpoint=https://ceph.example:8080 -o region=default";

/// Make a repository.
///
/// Who has its password, and he alone, reads what is sent to it: without it nothing comes back. Keep it where the
/// machine that is backed up is not.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Init {
    #[command(flatten)]
    repository: RepositoryOption,
}

impl Run for Init {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        context.interrupts.aftermath("a repository without its config is none; make it again");
        remote.init().map_err(|error| {
            let failure = Failure::from(error);
            match failure.is(Code::Conflict) {
                true => failure.advise("use it as it is, or give another URL"),
                false => failure,
            }
        })?;
        Ok(Made { repository: remote.url().to_string(), repository_id: remote.repository_id()? }.into())
    }
}

/// A repository that was made.
#[derive(Serialize)]
struct Made {
    repository: String,
    repository_id: String,
}

impl Report for Made {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        writeln!(out, "{} the repository {}", style::styled(style::GOOD, "made"), self.repository)?;
        writeln!(out, "its id is {}", self.repository_id)?;
        writeln!(out, "keep its password elsewhere too: without it nothing comes back")
    }
}
