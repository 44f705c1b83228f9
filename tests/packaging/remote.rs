//! What packaging/install.sh installs with --remote besides: the library for object stores. It takes long to build,
//! and how it is installed does not depend on what it holds: so another library of its name takes its place here.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::common::library::{package, run};
use crate::installed::{expected_files, files};
use crate::prefix::{Linked, Prefix, VERSION, has, script};

pub const SONAME: &str = "libhotbackup_remote.so.0";

/// A target directory with what is built, and with a library that only says its version.
pub fn target() -> TempDir {
    let target = tempfile::tempdir().expect("a temporary directory");
    let built = |name: &str| Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name(name);
    let command = target.path().join("command/release");
    fs::create_dir_all(&command).expect("a directory");
    symlink(built("release"), target.path().join("release")).expect("a link");
    symlink(built("command").join("release/hotbackup"), command.join("hotbackup")).expect("a link");
    let source = target.path().join("library.c");
    // It needs the C library, as the true one does.
    let version = format!("const char *backup_remote_version(void) {{ return \"{VERSION}\"; }}\n");
    fs::write(&source, format!("#include <stdio.h>\nint says(void) {{ return puts(\"\"); }}\n{version}"))
        .expect("a file");
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", &format!("-Wl,-soname,{SONAME}"), "-o"]);
    run(compiler.arg(command.join("libhotbackup_remote_capi.so")).arg(&source));
    target
}

fn with_remote(target: &TempDir, root: &Path) -> Command {
    let mut install = script("install.sh");
    install.arg("--remote").env("CARGO_TARGET_DIR", target.path()).env("PREFIX", root);
    install
}

#[test]
fn the_library_for_object_stores_comes_and_goes_with_what_it_needs() {
    let (target, root) = (target(), tempfile::tempdir().expect("a temporary directory"));
    run(&mut with_remote(&target, root.path()));
    let mut expected = expected_files("lib");
    expected.extend(["h", "hpp"].map(|suffix| format!("include/hotbackup_remote.{suffix}")));
    let real = format!("libhotbackup_remote.so.{VERSION}");
    let libraries = ["libhotbackup_remote.so", SONAME, &real, "pkgconfig/hotbackup_remote.pc"];
    expected.extend(libraries.map(|file| format!("lib/{file}")));
    assert_eq!(files(root.path()), expected);
    let links =
        ["libhotbackup_remote.so", SONAME].map(|link| fs::read_link(root.path().join("lib").join(link)));
    assert_eq!(links.map(|link| link.expect("a link")), [Path::new(SONAME), Path::new(&real)]);

    run(script("install.sh").arg("--uninstall").env("PREFIX", root.path()));
    assert!(files(root.path()).is_empty());
}

#[test]
fn a_library_for_object_stores_that_is_missing_is_refused_before_anything_changes() {
    let (target, root) = (target(), tempfile::tempdir().expect("a temporary directory"));
    fs::remove_file(target.path().join("command/release/libhotbackup_remote_capi.so")).expect("it is there");
    let output = with_remote(&target, root.path()).output().expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("libhotbackup_remote_capi.so is not there"), "{said}");
    assert!(said.contains("nothing was changed") && files(root.path()).is_empty(), "{said}");
}

#[test]
fn programs_link_the_library_for_object_stores_through_pkg_config_and_cmake() {
    if !has("pkg-config", "pkg-config") || !has("cmake", "cmake") {
        return;
    }
    let (target, root) = (target(), tempfile::tempdir().expect("a temporary directory"));
    run(&mut with_remote(&target, root.path()));
    let prefix = Prefix { path: root.path().to_path_buf(), libdir: root.path().join("lib") };

    let mut asked = Command::new("pkg-config");
    asked.env("PKG_CONFIG_PATH", prefix.libdir.join("pkgconfig"));
    let words = run(asked.args(["--cflags", "--libs", "hotbackup_remote"]));
    let program = target.path().join("app");
    let mut compiler = Command::new("c++");
    compiler.args(["-std=c++17", "-Wall", "-Wextra", "-Werror", "-o"]).arg(&program);
    run(compiler.arg(package().join("tests/packaging/remote.cpp")).args(words.split_whitespace()));
    prefix.program_works(&program, Linked::Shared);

    let build = target.path().join("build");
    run(&mut prefix.cmake(&build, &["-DCOMPONENTS=COMPONENTS;remote"]));
    run(Command::new("cmake").arg("--build").arg(&build).args(["--target", "remote"]));
    prefix.program_works(&build.join("remote"), Linked::Shared);
}
