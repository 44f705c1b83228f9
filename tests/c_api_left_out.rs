//! The C API is a feature of the package: without it a program in Rust has no C function in it, and its
//! build no C generator. `.ci/run` runs this with the feature and without it.

#[path = "common/mod.rs"]
mod common;

use std::process::Command;

use common::library::{library, package, run};

#[test]
fn the_library_has_its_c_functions_with_their_feature_alone() {
    // The static one, which has all objects that Rust programs link.
    let built = library().with_extension("a");
    let symbols = run(Command::new("nm").args(["--defined-only", "--format=posix"]).arg(&built));
    assert!(symbols.contains("hotbackup"), "{} has nothing of this library", built.display());
    let in_c = symbols.lines().find(|line| line.starts_with("backup_"));
    assert_eq!(in_c.is_some(), cfg!(feature = "capi"), "{} has {in_c:?}", built.display());
}

#[test]
fn a_build_without_the_c_api_compiles_no_c_generator() {
    let built_with = |features: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["tree", "--locked", "--offline", "--edges", "build"]).args(features);
        run(cargo.current_dir(package()))
    };
    assert!(built_with(&[]).contains("cbindgen"));
    assert!(!built_with(&["--no-default-features", "--features", "alopex"]).contains("cbindgen"));
}
