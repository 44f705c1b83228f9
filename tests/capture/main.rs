//! What a backup captures, of which files, and how it says what it cannot.

#[path = "../common/mod.rs"]
mod common;

mod classes;
mod consistency;
mod errors_source;
mod file_systems;
mod host_side;
mod lesser;
mod links;
mod live_files;
mod misplaced;
mod overlays;
mod own_things;
mod preview;
mod punched;
mod quiet;
mod round_trip;
mod sharing;
mod shrinking;
mod stamps;
