//! A host as one type, beside hooks as single closures.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::hooks::{Hook, HookResult, Hooks};
use super::progress::Progress;

/// A database that can stop its writes, as its backups see it: [`Hooks::host`] takes one. Its functions
/// are called one at a time, on one thread of a job.
///
/// [`freeze`](Self::freeze) and [`thaw`](Self::thaw) must be written: a host that has them promises that
/// nothing is written in between, and whether a file was captured whole rests on that. One that cannot
/// stop its writes sets single closures on [`Hooks`] instead; then its files must rest.
#[allow(unused_variables, reason = "the defaults have the names that whoever writes them reads")]
pub trait Host: Send + Sync + 'static {
    /// Flush to a consistent state. Called once, first.
    fn checkpoint(&self, hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Stop writes. When it fails, it has undone its own work.
    fn freeze(&self, hook: &Hook<'_>) -> HookResult;

    /// Resume writes. Called exactly once for each `freeze` that succeeded, on the same thread and on
    /// every path, and no other hook between them.
    fn thaw(&self, hook: &Hook<'_>) -> HookResult;

    /// Unpin. Called exactly once after the last read of the source, if `checkpoint` has succeeded.
    fn release(&self, hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Look at a staged snapshot or a staged restore before it is published.
    fn validate(&self, staging: &Path, hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Called at each change of phase and about every 100 ms; `Break` cancels the job.
    fn progress(&self, now: &Progress, hook: &Hook<'_>) -> HookResult<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

impl Hooks {
    /// All the hooks of a host, in place of those that were set before.
    pub fn host(&mut self, host: Arc<impl Host>) {
        let of = || host.clone();
        let (checkpoint, freeze, thaw, release) = (of(), of(), of(), of());
        let (validate, progress) = (of(), host);
        self.checkpoint(move |hook| checkpoint.checkpoint(hook));
        self.freeze_thaw(move |hook| freeze.freeze(hook), move |hook| thaw.thaw(hook));
        self.release(move |hook| release.release(hook));
        self.validate(move |staging, hook| validate.validate(staging, hook));
        self.progress(move |now, hook| progress.progress(now, hook));
    }
}
