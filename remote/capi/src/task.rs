//! A task of a job of libhotbackup's, as the work of this library sees it.

use std::sync::Arc;
use std::time::Duration;

use hotbackup::extension::table::Handle;
use hotbackup::extension::{Done, TaskHost};
use hotbackup::{Error, Phase, Result, VerifyLevel};

use crate::core::Core;

/// A handle of a task, and whose it is.
pub struct Foreign {
    core: Core,
    task: Handle,
}

// SAFETY: the table's functions take a task on any thread.
unsafe impl Send for Foreign {}
// SAFETY: the table's functions take a task on several threads at once.
unsafe impl Sync for Foreign {}

impl Foreign {
    /// A handle of its own of a task that is lent.
    ///
    /// # Safety
    /// The task is live.
    pub unsafe fn of(core: Core, task: Handle) -> Arc<Self> {
        // SAFETY: as this function's caller says.
        let task = unsafe { (core.table().task_clone)(task) };
        Arc::new(Self { core, task })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // SAFETY: `of` has made it, and nobody else has it.
        unsafe { (self.core.table().task_free)(self.task) };
    }
}

impl TaskHost for Foreign {
    fn enter(&self, phase: Phase) -> Result<()> {
        // SAFETY: the task is live until this is dropped. So in all of these.
        self.core.outcome(|error| unsafe { (self.core.table().task_enter)(self.task, phase as u32, error) })
    }

    fn threads(&self) -> usize {
        // SAFETY: as above.
        unsafe { (self.core.table().task_threads)(self.task) }
    }

    fn verify_level(&self) -> VerifyLevel {
        // SAFETY: as above.
        match unsafe { (self.core.table().task_verify_level)(self.task) } {
            0 => VerifyLevel::None,
            1 => VerifyLevel::Size,
            3 => VerifyLevel::Media,
            _ => VerifyLevel::Checksum,
        }
    }

    fn commit(&self) -> Result<()> {
        // SAFETY: as above.
        self.core.outcome(|error| unsafe { (self.core.table().task_commit)(self.task, error) })
    }

    fn check(&self) -> Result<()> {
        // SAFETY: as above.
        self.core.outcome(|error| unsafe { (self.core.table().task_check)(self.task, error) })
    }

    fn pause(&self, duration: Duration) -> Result<()> {
        let milliseconds = duration.as_millis().try_into().unwrap_or(u64::MAX);
        // SAFETY: as above.
        self.core.outcome(|error| unsafe { (self.core.table().task_pause)(self.task, milliseconds, error) })
    }

    fn pace(&self, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        self.core.outcome(|error| unsafe { (self.core.table().task_pace)(self.task, bytes, error) })
    }

    fn is_paced(&self) -> bool {
        // SAFETY: as above.
        unsafe { (self.core.table().task_is_paced)(self.task) }
    }

    fn pace_reading(&self, bytes: usize) -> Result<()> {
        // SAFETY: as above.
        self.core.outcome(|error| unsafe { (self.core.table().task_pace_reading)(self.task, bytes, error) })
    }

    fn expect(&self, bytes: u64, files: u64) {
        // SAFETY: as above.
        unsafe { (self.core.table().task_expect)(self.task, bytes, files) };
    }

    fn count(&self, done: Done) {
        let Done { copied, linked, verified, files } = done;
        // SAFETY: as above.
        unsafe { (self.core.table().task_count)(self.task, copied, linked, verified, files) };
    }

    fn warn(&self, warning: Error) {
        // SAFETY: as above; the error is new, and taken over.
        unsafe { (self.core.table().task_warn)(self.task, self.core.error(&warning).cast()) };
    }

    fn cancel(&self) {
        // SAFETY: as above.
        unsafe { (self.core.table().task_cancel)(self.task) };
    }
}
