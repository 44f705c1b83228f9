//! Every block of code in the documentation is compiled and run, or says that it is no code (`text`).
//!
//! A block is a whole program, or a piece that stands in its language's frame in tests/docs. Rust is
//! tested as the crate's own docs. A line of `sh` or `cmake` must be one that `.ci/run` runs, or a script
//! that it runs: whoever types it gets what CI got. The walks of docs/operating.md (`console`) are typed by
//! cli/tests/operating.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::block::{Block, all_blocks, documents, in_language, prose};
use crate::common::go as command;
use crate::common::library::{has, library, package, run, staged};
use crate::common::programs::linked;
use crate::common::{Place, tree};

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wno-unused-function", "-Werror"];

/// The arguments of a program in the documentation are a data directory and where to restore it, those
/// of a piece in its frame a data directory, a root and an empty directory.
fn runs(block: &Block, program: &mut Command) {
    let place = Place::with_files();
    let before = tree(&place.data());
    if block.is_whole() {
        program.arg(place.data()).arg(place.beside("again"));
    } else {
        fs::create_dir(place.beside("target")).unwrap();
        program.args([place.data(), place.beside("root"), place.beside("target")]);
    }
    let output = program.output().unwrap_or_else(|error| panic!("{block}: {program:?}: {error}"));
    assert!(
        output.status.success(),
        "{block}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    if block.is_whole() && place.beside("again").exists() {
        assert_eq!(tree(&place.beside("again")), before, "{block}");
    }
}

fn compiles_and_runs(block: &Block, compiler: &str, standard: &str, extension: &str) {
    let stage = staged();
    let source = stage.path().join("block").with_extension(extension);
    fs::write(&source, block.program(extension)).unwrap();
    let program = stage.path().join("block");
    let mut compiler = Command::new(compiler);
    let compiled = linked(compiler.arg(standard).args(STRICT), &[source], &program).output().unwrap();
    assert!(compiled.status.success(), "{block}:\n{}", String::from_utf8_lossy(&compiled.stderr));
    runs(block, &mut Command::new(&program));
}

#[test]
fn the_c_in_the_docs_compiles_and_runs() {
    in_language("c").for_each(|block| compiles_and_runs(&block, "cc", "-std=c11", "c"));
}

#[test]
fn the_cpp_in_the_docs_compiles_and_runs() {
    in_language("cpp").for_each(|block| compiles_and_runs(&block, "c++", "-std=c++17", "cpp"));
}

#[test]
fn the_python_in_the_docs_runs() {
    if !has("python3") {
        return;
    }
    for block in in_language("python") {
        let scratch = tempfile::tempdir().unwrap();
        let script = scratch.path().join("block.py");
        fs::write(&script, block.program("py")).unwrap();
        runs(
            &block,
            Command::new("python3")
                .arg(&script)
                .env("PYTHONPATH", package().join("bindings/python"))
                .env("PYTHONDONTWRITEBYTECODE", "1")
                .env("HOTBACKUP_LIBRARY", library()),
        );
    }
}

#[test]
fn the_json_in_the_docs_is_json() {
    for block in in_language("json") {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
        assert!(parsed.is_ok(), "{block}: {}", parsed.unwrap_err());
    }
}

#[test]
fn the_commands_in_the_docs_are_run_by_ci() {
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    let mut ran = read(&package().join(".ci/run"));
    for script in fs::read_dir(package().join("tests/docs")).unwrap() {
        let script = script.unwrap().path();
        if script.extension().is_some_and(|extension| extension == "sh") {
            let name = format!("tests/docs/{}", script.file_name().unwrap().to_str().unwrap());
            assert!(ran.contains(&name), "{name} is not run by .ci/run");
            ran += &read(&script);
        }
    }
    for block in in_language("sh").chain(in_language("cmake")) {
        for line in block.text.lines().filter(|line| !line.starts_with('#')) {
            let command = line.split(" #").next().unwrap().trim();
            assert!(ran.contains(command), "{block}: nobody runs `{command}`");
        }
    }
}

#[test]
fn each_block_is_in_a_language_that_is_tried() {
    for block in all_blocks() {
        let is_walk = block.language == "console" && block.to_string().starts_with("docs/operating.md:");
        let tried = ["c", "cpp", "python", "go", "rust", "rust,no_run", "json", "sh", "cmake", "text"];
        assert!(is_walk || tried.contains(&block.language.as_str()), "{block}: {:?}", block.language);
    }
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let has_rust = text.contains("```rust");
        let name = document.strip_prefix(package()).unwrap().display().to_string();
        let crates = [include_str!("../../src/lib.rs"), include_str!("../../remote/src/lib.rs")];
        let is_doctest = crates.iter().any(|crate_docs| crate_docs.contains(&name));
        assert!(!has_rust || is_doctest, "the Rust in {name} is not tested: include it in a src/lib.rs");
    }
}

#[test]
fn links_lead_somewhere() {
    for document in documents() {
        let text = prose(&document);
        for link in text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            if link.starts_with("http") || link.starts_with('#') {
                continue;
            }
            let path = document.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(path.exists(), "{}: {link}", document.display());
        }
    }
}

/// Where the tests of the other packages are that a promise may name: `remote::faults::kills::…` is a function in
/// remote/tests/faults/kills.rs.
const OTHERS: [(&str, &str); 3] =
    [("remote::", "remote/tests"), ("remote_capi::", "remote/capi/tests/capi"), ("cli::", "cli/tests")];

/// The file that a test's module is, by its name: `faults::kill` is tests/faults/kill.rs.
fn file_of(module: &str) -> PathBuf {
    let of_other = OTHERS.iter().find_map(|(name, tests)| Some((module.strip_prefix(name)?, *tests)));
    let (module, tests) = of_other.unwrap_or((module, "tests"));
    package().join(tests).join(module.replace("::", "/")).with_extension("rs")
}

/// Those of C programs are in a table.
#[test]
fn each_promise_has_tests_that_are_there() {
    let text = fs::read_to_string(package().join("docs/promises.md")).unwrap();
    for line in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what must hold")) {
        let named: Vec<&str> =
            line.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        assert!(!named.is_empty() || line.starts_with("| --- "), "nothing tries this: {line}");
        for test in named {
            let (module, function) = test.rsplit_once("::").unwrap();
            let code = fs::read_to_string(file_of(module)).unwrap_or_else(|error| panic!("{test}: {error}"));
            let is_there =
                ["fn {}()", ": {},"].iter().any(|form| code.contains(&form.replace("{}", function)));
            assert!(is_there, "there is no test {test}");
        }
    }
}

#[test]
fn each_test_that_the_docs_name_is_there() {
    for document in documents() {
        let text = prose(&document);
        // Every other piece is between backticks.
        for named in text.split('`').skip(1).step_by(2) {
            let is_test = named.starts_with("tests/") || named.starts_with("src/");
            if is_test && !named.contains(['*', '<', ' ']) {
                assert!(package().join(named).exists(), "{}: {named}", document.display());
            }
        }
    }
}

#[test]
fn the_go_in_the_docs_compiles_and_runs() {
    for block in in_language("go") {
        let module = tempfile::tempdir().unwrap();
        let Some(mut go) = command::go(module.path(), 24) else { return };
        let binding = package().join("bindings/go");
        let go_mod = format!(
            "module block\n\ngo 1.24\n\nrequire hotbackup v0.0.0\n\nreplace hotbackup => {}\n",
            binding.display()
        );
        fs::write(module.path().join("go.mod"), go_mod).unwrap();
        fs::write(module.path().join("main.go"), block.program("go")).unwrap();
        let program = module.path().join("block");
        run(go.env("GOFLAGS", "-mod=mod").args(["build", "-o"]).arg(&program).arg("."));
        runs(&block, &mut Command::new(&program));
    }
}
