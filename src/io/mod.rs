//! Moving bytes: the threads that do it, the walk, the copy, its checksum.

pub mod apart;
pub mod checksum;
pub mod copy;
pub mod near;
pub mod open;
pub mod pool;
pub mod remove;
pub mod small;
pub mod walk;

pub use crate::monitor::{Monitor, Phase, Work};
