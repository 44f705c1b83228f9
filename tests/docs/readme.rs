//! The README's first screen. That its code compiles and runs is shown by tests/docs/pages.rs.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name)
}

/// The first block of that language.
fn block(language: &str) -> String {
    let readme = read("README.md");
    let start = format!("```{language}\n");
    let (_, rest) = readme.split_once(&start).expect("a block of that language");
    rest.split_once("```").expect("its end").0.to_string()
}

#[test]
fn the_two_commands_stand_on_its_first_screen() {
    let shell = block("sh");
    assert!(shell.contains("make -C examples-c run") && shell.contains("cargo test --workspace"));
}

#[test]
fn its_programs_are_those_in_the_tree_and_no_longer_than_forty_lines() {
    for (language, file) in [
        ("c", "examples-c/forty.c"),
        ("cpp", "examples-c/forty.cpp"),
        ("python", "bindings/python/examples/forty.py"),
        ("go", "bindings/go/examples/forty/main.go"),
        ("rust,no_run", "examples/forty.rs"),
    ] {
        let program = read(file);
        assert_eq!(block(language), program, "README.md does not show {file} as it is");
        assert!(program.lines().count() <= 40, "{file} has {} lines", program.lines().count());
    }
}
