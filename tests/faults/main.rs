//! Calls that fail, processes that die, power that goes, disks and memory that are full.

#[path = "../common/mod.rs"]
mod common;

mod checkpoints;
mod failing_calls;
mod full_source;
mod kill;
mod kill_at_calls;
mod memory;
mod power_cut;
mod sweep;
