//! Memory is bounded by threads and buffers, and the list of files, never by bytes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::library::{package, run, staged};
use crate::common::programs::compile_c;
use crate::common::{Place, bytes, frozen, residue, sound_snapshots, tree, write};

/// A C host.
fn host(name: &str, stage: &Path) -> Command {
    let program = stage.join(name);
    compile_c(&[package().join("tests/memory").join(name).with_extension("c")], &program);
    Command::new(program)
}

/// By how much its peak grows with a backup of this place, in KiB.
fn growth(place: &Place) -> u64 {
    let stage = staged();
    run(host("host", stage.path()).arg(place.data())).trim().parse().expect("a number of KiB")
}

#[test]
fn the_peak_of_a_c_host_grows_by_less_than_16_mb_whatever_the_size() {
    let place = Place::new();
    for number in 0..12 {
        write(&place.data().join(format!("{number}.sst")), &bytes(16 << 20, number));
    }
    write(&place.data().join("mutable"), &bytes(16 << 20, 99));
    // A terabyte, of which nothing is there.
    File::create(place.data().join("sparse.sst")).unwrap().set_len(1 << 40).unwrap();
    let grown = growth(&place);
    assert!(grown < 16 << 10, "{grown} KiB");
}

#[test]
fn ten_thousand_files_take_no_more_than_their_list() {
    let place = Place::new();
    for number in 0..10_000 {
        write(&place.data().join(format!("{number}.sst")), b"small");
    }
    let grown = growth(&place);
    assert!(grown < 32 << 10, "{grown} KiB");
}

#[test]
fn too_little_memory_anywhere_is_an_error_and_not_the_end_of_the_host() {
    let place = Place::in_memory();
    // Names enough that their list alone takes megabytes.
    (0..1000).for_each(|number| write(&place.data().join(format!("many/{number}.sst")), b""));
    write(&place.data().join("large.sst"), &bytes(4 << 20, 1));
    let first = place.back_up(&frozen()).unwrap();
    let stage = staged();
    let mut hosts = host("short", stage.path());
    // With an arena for each thread of glibc's the steps would have to be of 64 MiB.
    hosts.env("MALLOC_ARENA_MAX", "1");
    hosts.arg(place.data()).arg(first.location()).arg(place.beside("restored"));
    let short = run(&mut hosts);
    assert!(short.trim().parse::<u32>().expect("a number") > 10, "{short}");
    assert_eq!(residue(&place.data()), Vec::<PathBuf>::new());
    sound_snapshots(&place.root());
    assert_eq!(tree(&place.beside("restored")), tree(&place.data()));
}
