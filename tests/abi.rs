//! The C header and the exported symbols are what is committed, and the header stands on its own.
//! `HOTBACKUP_UPDATE=1 cargo test --test abi` rewrites both files.
#![cfg(feature = "capi")]

#[path = "c/library.rs"]
mod library;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;

use library::{SONAME, library, package, run};

fn assert_committed(name: &str, now: &str) {
    let path = package().join("include").join(name);
    if env::var_os("HOTBACKUP_UPDATE").is_some() {
        fs::write(&path, now).expect("include/ can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "include/{name} is out of date: HOTBACKUP_UPDATE=1 cargo test --test abi");
}

fn generated_header() -> String {
    fs::read_to_string(env!("HOTBACKUP_GENERATED_HEADER")).expect("build.rs has written the header")
}

fn exported_symbols() -> BTreeSet<String> {
    let table = run(Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library()));
    table.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The names before the opening brackets of the header's declarations.
fn declared_functions() -> BTreeSet<String> {
    let header = generated_header();
    let is_code = |line: &&str| !line.starts_with([' ', '/', '#']) && !line.starts_with("typedef");
    let name = |line: &str| Some(line.split_once('(')?.0.rsplit([' ', '*']).next()?.to_owned());
    header.lines().filter(is_code).filter_map(name).collect()
}

fn compiles(compiler: &str, arguments: &[&str], source: &str) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("header.c");
    fs::write(&file, source).expect("a source file");
    let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"];
    run(Command::new(compiler)
        .args(strict)
        .args(arguments)
        .arg("-I")
        .arg(package().join("include"))
        .arg(file));
}

#[test]
fn the_committed_header_is_the_generated_one() {
    assert_committed("hotbackup.h", &generated_header());
}

#[test]
fn the_exported_symbols_are_the_committed_ones() {
    let symbols: Vec<String> = exported_symbols().into_iter().collect();
    assert_committed("hotbackup.symbols", &(symbols.join("\n") + "\n"));
}

#[test]
fn every_exported_symbol_is_declared_and_every_declared_function_exported() {
    let (exported, declared) = (exported_symbols(), declared_functions());
    assert_eq!(exported, declared);
    assert!(exported.iter().all(|name| name.starts_with("backup_")));
}

#[test]
fn the_library_has_its_soname() {
    let dynamic = run(Command::new("readelf").arg("-d").arg(library()));
    assert!(dynamic.contains(&format!("soname: [{SONAME}]")), "{dynamic}");
}

#[test]
fn the_header_compiles_alone_as_c99_and_as_cpp17() {
    let alone = "#include <hotbackup.h>\nextern int unused;\n";
    compiles("cc", &["-std=c99"], alone);
    compiles("c++", &["-std=c++17", "-xc++"], alone);
}

#[test]
fn the_header_may_be_included_twice() {
    let twice = "#include <hotbackup.h>\n#include <hotbackup.h>\nextern int unused;\n";
    compiles("cc", &["-std=c99"], twice);
    compiles("c++", &["-std=c++17", "-xc++"], twice);
}
