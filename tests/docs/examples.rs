//! The examples in Rust do what they say. `cargo test` builds them as they stand; here they run.

#[path = "../../examples/alopex.rs"]
#[allow(dead_code, reason = "main takes its directory from the command line")]
mod alopex;

use std::path::PathBuf;
use std::process::Command;

use crate::common::library::run;
use crate::common::{Place, tree};

fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test program has a path");
    let built =
        test.ancestors().nth(2).expect("deps lies in a profile's directory").join("examples").join(name);
    assert!(built.exists(), "{} is not there: cargo build --example {name}", built.display());
    built
}

#[test]
fn a_live_alopex_store_is_backed_up_and_restored() {
    let place = Place::new();
    alopex::run(&place.beside("store")).unwrap();
}

#[test]
fn a_whole_backup_takes_forty_lines() {
    let place = Place::with_files();
    let before = tree(&place.data());
    run(Command::new(example("forty")).args([place.data(), place.beside("again")]));
    assert_eq!(tree(&place.beside("again")), before);
    assert!(include_str!("../../examples/forty.rs").lines().count() <= 40);
}
