//! The reserve of free space, kept while files are copied.

use std::time::{Duration, Instant};

use super::Backup;
use crate::datadir::require_reserve;
use crate::error::Result;
use crate::sync::Mutex;

/// Looks at the free space now and then.
#[derive(Default)]
pub struct Reserve(Mutex<Option<Instant>>);

impl Reserve {
    /// Fails with NO_SPACE where less is free than the host wants to keep.
    pub fn keep(&self, backup: &Backup<'_>) -> Result<()> {
        let now = Instant::now();
        let mut last = self.0.lock();
        if last.is_some_and(|last| now - last < Duration::from_millis(100)) {
            return Ok(());
        }
        *last = Some(now);
        drop(last);
        let reserve = backup.plan.options.min_free;
        require_reserve(&backup.prepared.root.dir, reserve)?;
        backup.sources.iter().try_for_each(|source| require_reserve(&source.dir, reserve))
    }
}
