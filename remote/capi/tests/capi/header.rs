//! The header and the exported symbols are what is committed, and the header stands on its own.
//! `HOTBACKUP_UPDATE=1 cargo test -p hotbackup-remote-capi` rewrites both files.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use crate::common::{library, root, run};
use crate::generator;

/// The header, as cbindgen writes it.
fn header() -> &'static str {
    static HEADER: OnceLock<String> = OnceLock::new();
    HEADER.get_or_init(|| {
        let package = root().join("remote/capi");
        generator::text(&package.join("src"), "hotbackup_remote.h.in", &package.join("cbindgen.toml"))
            .expect("cbindgen reads the sources")
    })
}

fn assert_committed(name: &str, now: &str) {
    let path = root().join("include").join(name);
    if env::var_os("HOTBACKUP_UPDATE").is_some() {
        fs::write(&path, now).expect("include/ can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let how = "HOTBACKUP_UPDATE=1 cargo test -p hotbackup-remote-capi";
    assert!(committed == now, "include/{name} is out of date: {how}");
}

fn exported() -> BTreeSet<String> {
    let mut nm = Command::new("nm");
    nm.args(["-D", "--defined-only", "--format=posix"]).arg(library("hotbackup_remote_capi"));
    run(&mut nm).lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The names before the opening brackets of the header's declarations.
fn declared() -> BTreeSet<String> {
    let is_code = |line: &&str| !line.starts_with([' ', '/', '#', '}']) && !line.starts_with("typedef");
    let name = |line: &str| Some(line.split_once('(')?.0.rsplit([' ', '*']).next()?.to_owned());
    let inline = |line: &&str| !line.starts_with("static inline");
    header().lines().filter(is_code).filter(inline).filter_map(name).collect()
}

#[test]
fn the_committed_header_is_the_generated_one() {
    assert_committed("hotbackup_remote.h", header());
}

#[test]
fn the_exported_symbols_are_the_committed_and_the_declared_ones() {
    let symbols = exported();
    assert_eq!(symbols, declared());
    assert!(
        symbols.iter().all(|name| name.starts_with("backup_remote_") || name.starts_with("backup_secret_"))
    );
    let lines: Vec<String> = symbols.into_iter().collect();
    assert_committed("hotbackup_remote.symbols", &(lines.join("\n") + "\n"));
}

#[test]
fn the_library_has_its_soname_and_asks_for_none_of_libhotbackup() {
    let dynamic = run(Command::new("readelf").arg("-d").arg(library("hotbackup_remote_capi")));
    assert!(dynamic.contains("soname: [libhotbackup_remote.so.0]"), "{dynamic}");
    assert!(!dynamic.contains("libhotbackup.so"), "{dynamic}");
}

#[test]
fn the_headers_compile_alone_and_may_be_included_twice() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (compiler, standard, header) in [
        ("cc", "-std=c99", "hotbackup_remote.h"),
        ("c++", "-std=c++17", "hotbackup_remote.h"),
        ("c++", "-std=c++17", "hotbackup_remote.hpp"),
    ] {
        let file = directory.path().join(if compiler == "cc" { "twice.c" } else { "twice.cpp" });
        fs::write(&file, format!("#include <{header}>\n#include <{header}>\nextern int unused;\n"))
            .expect("a source file");
        let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"];
        run(Command::new(compiler).arg(standard).args(strict).arg(root().join("include")).arg(&file));
    }
}

#[test]
fn the_example_at_the_top_of_the_header_compiles() {
    let lines = header().lines().take_while(|line| !line.starts_with(" */"));
    let example: Vec<&str> = lines.filter_map(|line| line.strip_prefix(" *     ")).collect();
    assert!(example.len() > 10, "{example:?}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("example.c");
    let top = "#include <hotbackup_remote.h>\n#include <stdio.h>\nint main(void) {\n";
    fs::write(&file, format!("{top}{}\nreturn 0;\n}}\n", example.join("\n"))).expect("a source file");
    let strict = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"];
    run(Command::new("cc").args(strict).arg(root().join("include")).arg(&file));
}
