//! Jobs: one backup, restore or verification each, with an I/O thread that works and a thread on which
//! its hooks run.
//!
//! ```text
//! handle ──► state ──► progress          who started it, and who watches
//! launch ──► server ──► mailbox          how it is begun; the hooks' side
//!            context ──► mailbox         the I/O side
//! ```

mod context;
mod handle;
mod launch;
mod mailbox;
mod progress;
mod server;
mod state;

pub(crate) use context::JobContext;
pub use handle::Job;
pub(crate) use handle::same_process;
pub(crate) use launch::{HooksThread, PreparedJob};
pub(crate) use mailbox::HookMailbox;
pub use progress::{Kind, Progress, State};
pub(crate) use state::JobState;
