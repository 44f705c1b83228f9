//! What the README shows works as it stands there. Its Rust is tested as the crate's own docs.

#[path = "c/library.rs"]
mod library;

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Place, restore, tree};
use library::{library, package, run, staged};

/// The first block of that language.
fn block(language: &str) -> String {
    let readme = fs::read_to_string(package().join("README.md")).expect("the README");
    let start = format!("```{language}\n");
    let (_, rest) = readme.split_once(&start).expect("a block of that language");
    rest.split_once("```").expect("its end").0.to_string()
}

#[test]
fn the_c_example_backs_up_a_directory() {
    let place = Place::with_files();
    let stage = staged();
    fs::write(stage.path().join("example.c"), block("c")).unwrap();
    let program = stage.path().join("example");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I"])
        .arg(package().join("include"))
        .arg(stage.path().join("example.c"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", stage.path().display()))
        .arg("-o")
        .arg(&program));
    let location = run(Command::new(&program).arg(place.data()));
    restore(Path::new(location.trim()), &place.beside("again")).unwrap();
    assert_eq!(tree(&place.beside("again")), tree(&place.data()));
    let refused = Command::new(&program).arg(place.beside("nowhere")).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nowhere"));
}

#[test]
fn the_files_that_it_links_to_are_there() {
    let readme = fs::read_to_string(package().join("README.md")).unwrap();
    for link in readme.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        assert!(package().join(link.0).exists(), "{}", link.0);
    }
}

#[test]
fn the_two_commands_stand_on_its_first_screen() {
    let shell = block("sh");
    assert!(shell.contains("make -C examples-c run") && shell.contains("cargo test --workspace"));
}
