//! What packaging/install.sh installs below a prefix, and programs that use the library there.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use crate::common::library::{SONAME, package, run};

pub const MULTIARCH: &str = "lib/x86_64-linux-gnu";
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether a tool is there; if not, says what installs it.
pub fn has(tool: &str, debian_package: &str) -> bool {
    let there = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(env::var_os("HOTBACKUP_TEST_REQUIRE_ALL").is_none(), "{tool} is required and not there");
        eprintln!("skipped: {tool} is not there (apt-get install {debian_package})");
    }
    there
}

/// A script of packaging/, for a library and a command that are built once for all tests of this run.
pub fn script(name: &str) -> Command {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        run(Command::new(package().join("packaging/install.sh")).arg("--build"));
    });
    let mut script = Command::new(package().join("packaging").join(name));
    for variable in ["PREFIX", "DESTDIR", "LIBDIR", "INCLUDEDIR"] {
        script.env_remove(variable);
    }
    script.arg("--no-build");
    script
}

pub struct Prefix {
    pub path: PathBuf,
    pub libdir: PathBuf,
}

impl Prefix {
    pub fn install(path: &Path, libdir: &str) -> Prefix {
        run(script("install.sh").env("PREFIX", path).env("LIBDIR", libdir));
        Prefix { path: path.to_path_buf(), libdir: path.join(libdir) }
    }

    pub fn moved_to(self, path: &Path) -> Prefix {
        let libdir = path.join(self.libdir.strip_prefix(&self.path).expect("it lies below"));
        fs::rename(&self.path, path).expect("the prefix can be moved");
        Prefix { path: path.to_path_buf(), libdir }
    }

    /// What pkg-config says, word by word.
    pub fn pkg_config(&self, arguments: &[&str]) -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", self.libdir.join("pkgconfig")).args(arguments).arg("hotbackup");
        run(&mut command).split_whitespace().map(str::to_owned).collect()
    }

    /// Compiles the C and the C++ program with these words at the end of the line, and tries both.
    pub fn programs_work(&self, words: &[String], linked: Linked) {
        for (compiler, source) in [("cc", "app.c"), ("c++", "app.cpp")] {
            let scratch = tempfile::tempdir().expect("a temporary directory");
            let program = scratch.path().join("app");
            let standard = if compiler == "cc" { "-std=c99" } else { "-std=c++17" };
            let source = package().join("tests/packaging").join(source);
            let strict = ["-Wall", "-Wextra", "-Werror", standard, "-o"];
            run(Command::new(compiler).args(strict).arg(&program).arg(source).args(words));
            self.program_works(&program, linked);
        }
    }

    /// Configures and builds the CMake project, and tries its four programs.
    pub fn cmake_works(&self, settings: &[&str]) {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        run(&mut self.cmake(scratch.path(), settings));
        run(Command::new("cmake").arg("--build").arg(scratch.path()));
        for language in ["c", "cpp"] {
            self.program_works(&scratch.path().join(format!("{language}-shared")), Linked::Shared);
            self.program_works(&scratch.path().join(format!("{language}-static")), Linked::Static);
        }
    }

    /// The configuration of the CMake project.
    pub fn cmake(&self, build: &Path, settings: &[&str]) -> Command {
        let mut command = Command::new("cmake");
        command.arg("-S").arg(package().join("tests/packaging")).arg("-B").arg(build).args(settings);
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", self.path.display()));
        command
    }

    /// It backs up a directory, with the library that it should.
    pub fn program_works(&self, program: &Path, linked: Linked) {
        let needed = run(Command::new("readelf").arg("-d").arg(program));
        assert_eq!(needed.contains(SONAME), linked == Linked::Shared, "{program:?}: {needed}");
        let data = tempfile::tempdir().expect("a temporary directory");
        fs::write(data.path().join("1.sst"), "a table").expect("a file");
        let printed = run(Command::new(program).arg(data.path()).env("LD_LIBRARY_PATH", &self.libdir));
        let snapshot = Path::new(printed.trim_end());
        assert_eq!(fs::read_to_string(snapshot.join("1.sst")).expect("the copy"), "a table");
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Linked {
    Shared,
    Static,
}
