//! `hotbackup remote probe`.

use clap::Args;
use hotbackup_remote::RemoteFinding;

use crate::Outcome;
use crate::args::remote::RepositoryOption;
use crate::commands::doctor::{Found, examined};
use crate::context::{Context, Run};

const EXAMPLES: &str = "\
Examples:
  hotbackup remote probe --repo s3://backups/db1 -o endpoint=https://ceph.example:8080
  hotbackup remote probe --repo s3://backups/db1 --json | jq '.findings[] | select(.severity != \"ok\")'";

/// Try what a store does, before snapshots depend on it.
///
/// Whether what is written is read and listed at once, what is damaged on its way or comes late is refused, and this host
/// may remove its locks. The repository need not be there yet. What is written, a few kilobytes under locks/probe-..., restic
/// passes over, and it is removed. It fails if snapshots would not be safe there (exit code 13).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Probe {
    #[command(flatten)]
    repository: RepositoryOption,
}

impl Run for Probe {
    fn run(&self, context: &Context) -> Outcome {
        let remote = self.repository.open_to_look(context)?.remote;
        context.interrupts.aftermath("locks/probe-... may be left, which can be removed");
        let findings = remote.probe()?.into_iter().map(|finding| of(finding, remote.url())).collect();
        Ok(examined(remote.url().to_string(), findings))
    }
}

/// As the examinations of this machine show theirs.
pub fn of(finding: RemoteFinding, url: &str) -> Found {
    Found {
        severity: finding.severity,
        kind: finding.kind,
        path: url.to_string(),
        what: finding.what,
        to_do: Some(finding.advice.to_string()).filter(|advice| !advice.is_empty()),
    }
}
