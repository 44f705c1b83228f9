//! Memory is bounded by threads and buffers, and the list of files, never by bytes.

#[path = "c/library.rs"]
mod library;

mod common;

use std::fs::File;
use std::process::Command;

use common::{Place, bytes, write};
use library::{library, package, run, staged};

/// By how much the peak of a C host grows with a backup of this place, in KiB.
fn growth(place: &Place) -> u64 {
    let stage = staged();
    let program = stage.path().join("host");
    run(Command::new("cc")
        .args(["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2", "-I"])
        .arg(package().join("include"))
        .arg(package().join("tests/memory/host.c"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", stage.path().display()))
        .arg("-o")
        .arg(&program));
    run(Command::new(program).arg(place.data())).trim().parse().expect("a number of KiB")
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
