//! The list of cases that every language must show (tests/scenarios/cases.txt), in C and C++.

use std::path::{Path, PathBuf};

use crate::common::programs::{
    SANITIZE, assert_silent, assert_silent_in_valgrind, compile_c, compile_cpp, compilers, package,
    sanitizes, sources, staged,
};

fn directory() -> PathBuf {
    package().join("tests/scenarios")
}

fn cases() -> PathBuf {
    directory().join("cases.txt")
}

/// The files of a language: the one that reads the list, and the cases.
fn of(language: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = sources(&directory().join(language), extension);
    files.push(directory().join("scenarios").with_extension(extension));
    files
}

fn compiled(name: &str, compile: impl FnOnce(&Path), try_out: impl FnOnce(&Path)) {
    let stage = staged();
    let program = stage.path().join(name);
    compile(&program);
    try_out(&program);
}

#[test]
fn every_case_ends_as_listed_in_c() {
    compiled(
        "scenarios-c",
        |program| compile_c(&of("c", "c"), program),
        |program| {
            assert_silent(program, &[&cases()]);
            assert_silent_in_valgrind(program, &[&cases()]);
        },
    );
}

#[test]
fn every_case_ends_as_listed_in_cpp() {
    for compiler in compilers() {
        compiled(
            "scenarios-cpp",
            |program| compile_cpp(compiler, &["-std=c++17"], &of("cpp", "cpp"), program),
            |program| assert_silent(program, &[&cases()]),
        );
    }
}

#[test]
fn no_case_in_cpp_has_undefined_behaviour_or_leaks() {
    for compiler in compilers().into_iter().filter(|compiler| sanitizes(compiler)) {
        let flags = ["-std=c++20", SANITIZE, "-fno-sanitize-recover=all"];
        compiled(
            "scenarios-cpp",
            |program| compile_cpp(compiler, &flags, &of("cpp", "cpp"), program),
            |program| assert_silent(program, &[&cases()]),
        );
    }
}
