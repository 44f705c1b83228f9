//! C and C++ programs of the tests: compiled against the library of this test run, then run. One that
//! finds nothing wrong prints nothing, so these tests also show that the library never prints.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use super::library::{has, package, staged};
use super::library::{library, run};

/// Ends a program that hangs. valgrind makes it some fifty times slower, and a busy machine again.
const SECONDS: &str = "1800";

const WARNINGS: [&str; 6] = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"];

/// Both compilers that the header is made for, those that are there.
pub fn compilers() -> Vec<&'static str> {
    let is_there = |compiler: &&str| needs(compiler, if *compiler == "clang++" { "clang" } else { compiler });
    ["g++", "clang++"].into_iter().filter(is_there).collect()
}

/// Whether a tool is there, which this package brings.
fn needs(tool: &str, package: &str) -> bool {
    let there = has(tool);
    if !there {
        eprintln!("  apt-get install {package}");
    }
    there
}

/// A C program.
pub fn compile_c(sources: &[PathBuf], program: &Path) {
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g"]);
    run(linked(&mut compiler, sources, program));
}

/// A C++ program, with all the warnings that a host may have turned into errors.
pub fn compile_cpp(compiler: &str, flags: &[&str], sources: &[PathBuf], program: &Path) {
    run(linked(Command::new(compiler).args(WARNINGS).args(flags).arg("-g"), sources, program));
}

/// The compiler's command with the rest of its arguments: sources, this library, the program. The library
/// is found in the program's own directory, which is staged.
pub fn linked<'a>(compiler: &'a mut Command, sources: &[PathBuf], program: &Path) -> &'a mut Command {
    let stage = program.parent().expect("programs lie in a directory");
    compiler
        .args(["-pthread", "-I"])
        .arg(package().join("include"))
        .args(sources)
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", stage.display()))
        .arg("-o")
        .arg(program)
}

/// What a compiler says to a file that must not compile.
pub fn refusal(compiler: &str, source: &Path) -> String {
    let command = &mut Command::new(compiler);
    command.args(["-std=c++17", "-fsyntax-only", "-I"]).arg(package().join("include")).arg(source);
    let Output { status, stderr, .. } = command.output().expect("the compiler is there");
    assert!(!status.success(), "{compiler} compiles {}", source.display());
    String::from_utf8_lossy(&stderr).into_owned()
}

/// The C or C++ files of a directory.
pub fn sources(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory is there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.filter(|path| path.extension() == Some(OsStr::new(extension))).collect()
}

/// Runs a program with a scratch directory of its own as its last argument.
pub fn assert_silent(program: &Path, arguments: &[&Path]) {
    assert_silent_under(&[], program, arguments, None);
}

/// The same under valgrind, if it is there.
pub fn assert_silent_in_valgrind(program: &Path, arguments: &[&Path]) {
    if !needs("valgrind", "valgrind") {
        return;
    }
    let suppressions = format!("--suppressions={}", package().join("tests/c/valgrind.supp").display());
    let log = program.with_extension("valgrind");
    let log_file = format!("--log-file={}", log.display());
    let valgrind = [
        "valgrind",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect,possible",
        "--fair-sched=yes",
        &suppressions,
        &log_file,
    ];
    assert_silent_under(&valgrind, program, arguments, Some(&log));
}

/// What it printed, and the log, say why it failed.
fn assert_silent_under(under: &[&str], program: &Path, arguments: &[&Path], log: Option<&Path>) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let command = &mut Command::new("timeout");
    command.arg(SECONDS).args(under).arg(program).args(arguments).arg(scratch.path());
    let Output { status, stdout, stderr } =
        command.current_dir(scratch.path()).output().expect("timeout is there");
    let printed = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let logged = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
    assert!(status.success() && printed.is_empty(), "{command:?}: {status}\n{printed}{logged}");
}

pub const SANITIZE: &str = "-fsanitize=address,undefined";

/// Whether a compiler has the sanitizers, proved by programs that they must stop.
pub fn sanitizes(compiler: &str) -> bool {
    let stage = staged();
    let flaws = [
        ("use_after_free", "AddressSanitizer", "int *p = new int(argc); delete p; return *p;"),
        ("overflow", "runtime error", "int big = 2147483646 + argc; return big + argc > 0;"),
        ("leak", "LeakSanitizer", "int *volatile p = new int(argc); p = nullptr; return p != nullptr;"),
    ];
    for (name, complaint, body) in flaws {
        let (source, program) = (stage.path().join(name).with_extension("cpp"), stage.path().join(name));
        fs::write(&source, format!("int main(int argc, char **) {{ {body} }}\n")).expect("a source file");
        let compiled = Command::new(compiler)
            .args([SANITIZE, "-fno-sanitize-recover=all", "-w", "-g"])
            .arg(&source)
            .arg("-o")
            .arg(&program)
            .output()
            .expect("the compiler is there");
        if !compiled.status.success() {
            let install = "apt-get install libclang-rt-dev"; // those of g++ come with it
            assert!(
                env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(),
                "the sanitizers of {compiler} are required and not there: {install}"
            );
            eprintln!("skipped: {compiler} has no sanitizers; {install}");
            return false;
        }
        let Output { status, stderr, .. } = Command::new(&program).output().expect("it was compiled");
        let said = String::from_utf8_lossy(&stderr);
        assert!(!status.success() && said.contains(complaint), "{compiler}: {name} passes: {said}");
    }
    true
}
