//! The C++ header as a C++ program sees it: with both compilers, as C++17 and C++20, and with the
//! sanitizers where they are there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::programs::{
    self, SANITIZE, assert_silent, compile_cpp, compilers, package, refusal, sanitizes, sources, staged,
};

fn directory() -> PathBuf {
    package().join("tests/cpp")
}

/// Compiles and runs a theme with each compiler, as C++17 with the sanitizers where it has them and
/// as C++20 where not.
fn passes(theme: &str) {
    let source = [directory().join(theme).with_extension("cpp")];
    for compiler in compilers() {
        let stage = staged();
        let program = stage.path().join(theme);
        let flags: &[&str] = match sanitizes(compiler) {
            true => &["-std=c++17", SANITIZE, "-fno-sanitize-recover=all"],
            false => &["-std=c++20"],
        };
        compile_cpp(compiler, flags, &source, &program);
        assert_silent(&program, &[]);
    }
}

macro_rules! themes {
    ($($theme:ident: $behaviour:ident,)*) => {
        $(#[test] fn $behaviour() { passes(stringify!($theme)); })*

        #[test]
        fn every_cpp_program_is_run() {
            let themes = [$(stringify!($theme)),*];
            for path in sources(&directory(), "cpp") {
                let theme = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
                assert!(themes.contains(&theme), "tests/cpp/{theme}.cpp is not in the table");
            }
        }
    };
}

themes! {
    exceptions: what_a_hook_throws_comes_out_of_wait_as_it_was,
    hooks: any_callable_is_a_hook_and_is_destroyed_once,
    lifetimes: moving_closing_and_destroying_do_what_is_documented,
    values: options_progress_paths_and_constants_pass_unharmed,
}

#[test]
fn the_header_can_be_in_several_files_of_a_program() {
    for compiler in compilers() {
        for standard in ["-std=c++17", "-std=c++20"] {
            let stage = staged();
            let program = stage.path().join("twice");
            compile_cpp(compiler, &[standard], &sources(&directory().join("twice"), "cpp"), &program);
            assert_silent(&program, &[]);
        }
    }
}

/// The last line of each file says what the compiler must mention.
#[test]
fn what_would_be_a_mistake_does_not_compile() {
    for source in sources(&directory().join("refused"), "cpp") {
        let text = fs::read_to_string(&source).expect("a source file");
        let (_, expected) = text.trim_end().rsplit_once("// expect: ").expect("it says what to expect");
        for compiler in compilers() {
            let said = refusal(compiler, &source);
            assert!(said.contains(expected), "{compiler}, {}:\n{said}", source.display());
        }
    }
}

#[test]
fn forty_lines_make_a_backup_and_restore_it() {
    for language in ["c", "cpp"] {
        let source = package().join("examples-c/forty").with_extension(language);
        let lines = fs::read_to_string(&source).expect("the example is there").lines().count();
        assert!(lines <= 40, "{}: {lines} lines", source.display());
        let stage = staged();
        let program = stage.path().join("forty");
        match language {
            "c" => programs::compile_c(&[source], &program),
            _ => compile_cpp(compilers()[0], &["-std=c++17"], &[source], &program),
        }
        restores_what_it_backs_up(&program, &stage.path().join("data"), &stage.path().join("restored"));
    }
}

fn restores_what_it_backs_up(program: &Path, data: &Path, target: &Path) {
    fs::create_dir(data).expect("a data directory");
    fs::write(data.join("file"), "of the database").expect("a file");
    let run = |data: &Path| Command::new(program).args([data, target]).output().expect("it was compiled");
    let output = run(data);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains('%'), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains(target.to_str().expect("UTF-8")), "{output:?}");
    assert_eq!(fs::read(target.join("file")).expect("it was restored"), b"of the database");
    let output = run(&data.join("missing"));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing"), "{output:?}");
}
