//! Restores, their refusals, and what they make of snapshots that are damaged or made to harm.

#[path = "../common/mod.rs"]
mod common;

mod clones;
mod corruption;
mod elsewhere;
mod hostile;
mod keeping;
mod restore_refused;
mod restores;
mod seeds;
