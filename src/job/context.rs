//! What the work of a job has of it.

use std::sync::Arc;

use super::hooks::Hooks;
use super::mailbox::HookMailbox;
use crate::monitor::{Effort, Monitor};
use crate::settings::JobSettings;

/// What the work of a job needs to reach the world outside.
#[derive(Clone)]
pub(crate) struct JobContext {
    pub(crate) host: Arc<HookMailbox>,
    pub(crate) monitor: Arc<Monitor>,
}

impl JobContext {
    pub(crate) fn new(settings: &JobSettings, hooks: &Hooks, effort: Effort) -> Self {
        Self {
            host: Arc::new(HookMailbox::new(hooks)),
            monitor: Arc::new(Monitor::new(settings.rate_limit, effort)),
        }
    }
}
