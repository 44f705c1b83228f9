//! The faults that a repository off the machine meets, one by one. Whatever happens: what is listed is whole, restic
//! finds the repository good, and both bring the same bytes back.

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod certificates;
mod clocks;
mod directory;
mod kills;
mod listings;
mod outages;
mod packs;
mod probing;
mod reaching;
mod rivals;
mod scene;
mod secrets;
mod sleeps;
mod upkeep;
