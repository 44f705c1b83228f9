//! The life of a job: hooks, cancellation, timeouts, and many at once.

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod crowd;
mod freeze_timeout;
mod from_hooks;
mod hooks;
mod latency;
mod whole_host;
