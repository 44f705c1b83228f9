//! `hotbackup remote unlock`.

use std::io::{self, Write};

use clap::Args;
use hotbackup::Code;
use hotbackup_remote::RemoteLock;
use serde::Serialize;

use crate::args::remote::RepositoryOption;
use crate::context::{Context, Run};
use crate::failure::Failure;
use crate::output::{Report, size, style, time};
use crate::{Done, Outcome};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote unlock --repo s3://backups/db1";

/// Remove the locks that killed pushes have left.
///
/// A push renews its lock all the while: one that is 30 minutes old by the store's clock is nobody's. Younger ones and those
/// of restic stay, and then it fails (exit code 4) and names them: who holds them may be at work.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Unlock {
    #[command(flatten)]
    repository: RepositoryOption,
}

impl Run for Unlock {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open(context)?.remote;
        context.interrupts.aftermath("each lock is there, or removed");
        let (removed, left) = remote.unlock()?;
        let failure = left.first().map(|first| {
            let number = size::things(left.len() as u64, "lock stays", "locks stay");
            let what = format!("{number} in {}; the first: {}", remote.url(), shown(first));
            Failure::new(Code::Conflict, what).advise(
                "wait until who holds it has ended; if a push was killed, try again once its lock is 30 minutes old; one \
                 of restic's `restic unlock` removes",
            )
        });
        let views = |locks: &[RemoteLock]| locks.iter().map(View::of).collect();
        let unlocked = Unlocked {
            repository: remote.url().to_string(),
            removed: views(&removed),
            left: views(&left),
            lines: removed.iter().map(shown).collect(),
        };
        Ok(Done { failure, ..unlocked.into() })
    }
}

/// For a line: which, whose, how old.
pub fn shown(lock: &RemoteLock) -> String {
    let kind = if lock.is_exclusive() { "the exclusive lock" } else { "the lock" };
    let host = match lock.host() {
        Some(host) => format!("of {host}"),
        None => "of nobody that can be read".to_string(),
    };
    format!("{kind} {} {host}, {} old", lock.name(), time::rough(lock.age()))
}

/// What went, and what stays.
#[derive(Serialize)]
struct Unlocked {
    repository: String,
    removed: Vec<View>,
    left: Vec<View>,
    #[serde(skip)]
    lines: Vec<String>,
}

/// A lock in JSON.
#[derive(Serialize)]
struct View {
    name: String,
    host: Option<String>,
    is_pushs: bool,
    is_exclusive: bool,
    written_at: Option<String>,
    age_seconds: u64,
}

impl View {
    fn of(lock: &RemoteLock) -> Self {
        Self {
            name: lock.name().to_string(),
            host: lock.host().map(String::from),
            is_pushs: lock.is_pushs(),
            is_exclusive: lock.is_exclusive(),
            written_at: time::utc(lock.time()),
            age_seconds: lock.age().as_secs(),
        }
    }
}

impl Report for Unlocked {
    fn text(&self, out: &mut dyn Write, _: Option<usize>) -> io::Result<()> {
        let removed = style::styled(style::GOOD, "removed");
        self.lines.iter().try_for_each(|line| writeln!(out, "{removed} {line}"))?;
        match self.lines.is_empty() {
            true => writeln!(out, "no push has left a lock in {}", self.repository),
            false => Ok(()),
        }
    }
}
