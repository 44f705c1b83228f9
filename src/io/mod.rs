//! Moving bytes: the threads that do it, the walk, the copy, its checksum, its pace.

pub mod apart;
pub mod checksum;
pub mod copy;
mod monitor;
pub mod near;
pub mod pool;
pub mod remove;
mod throttle;
pub mod walk;
pub mod whole;

pub use monitor::{Effort, Monitor, Phase};
