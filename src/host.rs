//! A host as one type, beside hooks as single closures.

use std::ops::ControlFlow;
use std::path::Path;

use crate::hooks::{Hook, HookResult};
use crate::job::Progress;

/// A database that can stop its writes, as its backups see it: [`Hooks::host`](crate::Hooks::host)
/// takes one. They are called one at a time, on one thread of a job.
///
/// [`freeze`](Self::freeze) and [`thaw`](Self::thaw) must be written: a host that has them promises that
/// nothing is written in between, and whether a file was captured whole rests on that. One that cannot
/// stop its writes sets single closures on [`Hooks`](crate::Hooks) instead; then its files must rest.
pub trait Host: Send + Sync + 'static {
    /// Flush to a consistent state. Called once, first.
    fn checkpoint(&self, _hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Stop writes. When it fails, it has undone its own work.
    fn freeze(&self, hook: &Hook<'_>) -> HookResult;

    /// Resume writes. Called exactly once for each `freeze` that succeeded, on the same thread and on
    /// every path, and no other hook between them.
    fn thaw(&self, hook: &Hook<'_>) -> HookResult;

    /// Unpin. Called exactly once after the last read of the source, if `checkpoint` has succeeded.
    fn release(&self, _hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Look at a staged snapshot or a staged restore before it is published.
    fn validate(&self, _staging: &Path, _hook: &Hook<'_>) -> HookResult {
        Ok(())
    }

    /// Called at each change of phase and about every 100 ms; `Break` cancels the job.
    fn progress(&self, _now: &Progress, _hook: &Hook<'_>) -> HookResult<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}
