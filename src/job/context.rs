//! What the work of a job has of it.

use std::sync::Arc;

use super::mailbox::HookMailbox;
use crate::io::{Effort, Monitor};
use crate::options::Options;

/// What the work of a job needs to reach the world outside.
#[derive(Clone)]
pub(crate) struct JobContext {
    pub(crate) host: Arc<HookMailbox>,
    pub(crate) monitor: Arc<Monitor>,
}

impl JobContext {
    pub(crate) fn new(options: &Options, effort: Effort) -> Self {
        Self {
            host: Arc::new(HookMailbox::new(&options.hooks)),
            monitor: Arc::new(Monitor::new(options.rate_limit, effort)),
        }
    }
}
