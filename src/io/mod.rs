//! Moving bytes: the threads that do it, the walk, the copy, its checksum.

pub mod apart;
pub mod checksum;
pub mod copy;
pub mod near;
pub mod pool;
pub mod remove;
pub mod walk;
pub mod whole;

pub use crate::monitor::{Monitor, Phase, Work};
