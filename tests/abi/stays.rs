//! What compiled programs rely on stays as it is: the values of constants, the places of fields,
//! and, once there is a release, all types of its header.
//!
//! `HOTBACKUP_UPDATE=1 cargo test --test abi` adds what is new to include/hotbackup.layout.
//! It changes and removes no line: the file begins anew only with a new soname.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::common::library::{package, run};

const HEADER: &str = include_str!(env!("HOTBACKUP_GENERATED_HEADER"));

/// `constant <name> <value>`, `struct <name> <size>` and `field <struct>.<name> <offset> <size>`, as
/// a C compiler has them.
fn layout(header: &str) -> Vec<String> {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    fs::write(scratch.path().join("hotbackup.h"), header).expect("the header");
    let (source, program) = (scratch.path().join("layout.c"), scratch.path().join("layout"));
    let lines = [constants(header), fields(header)].concat().join("\n");
    let includes = "#include <hotbackup.h>\n#include <stdio.h>";
    fs::write(&source, format!("{includes}\nint main(void) {{\n{lines}\nreturn 0;\n}}\n"))
        .expect("the source");
    run(Command::new("cc").arg("-I").arg(scratch.path()).arg(source).arg("-o").arg(&program));
    run(&mut Command::new(program)).lines().map(str::to_owned).collect()
}

fn constants(header: &str) -> Vec<String> {
    let names = header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' '));
    names.map(|(name, _)| format!(r#"printf("constant {name} %lld\n", (long long){name});"#)).collect()
}

fn fields(header: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for body in header.split("typedef struct {").skip(1) {
        let (body, after) = body.split_once("\n} ").expect("the struct ends");
        let (of, _) = after.split_once(';').expect("the struct has a name");
        lines.push(format!(r#"printf("struct {of} %zu\n", sizeof({of}));"#));
        let code = body.lines().filter(|line| !line.trim_start().starts_with("//"));
        for name in code.filter_map(|line| line.trim_end().strip_suffix(';')?.rsplit([' ', '*']).next()) {
            let place = format!("offsetof({of}, {name}), sizeof((({of} *)0)->{name})");
            lines.push(format!(r#"printf("field {of}.{name} %zu %zu\n", {place});"#));
        }
    }
    lines
}

/// The first committed line that is no longer true. A struct may have grown.
fn broken<'a>(committed: &'a [String], now: &[String]) -> Option<&'a String> {
    let split = |line: &str| line.rsplit_once(' ').map(|(name, size)| (name.to_owned(), size.parse::<u64>()));
    let grown = |old: &str, new: &str| match (split(old), split(new)) {
        (Some((name, Ok(old))), Some((same, Ok(new)))) => name == same && new >= old,
        _ => false,
    };
    let stays =
        |old: &&String| now.iter().any(|new| new == *old || (old.starts_with("struct ") && grown(old, new)));
    committed.iter().find(|line| !stays(line))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn constants_and_fields_keep_their_values_and_places() {
    let path = package().join("include/hotbackup.layout");
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let now = layout(HEADER);
    if let Some(line) = broken(&lines(&committed), &now) {
        panic!("compiled programs rely on `{line}`, which is no longer so: undo that, or raise the soname");
    }
    let head = "# What is compiled into programs, as tests/abi/stays.rs has found it; no line may change but a\n\
                # struct's size, which may grow.\n";
    let new = format!("{head}{}\n", now.join("\n"));
    if env::var_os("HOTBACKUP_UPDATE").is_some() {
        fs::write(&path, &new).expect("include/ can be written");
    } else {
        assert_eq!(committed, new, "HOTBACKUP_UPDATE=1 cargo test --test abi adds what is new");
    }
}

/// A header in which one thing is different.
fn edited(from: &str, to: &str) -> String {
    assert!(HEADER.contains(from), "the header has no {from:?}");
    HEADER.replacen(from, to, 1)
}

const LAST_FIELD: &str = "    uint64_t finished_at_ms;\n";

#[test]
fn a_changed_value_and_a_moved_or_renamed_field_are_found() {
    let committed = layout(HEADER);
    let cases = [
        ("#define BACKUP_CONFLICT 3\n", "#define BACKUP_CONFLICT 33\n", Some("constant BACKUP_CONFLICT 3")),
        ("#define BACKUP_CONFLICT 3\n", "", Some("constant BACKUP_CONFLICT 3")),
        (
            "    uint64_t bytes_total;\n",
            "    uint32_t bytes_total;\n",
            Some("field backup_progress.bytes_total 24 8"),
        ),
        ("    uint32_t percent;\n", "    uint32_t percents;\n", Some("field backup_progress.percent 16 4")),
        (LAST_FIELD, "", Some("struct backup_progress 128")),
        (LAST_FIELD, &format!("{LAST_FIELD}    uint64_t more;\n"), None),
        ("#define BACKUP_OK 0\n", "#define BACKUP_OK 0\n#define BACKUP_MORE 0\n", None),
    ];
    for (from, to, expected) in cases {
        let now = layout(&edited(from, to));
        assert_eq!(broken(&committed, &now).map(String::as_str), expected, "{from:?} became {to:?}");
    }
}

/// packaging/abi-check.sh, if it has what it needs.
fn check(arguments: &[&Path]) -> Option<Output> {
    if Command::new("abidiff").arg("--version").output().is_err() {
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "abidiff is required and not there");
        eprintln!("skipped: abidiff is not there (apt-get install abigail-tools)");
        return None;
    }
    let script = package().join("packaging/abi-check.sh");
    Some(Command::new(script).args(arguments).output().expect("a shell"))
}

#[test]
fn the_header_keeps_the_abi_of_the_last_release() {
    if let Some(Output { status, stdout, stderr }) = check(&[]) {
        let said = [stdout, stderr].concat();
        assert!(status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn a_type_that_is_different_from_the_last_release_is_found() {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let (old, new) = (scratch.path().join("old.h"), scratch.path().join("new.h"));
    fs::write(&old, HEADER).expect("a header");
    let function = "uint32_t backup_abi_version(void);\n";
    let more = format!("{LAST_FIELD}    uint64_t more;\n");
    let cases = [
        (function, "", false),
        (function, "uint64_t backup_abi_version(void);\n", false),
        (function, "uint32_t backup_abi_version(int32_t of);\n", false),
        ("    uint64_t bytes_total;\n", "    int64_t bytes_total;\n", false),
        ("    uint64_t bytes_total;\n", "    uint64_t more;\n    uint64_t bytes_total;\n", false),
        (LAST_FIELD, "    int64_t finished_at_ms;\n    uint64_t more;\n", false),
        ("(*backup_hook_fn)(void *user_data, ", "(*backup_hook_fn)(", false),
        (LAST_FIELD, &more, true),
        (function, &format!("{function}uint32_t backup_more(void);\n"), true),
        ("", "", true),
    ];
    for (from, to, fine) in cases {
        fs::write(&new, edited(from, to)).expect("a header");
        let Some(Output { status, stdout, stderr }) = check(&[&old, &new]) else { return };
        let said = [stdout, stderr].concat();
        assert_eq!(status.success(), fine, "{from:?} became {to:?}\n{}", String::from_utf8_lossy(&said));
    }
}
