//! What all phases of a push share.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use hotbackup::extension::Watch;
use hotbackup::{Code, Error, Result};

use crate::repository::Repository;

/// A push under way.
pub struct Work<'a> {
    /// Where it goes.
    pub repository: &'a Repository,
    /// Its job.
    pub watch: &'a Watch,
    /// How many threads read.
    pub threads: usize,
    /// The level of compression, if there is any.
    pub level: Option<i32>,
    /// Its lock is no more.
    pub is_lost: &'a AtomicBool,
}

impl Work<'_> {
    /// Fails once the job is to end, or its lock is lost.
    pub fn check(&self) -> Result<()> {
        self.watch.check()?;
        match self.is_lost.load(Relaxed) {
            true => Err(lost()),
            false => Ok(()),
        }
    }
}

/// Its lock was removed: what was looked at may have been pruned since.
pub fn lost() -> Error {
    let why = "somebody removed its lock, so a prune may have run meanwhile";
    Error::new(Code::Conflict, format!("pushing a snapshot: {why}"))
}
