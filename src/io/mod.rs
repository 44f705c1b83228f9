//! Moving bytes: the threads that do it, the walk, the copy, its checksum.

pub mod buffer;
pub mod checksum;
pub mod copy;
pub mod open;
pub mod parts;
pub mod pool;
pub mod probe;
pub mod read_back;
pub mod remove;
pub mod small;
pub mod sorted_dirs;
pub mod thread;
pub mod walk;
