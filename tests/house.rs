//! The sources keep to the rules that ARCHITECTURE.md and CONTRIBUTING.md give: rooms import only to their
//! right, no file knows one that knows it, and nothing grows too long to be read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, each of which imports only those that come after it: the order of the map in ARCHITECTURE.md.
const ROOMS: &[&str] = &[
    "lib",
    "fuzz",
    "ffi",
    "extension",
    "doctor",
    "standalone",
    "coordinator",
    "backup",
    "restore",
    "verify",
    "scrub",
    "staging",
    "root",
    "options",
    "job",
    "settings",
    "snapshot",
    "datadir",
    "layout",
    "io",
    "monitor",
    "paths",
    "sys",
    "sync",
    "error",
];

/// Those of the crate for object stores.
const REMOTE_ROOMS: &[&str] = &[
    "lib",
    "work",
    "remote",
    "probe",
    "options",
    "password",
    "push",
    "bring",
    "repository",
    "store",
    "format",
];

/// No file is longer, but for what it says of itself in its tests.
const LONGEST_FILE: usize = 420;

/// No function is longer, or takes more beside `self`.
const LONGEST_FUNCTION: usize = 60;
const MOST_PARAMETERS: usize = 5;

/// A file of `src`, by its module path, without its comments and its tests.
struct Source {
    module: Vec<String>,
    text: String,
}

impl Source {
    fn name(&self) -> String {
        self.module.join("::")
    }
}

/// The crates with rooms.
fn crates() -> [(&'static [&'static str], Vec<Source>); 2] {
    [(ROOMS, sources_in("src")), (REMOTE_ROOMS, sources_in("remote/src"))]
}

/// The libraries' and the command's.
fn all_sources() -> Vec<Source> {
    ["src", "remote/src", "cli/src"].into_iter().flat_map(sources_in).collect()
}

fn sources_in(directory: &str) -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files = Vec::new();
    let mut pending = vec![top.clone()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).expect("a listing") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => pending.push(path),
                false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
                false => {}
            }
        }
    }
    files.sort();
    files.iter().filter(|path| !path.ends_with("parse_tests.rs")).map(|path| source(&top, path)).collect()
}

fn source(top: &Path, path: &Path) -> Source {
    let relative = path.strip_prefix(top).expect("a file of src").with_extension("");
    let mut module: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "lib") {
        module.pop();
    }
    let text = fs::read_to_string(path).expect("a source");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    Source { module, text: code.collect::<Vec<_>>().join("\n") }
}

/// The module paths that a file names, from `crate` on.
fn named(source: &Source) -> BTreeSet<Vec<String>> {
    let mut paths = BTreeSet::new();
    for (start, word) in ["crate::", "super::"].iter().flat_map(|word| source.text.match_indices(word)) {
        let before = source.text[..start].chars().next_back();
        if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':') {
            continue;
        }
        let mut base = Vec::new();
        let mut rest = &source.text[start + word.len()..];
        if word == "super::" {
            base = source.module[..source.module.len().saturating_sub(1)].to_vec();
            while let Some(above) = rest.strip_prefix("super::") {
                (rest, _) = (above, base.pop());
            }
        }
        spread(&base, rest, &mut paths);
    }
    paths
}

/// Adds what a path goes on with: one name, or several in braces.
fn spread(base: &[String], rest: &str, paths: &mut BTreeSet<Vec<String>>) {
    if let Some(list) = rest.strip_prefix('{') {
        let mut depth = 0;
        let mut start = 0;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    spread(base, list[start..at].trim(), paths);
                    start = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    let mut path = base.to_vec();
    if end > 0 {
        path.push(rest[..end].to_string());
    }
    match rest[end..].strip_prefix("::") {
        Some(more) => spread(&path, more, paths),
        None => _ = paths.insert(path),
    }
}

/// Which file each names: the longest part of the path that is a module.
fn dependencies(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let modules: BTreeSet<&[String]> = sources.iter().map(|source| source.module.as_slice()).collect();
    let file_of = |path: &[String]| {
        let known = (0..=path.len()).rev().map(|length| &path[..length]);
        known.into_iter().find(|part| modules.contains(part)).map(|part| part.join("::"))
    };
    let of = |source: &Source| {
        let mut names: BTreeSet<String> = named(source).iter().filter_map(|path| file_of(path)).collect();
        names.remove(&source.name());
        (source.name(), names)
    };
    sources.iter().map(of).collect()
}

#[test]
fn rooms_import_only_to_their_right() {
    let mut wrong = Vec::new();
    for (rooms, sources) in crates() {
        let place = |room: &str| {
            let found = rooms.iter().position(|known| *known == room);
            found.unwrap_or_else(|| panic!("{room} has no place among the rooms"))
        };
        for (file, names) in dependencies(&sources) {
            for name in names {
                let room = |module: &str| {
                    module.split("::").next().filter(|room| !room.is_empty()).unwrap_or("lib").to_string()
                };
                if place(&room(&file)) > place(&room(&name)) {
                    wrong.push(format!("{file} imports {name}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "these lie to the left:\n{}", wrong.join("\n"));
}

/// A module and what it declares know each other where the parent gives names to its children's users;
/// that is no circle. All else is.
#[test]
fn no_file_knows_one_that_knows_it() {
    let circles: BTreeSet<String> =
        crates().iter().flat_map(|(_, sources)| circles_in(&dependencies(sources))).collect();
    assert!(circles.is_empty(), "these files lie on circles: {circles:?}");
}

fn circles_in(all: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut circles = BTreeSet::new();
    for start in all.keys() {
        let mut reached = BTreeSet::new();
        let mut pending: Vec<&String> = all[start].iter().collect();
        while let Some(file) = pending.pop() {
            if reached.insert(file) {
                pending.extend(&all[file]);
            }
        }
        if reached.contains(start) {
            circles.insert(start.clone());
        }
    }
    circles
}

#[test]
fn the_map_names_every_room() {
    let map = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let missing: Vec<_> = ROOMS.iter().chain(REMOTE_ROOMS).filter(|room| !map.contains(**room)).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md does not name {missing:?}");
}

#[test]
fn no_file_is_too_long_to_be_read() {
    for source in all_sources() {
        let lines = source.text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", source.name());
    }
}

#[test]
fn no_function_is_too_long_or_takes_too_much() {
    let mut wrong = Vec::new();
    for source in all_sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((indent, name)) = function(line) else { continue };
            let signature: String = lines[at..].join(" ");
            let taken = parameters(&signature);
            // What C calls has C's parameters, its error among them.
            if taken > MOST_PARAMETERS && !line.contains("extern \"C\"") {
                wrong.push(format!("{}: {name} takes {taken} parameters", source.name()));
            }
            let is_end = |line: &str| line.starts_with(&format!("{indent}}}"));
            let length = lines[at..].iter().position(|line| is_end(line)).map_or(0, |end| end + 1);
            let is_one_line = line.trim_end().ends_with('}') || line.trim_end().ends_with(';');
            if length > LONGEST_FUNCTION && !is_one_line {
                wrong.push(format!("{}: {name} has {length} lines", source.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The indentation and the name of the function that a line begins.
fn function(line: &str) -> Option<(&str, &str)> {
    let code = line.trim_start();
    let indent = &line[..line.len() - code.len()];
    let words = code.split_once("fn ")?;
    let is_start = words.0.split_whitespace().all(|word| {
        word.starts_with("pub")
            || ["const", "unsafe", "extern", "\"C\"", "async"].contains(&word)
            || word.ends_with(')')
    });
    let name = words.1.split(['(', '<']).next()?;
    (is_start && !name.is_empty()).then_some((indent, name))
}

/// How many parameters a signature has beside `self`.
fn parameters(signature: &str) -> usize {
    let mut angles = 0i32;
    let mut start = None;
    for (at, c) in signature.char_indices() {
        match c {
            '<' => angles += 1,
            '>' if !signature[..at].ends_with('-') && !signature[..at].ends_with('=') => angles -= 1,
            '(' if angles == 0 => {
                start = Some(at + 1);
                break;
            }
            _ => {}
        }
    }
    let Some(start) = start else { return 0 };
    let (mut depth, mut found, mut current) = (0i32, Vec::new(), String::new());
    for c in signature[start..].chars() {
        match c {
            ')' if depth == 0 => break,
            ',' if depth == 0 => found.push(std::mem::take(&mut current)),
            _ => {
                depth += match c {
                    '(' | '[' | '<' | '{' => 1,
                    ')' | ']' | '}' => -1,
                    '>' if !current.ends_with(['-', '=']) => -1,
                    _ => 0,
                };
                current.push(c);
            }
        }
    }
    found.push(current);
    let is_self = |parameter: &str| parameter.trim().trim_start_matches(['&', '\'']).ends_with("self");
    found.iter().filter(|parameter| !parameter.trim().is_empty() && !is_self(parameter)).count()
}
