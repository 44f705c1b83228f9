//! packaging/deb.sh makes Debian packages that dpkg installs and removes, that programs link, and whose
//! command runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::common::library::{SONAME, run};
use crate::prefix::{Linked, Prefix, VERSION, has, script};
use crate::remote;

/// The packages: run time, development, command, and the first two for object stores. They are slow to make, so one
/// test looks at all of it.
fn packages(directory: &Path) -> Option<[PathBuf; 5]> {
    if !has("dpkg-deb", "dpkg") || !has("dpkg-shlibdeps", "dpkg-dev") || !has("pkg-config", "pkg-config") {
        return None;
    }
    let (target, mut deb) = (remote::target(), script("deb.sh"));
    deb.env("DPKG_DEB_COMPRESSOR_LEVEL", "0").env("CARGO_TARGET_DIR", target.path());
    run(deb.arg("--remote").arg(directory));
    let architecture = run(Command::new("dpkg").arg("--print-architecture"));
    let file = |package| directory.join(format!("{package}_{VERSION}_{}.deb", architecture.trim_end()));
    let names =
        ["libhotbackup0", "libhotbackup-dev", "hotbackup", "libhotbackup-remote0", "libhotbackup-remote-dev"];
    Some(names.map(file))
}

fn dpkg_deb(arguments: &[&str], package: &Path) -> String {
    run(Command::new("dpkg-deb").arg(arguments[0]).arg(package).args(&arguments[1..]))
}

/// What a package holds, without directories and the words before the path.
fn contents(package: &Path) -> Vec<String> {
    let listed = dpkg_deb(&["--contents"], package);
    let paths = listed.lines().filter(|line| !line.starts_with('d')).filter_map(|line| line.split_once("./"));
    let mut paths: Vec<String> = paths.map(|(_, path)| path.to_owned()).collect();
    paths.sort();
    paths
}

#[test]
fn debian_packages_split_the_library_from_the_command_and_can_be_used_and_removed() {
    let output = tempfile::tempdir().expect("a temporary directory");
    let Some(all) = packages(output.path()) else { return };
    let [runtime, development, program, remote_runtime, remote_development] = &all;
    let multiarch = run(Command::new("dpkg-architecture").arg("-qDEB_HOST_MULTIARCH"));
    let libdir = format!("usr/lib/{}", multiarch.trim_end());

    assert_eq!(
        contents(runtime),
        [
            format!("{libdir}/{SONAME} -> libhotbackup.so.{VERSION}"),
            format!("{libdir}/libhotbackup.so.{VERSION}"),
            "usr/share/doc/libhotbackup0/changelog.gz".into(),
            "usr/share/doc/libhotbackup0/copyright".into(),
        ]
    );
    assert_eq!(
        contents(development),
        [
            "usr/include/hotbackup.h".into(),
            "usr/include/hotbackup.hpp".into(),
            format!("{libdir}/cmake/hotbackup/hotbackup-config-version.cmake"),
            format!("{libdir}/cmake/hotbackup/hotbackup-config.cmake"),
            format!("{libdir}/libhotbackup.a"),
            format!("{libdir}/libhotbackup.so -> {SONAME}"),
            format!("{libdir}/pkgconfig/hotbackup.pc"),
            "usr/share/doc/libhotbackup-dev/changelog.gz".into(),
            "usr/share/doc/libhotbackup-dev/copyright".into(),
        ]
    );
    let documents = ["changelog.gz", "copyright"].map(|name| format!("usr/share/doc/hotbackup/{name}"));
    let mut of_command: Vec<String> = command::files("share/zsh/vendor-completions", ".gz")
        .into_iter()
        .map(|file| format!("usr/{file}"))
        .chain(documents)
        .collect();
    of_command.sort();
    assert_eq!(contents(program), of_command);
    for package in [runtime, program] {
        let depends = dpkg_deb(&["--field", "Depends"], package);
        assert!(depends.contains("libc6 (>= ") && !depends.contains("hotbackup"), "{depends}");
    }
    let depends = dpkg_deb(&["--field", "Depends"], development);
    assert_eq!(depends.trim_end(), format!("libhotbackup0 (= {VERSION})"));
    of_object_stores(remote_runtime, remote_development, &libdir);

    let root = tempfile::tempdir().expect("a temporary directory");
    for package in &all {
        run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(root.path()));
    }
    links(root.path(), &root.path().join(&libdir));
    command::works(&root.path().join("usr"), Path::new("/usr"));
    if fs::metadata("/proc/self").expect("proc is mounted").uid() == 0 {
        comes_and_goes(&all, &root.path().join(&libdir).join(SONAME));
    } else {
        eprintln!("skipped: only root can have dpkg install packages");
    }
}

/// The library for object stores is in packages of its own, which need the others.
fn of_object_stores(runtime: &Path, development: &Path, libdir: &str) {
    let documents =
        |package: &str| ["changelog.gz", "copyright"].map(|name| format!("usr/share/doc/{package}/{name}"));
    let soname = remote::SONAME;
    let mut expected = vec![
        format!("{libdir}/{soname} -> libhotbackup_remote.so.{VERSION}"),
        format!("{libdir}/libhotbackup_remote.so.{VERSION}"),
    ];
    expected.extend(documents("libhotbackup-remote0"));
    assert_eq!(contents(runtime), expected);
    let mut expected = vec![
        "usr/include/hotbackup_remote.h".to_owned(),
        "usr/include/hotbackup_remote.hpp".to_owned(),
        format!("{libdir}/libhotbackup_remote.so -> {soname}"),
        format!("{libdir}/pkgconfig/hotbackup_remote.pc"),
    ];
    expected.extend(documents("libhotbackup-remote-dev"));
    assert_eq!(contents(development), expected);
    let needs = |package, other: &str| {
        let depends = dpkg_deb(&["--field", "Depends"], package);
        assert!(depends.contains(&format!("{other} (= {VERSION})")), "{depends}");
    };
    needs(runtime, "libhotbackup0");
    needs(development, "libhotbackup-remote0");
    needs(development, "libhotbackup-dev");
}

/// Programs of another root are linked through pkg-config with its sysroot.
fn links(root: &Path, libdir: &Path) {
    let prefix = Prefix { path: root.join("usr"), libdir: libdir.to_path_buf() };
    let words = |arguments: &[&str]| -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.env("PKG_CONFIG_PATH", libdir.join("pkgconfig")).env("PKG_CONFIG_SYSROOT_DIR", root);
        run(command.args(arguments).arg("hotbackup")).split_whitespace().map(str::to_owned).collect()
    };
    prefix.programs_work(&words(&["--cflags", "--libs"]), Linked::Shared);
    let fully = [vec!["-static".to_owned()], words(&["--cflags", "--libs", "--static"])].concat();
    prefix.programs_work(&fully, Linked::Static);
}

/// dpkg installs all into an empty root, finds every file as its sum says, and purges them.
fn comes_and_goes(packages: &[PathBuf], example: &Path) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let database = root.path().join("var/lib/dpkg");
    for directory in ["info", "updates", "triggers"] {
        fs::create_dir_all(database.join(directory)).expect("a directory");
    }
    fs::write(database.join("status"), "").expect("a file");
    let dpkg = |arguments: &[&str]| {
        let mut command = Command::new("dpkg");
        command.arg(format!("--root={}", root.path().display())).args(arguments);
        command
    };
    // The C library is not in that root.
    run(dpkg(&["--force-depends", "--install"]).args(packages));
    let installed = run(&mut dpkg(&["--listfiles", "libhotbackup0"]));
    let name = example.file_name().and_then(|name| name.to_str()).expect("a plain name");
    assert!(installed.contains(name), "{installed}");
    assert_eq!(run(&mut dpkg(&["--verify"])), "");
    let names =
        packages.iter().map(|package| dpkg_deb(&["--field", "Package"], package).trim_end().to_owned());
    run(dpkg(&["--purge"]).args(names));
    assert!(!root.path().join("usr").exists());
}
