//! The C ABI is what is committed, and stays.
#![cfg(feature = "capi")]

#[path = "../common/mod.rs"]
mod common;

mod header;
mod stays;
