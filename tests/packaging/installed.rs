//! What packaging/install.sh installs can be linked each way: pkg-config and CMake, shared and
//! static, in C and C++, in a multiarch directory, and after the prefix was moved.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::common::go_module as module;
use crate::common::go_module::Module;
use crate::common::library::{SONAME, package, run};
use crate::prefix::{Linked, MULTIARCH, Prefix, VERSION, has, script};
use tempfile::TempDir;

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// All files and links below a directory, relative to it.
pub fn files(root: &Path) -> BTreeSet<String> {
    let found = run(Command::new("find").arg(root).args(["!", "-type", "d", "-printf", "%P\n"]));
    found.lines().map(str::to_owned).collect()
}

pub fn expected_files(libdir: &str) -> BTreeSet<String> {
    let libraries = [
        "cmake/hotbackup/hotbackup-config-version.cmake".into(),
        "cmake/hotbackup/hotbackup-config.cmake".into(),
        "libhotbackup.a".into(),
        "libhotbackup.so".into(),
        SONAME.into(),
        format!("libhotbackup.so.{VERSION}"),
        "pkgconfig/hotbackup.pc".into(),
    ];
    let libraries = libraries.iter().map(|file: &String| format!("{libdir}/{file}"));
    ["include/hotbackup.h".to_owned(), "include/hotbackup.hpp".to_owned()]
        .into_iter()
        .chain(command::files("share/zsh/site-functions", ""))
        .chain(libraries)
        .collect()
}

#[test]
fn a_staged_tree_has_every_file_and_names_neither_the_stage_nor_the_sources() {
    let stage = scratch();
    let install = &mut script("install.sh");
    run(install.env("DESTDIR", stage.path()).env("PREFIX", "/opt/hb").env("LIBDIR", MULTIARCH));
    let root = stage.path().join("opt/hb");
    assert_eq!(
        files(stage.path()),
        expected_files(MULTIARCH).iter().map(|file| format!("opt/hb/{file}")).collect()
    );

    for file in files(&root) {
        let text = String::from_utf8_lossy(&fs::read(root.join(&file)).expect("a file")).into_owned();
        let mode = fs::metadata(root.join(&file)).expect("a file").permissions().mode() & 0o777;
        let is_run = file.contains(".so") || file == "bin/hotbackup";
        assert_eq!(mode, if is_run { 0o755 } else { 0o644 }, "{file}");
        if file.contains("libhotbackup.") || file == "bin/hotbackup" {
            continue;
        }
        for wrong in [stage.path(), package()] {
            assert!(!text.contains(&wrong.display().to_string()), "{file} names {}", wrong.display());
        }
        let is_word =
            |part: &str| !part.is_empty() && part.bytes().all(|letter| matches!(letter, b'A'..=b'Z' | b'_'));
        assert!(!text.split('@').any(is_word), "{file} has a word that was not filled in");
    }
    command::works(&root, Path::new("/opt/hb"));
    let libraries = root.join(MULTIARCH);
    assert_eq!(fs::read_link(libraries.join("libhotbackup.so")).expect("a link"), Path::new(SONAME));
    let real = PathBuf::from(format!("libhotbackup.so.{VERSION}"));
    assert_eq!(fs::read_link(libraries.join(SONAME)).expect("a link"), real);
    let dynamic = run(Command::new("readelf").arg("-d").arg(libraries.join(real)));
    assert!(dynamic.contains(&format!("soname: [{SONAME}]")), "{dynamic}");
    assert!(!dynamic.contains("RUNPATH") && !dynamic.contains("RPATH"), "{dynamic}");
}

#[test]
fn an_uninstall_removes_what_was_installed_and_nothing_else() {
    let root = scratch();
    let prefix = Prefix::install(root.path(), "lib");
    fs::write(prefix.libdir.join("libother.so"), "").expect("a file");
    assert_eq!(files(root.path()).len(), expected_files("lib").len() + 1);
    run(script("install.sh").arg("--uninstall").env("PREFIX", root.path()));
    assert_eq!(files(root.path()), BTreeSet::from(["lib/libother.so".to_owned()]));
    assert!(!prefix.libdir.join("cmake/hotbackup").exists());
}

#[test]
fn directories_that_cannot_be_moved_with_the_prefix_are_refused() {
    let root = scratch();
    for (variable, value) in [
        ("PREFIX", "relative"),
        ("LIBDIR", "/elsewhere/lib"),
        ("LIBDIR", "../lib"),
        ("INCLUDEDIR", "a/../.."),
    ] {
        let mut install = script("install.sh");
        let output = install.env("PREFIX", root.path()).env(variable, value).output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(variable) && said.contains(value), "{said}");
    }
    assert!(files(root.path()).is_empty());
}

#[test]
fn a_command_that_is_missing_or_of_another_version_is_refused_before_anything_changes() {
    let root = scratch();
    let target = scratch();
    let mut install = script("install.sh");
    install.env("PREFIX", root.path()).env("CARGO_TARGET_DIR", target.path());
    let release = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("release");
    symlink(release, target.path().join("release")).expect("a link");
    let mut refused = |why: &str| {
        let output = install.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{said}");
        assert!(said.contains("nothing was changed") && files(root.path()).is_empty(), "{said}");
    };
    refused("command/release/hotbackup is not there");
    let command = target.path().join("command/release/hotbackup");
    fs::create_dir_all(command.parent().expect("it has one")).expect("a directory");
    fs::write(&command, "#!/bin/sh\necho hotbackup 0.0.1\n").expect("a file");
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).expect("a mode");
    refused("it is hotbackup 0.0.1");
}

#[test]
fn programs_link_the_shared_library_through_pkg_config() {
    if !has("pkg-config", "pkg-config") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(root.path(), "lib");
    assert_eq!(prefix.pkg_config(&["--modversion"]), [VERSION]);
    prefix.programs_work(&prefix.pkg_config(&["--cflags", "--libs"]), Linked::Shared);
}

#[test]
fn programs_link_the_static_library_through_pkg_config() {
    if !has("pkg-config", "pkg-config") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(root.path(), MULTIARCH);
    let words = prefix.pkg_config(&["--cflags", "--libs", "--static"]);
    prefix.programs_work(&[&["-static".to_owned()], words.as_slice()].concat(), Linked::Static);

    // This library alone, and the system's as shared ones.
    let mut words = prefix.pkg_config(&["--cflags"]);
    words.push("-Wl,-Bstatic".into());
    words.extend(prefix.pkg_config(&["--libs"]));
    words.push("-Wl,-Bdynamic".into());
    words.extend(prefix.pkg_config(&["--libs", "--static"]).into_iter().filter(|word| word != "-lhotbackup"));
    prefix.programs_work(&words, Linked::Static);
}

#[test]
fn the_static_library_needs_what_the_compiler_says() {
    let source = scratch();
    let mut rustc = Command::new("rustc");
    rustc.args(["--crate-type=staticlib", "--crate-name=empty", "--print=native-static-libs", "-"]);
    let output = rustc.current_dir(source.path()).output().expect("rustc is there");
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, libraries) = said.split_once("native-static-libs: ").expect("it says what it links");
    let needed: Vec<&str> =
        libraries.split_whitespace().filter(|library| !["-lgcc_s", "-lc"].contains(library)).collect();

    let root = scratch();
    let prefix = Prefix::install(root.path(), "lib");
    let private = fs::read_to_string(prefix.libdir.join("pkgconfig/hotbackup.pc")).expect("the .pc file");
    assert!(private.contains(&format!("Libs.private: {}\n", needed.join(" "))), "{needed:?}\n{private}");
    let cmake =
        fs::read_to_string(prefix.libdir.join("cmake/hotbackup/hotbackup-config.cmake")).expect("a file");
    let names: Vec<&str> = needed.iter().map(|library| &library[2..]).collect();
    assert!(
        cmake.contains(&format!("INTERFACE_LINK_LIBRARIES \"{}\"", names.join(";"))),
        "{names:?}\n{cmake}"
    );
}

#[test]
fn programs_link_both_libraries_through_cmake() {
    if !has("cmake", "cmake") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(root.path(), MULTIARCH);
    prefix.cmake_works(&[]);
}

#[test]
fn cmake_finds_versions_and_components_that_are_there_and_no_others() {
    if !has("cmake", "cmake") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(root.path(), "lib");
    let configures = |setting: &str| {
        let build = scratch();
        prefix.cmake(build.path(), &[setting]).output().expect("cmake is there").status.success()
    };
    let [major, minor, _] = VERSION.split('.').collect::<Vec<_>>()[..] else { panic!("{VERSION}") };
    let next = minor.parse::<u32>().expect("a number") + 1;
    for wanted in
        [format!("{major}.{minor}"), format!("{VERSION};EXACT"), format!("{major}.0...{major}.{next}")]
    {
        assert!(configures(&format!("-DWANTED={wanted}")), "{wanted}");
    }
    for refused in [format!("{major}.{next}"), "99".into(), format!("{major}.0...<{VERSION}")] {
        assert!(!configures(&format!("-DWANTED={refused}")), "{refused}");
    }
    assert!(configures("-DCOMPONENTS=COMPONENTS;shared;static"));
    for lacking in ["fuse", "remote"] {
        assert!(!configures(&format!("-DCOMPONENTS=COMPONENTS;{lacking}")), "{lacking}");
    }
}

#[test]
fn the_cmake_package_is_found_where_lib_is_a_link() {
    if !has("cmake", "cmake") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(&root.path().join("usr"), MULTIARCH);
    symlink("usr/lib", root.path().join("lib")).expect("a link");
    let package = root.path().join(MULTIARCH).join("cmake/hotbackup");
    let build = scratch();
    run(&mut prefix.cmake(build.path(), &[&format!("-Dhotbackup_DIR={}", package.display())]));
}

#[test]
fn a_prefix_that_was_moved_still_works() {
    if !has("pkg-config", "pkg-config") || !has("cmake", "cmake") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(&root.path().join("before"), MULTIARCH).moved_to(&root.path().join("after"));
    prefix.programs_work(&prefix.pkg_config(&["--cflags", "--libs"]), Linked::Shared);
    prefix.cmake_works(&[]);
}

#[test]
fn the_systems_own_prefix_is_named_as_it_is_and_follows_a_sysroot() {
    if !has("pkg-config", "pkg-config") {
        return;
    }
    let stage = scratch();
    run(script("install.sh").env("DESTDIR", stage.path()).env("PREFIX", "/usr").env("LIBDIR", MULTIARCH));
    let path = stage.path().join("usr");
    let prefix = Prefix { libdir: path.join(MULTIARCH), path };
    assert_eq!(prefix.pkg_config(&["--variable=includedir"]), ["/usr/include"]);
    assert_eq!(prefix.pkg_config(&["--cflags", "--libs"]), ["-lhotbackup"]);
    let mut command = Command::new("pkg-config");
    command
        .env("PKG_CONFIG_PATH", prefix.libdir.join("pkgconfig"))
        .env("PKG_CONFIG_SYSROOT_DIR", stage.path());
    let words = run(command.args(["--cflags", "--libs", "hotbackup"]));
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    prefix.programs_work(&words, Linked::Shared);
}

#[test]
fn the_go_package_builds_against_an_installed_library_and_so_does_a_vendored_copy() {
    if !has("pkg-config", "pkg-config") {
        return;
    }
    let root = scratch();
    let prefix = Prefix::install(&root.path().join("prefix"), MULTIARCH);
    // A cache of its own: Go's keeps what pkg-config said of an installation that is gone.
    let cache = root.path().join("cache");
    for is_vendored in [false, true] {
        let Some(module) = Module::new() else { return };
        if is_vendored {
            run(module.go().args(["mod", "vendor"]));
            assert!(!module.file("vendor/hotbackup/hotbackup.h").exists());
        }
        let builds = |arguments: &[&str]| {
            let mut go = module.go();
            go.env_remove("CGO_LDFLAGS").env("GOCACHE", &cache);
            go.env("PKG_CONFIG_PATH", prefix.libdir.join("pkgconfig"));
            go.args(["build", "-tags", "hotbackup_pkgconfig", "-o"]).arg(module.program());
            run(go.args(arguments).arg("."));
        };
        builds(&[]);
        let mut program = Command::new(module.program());
        program.args([module.data(), module.target()]).env("LD_LIBRARY_PATH", &prefix.libdir);
        module.restores(&mut program);

        fs::remove_dir_all(module.target()).expect("it was restored");
        builds(&["-ldflags", "-linkmode external -extldflags -static"]);
        module::assert_static(&module.program());
        module.works();
    }
}
