//! The C API: handles around the public Rust types, one file per noun.
//!
//! What an exported function may rely on is what the header asks of its callers: handles are live
//! and came from this library, strings end with NUL, outputs can be written, sizes are true. The
//! `SAFETY` comments call that "the header's terms". All else (NULL, values out of range, text that
//! is no UTF-8) is checked in `args`. The comments here are the header's, so they are written for
//! readers of C; the frame around them is `hotbackup.h.in`.
#![allow(unsafe_code, reason = "this is the boundary to C")]
#![allow(non_camel_case_types, reason = "the types have their C names")]
#![allow(clippy::missing_safety_doc, reason = "the header says what its callers owe")]

mod args;
mod caught;
mod checkpoint;
mod code;
mod contents;
mod coordinator;
mod disk;
mod error;
mod extension;
mod file_class;
mod findings;
mod guard;
mod hook;
mod hook_failure;
mod hook_setters;
#[allow(dead_code, reason = "its constants are for the header; older compilers take them for unused")]
mod job;
mod known_roots;
mod lent;
mod level;
mod list;
mod options;
mod preview;
mod progress;
mod restore;
mod retention;
mod scrub;
mod snapshot;
mod supply;
mod tag;
mod task;
mod text;
mod time;
mod user_data;
mod version;
