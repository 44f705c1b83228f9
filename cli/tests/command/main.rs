//! The command, through its binary: what it prints, what it does, and how it exits.

mod backing_up;
mod binary;
mod common;
mod comparing;
mod examining;
mod failures;
mod interrupts;
mod listing;
mod planning;
mod remote;
mod removing;
mod restoring;
mod terminal;
mod verifying;
