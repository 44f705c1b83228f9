//! The README, the pages of docs/ and the examples say what is so.

#[path = "../common/mod.rs"]
mod common;

mod block;
mod examples;
mod pages;
mod readme;
