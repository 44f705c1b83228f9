//! Jobs: one backup, restore or verification each, with an I/O thread that works and a thread on which
//! its hooks run.
//!
//! ```text
//! handle ──► state ──► progress          who started it, and who watches
//! launch ──► server ──► mailbox          how it is begun; the hooks' side
//!            context ──► mailbox         the I/O side
//! host ──► hooks ──► handle              the host's functions, and what it may say from inside one
//! ```

mod context;
mod handle;
mod hooks;
mod host;
mod launch;
mod mailbox;
mod progress;
mod server;
mod state;

pub(crate) use context::JobContext;
pub use handle::Job;
pub(crate) use handle::same_process;
pub use hooks::{Hook, HookResult, Hooks};
pub(crate) use hooks::{LiveFile, LiveFiles};
pub use host::Host;
pub(crate) use launch::{HooksThread, NewJob, PreparedJob};
pub(crate) use mailbox::HookMailbox;
pub use progress::{Kind, Progress, State};
pub(crate) use state::JobState;
