//! The C ABI is what is committed, and stays.

#[path = "../common/mod.rs"]
mod common;

mod header;
mod stays;
