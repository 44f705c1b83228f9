//! `libhotbackup_remote`: the crate hotbackup-remote for C. It is built by itself, and so has a copy of the core
//! inside; what it gives its users (jobs, errors) is that of the libhotbackup which they use, and comes by the table
//! that `backup_extension_table` gives (`core`). So nothing but handles of C passes between the two.
//!
//! What an exported function may rely on is what the header asks of its callers: handles are live and came from this
//! library or from libhotbackup, strings end with NUL, outputs can be written. The `SAFETY` comments call that "the
//! header's terms". The comments of what is exported are the header's; the frame around them is
//! `hotbackup_remote.h.in`.
#![allow(non_camel_case_types, reason = "the types have their C names")]
#![allow(clippy::missing_safety_doc, reason = "the header says what its callers owe")]

// Five files of the core's C API, which are the same here, find what they need under these names.
mod error {
    pub use hotbackup::{Code, Error, Result};
}
mod sys {
    pub mod thread {
        pub use hotbackup::extension::uncancelled;
    }
}

#[path = "../../../src/ffi/args.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod args;
#[path = "../../../src/ffi/caught.rs"]
mod caught;
mod core;
mod guard;
mod handles;
mod job;
mod list;
mod options;
mod remote;
mod requests;
mod secret;
mod supply;
mod task;
#[path = "../../../src/ffi/text.rs"]
mod text;
#[path = "../../../src/ffi/time.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod time;
#[path = "../../../src/ffi/user_data.rs"]
mod user_data;
mod version;
