//! The binary as it is shipped: what is in it, its help, its pages.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::Place;

const COMMANDS: &[&str] = &[
    "backup",
    "list",
    "show",
    "verify",
    "scrub",
    "restore",
    "undo",
    "recover",
    "prune",
    "delete",
    "diff",
    "plan",
    "doctor",
    "roots",
    "report",
    "remote",
    "remote init",
    "remote push",
    "remote list",
    "remote fetch",
    "remote restore",
    "remote verify",
    "remote forget",
    "remote prune",
    "remote check",
    "remote repair",
    "remote key",
    "remote unlock",
    "remote probe",
    "remote doctor",
    "completions",
];

/// Built by itself, as packages do: in a build of the whole workspace the library has its C functions. It lies where
/// packaging/install.sh has it, which so need not build it again.
fn shipped() -> std::path::PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("command");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--release", "--locked", "--message-format=json-render-diagnostics"]);
    build.args(["-p", "hotbackup-cli", "--target-dir"]).arg(target);
    let built = build.current_dir(package).output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("JSON is UTF-8");
    let messages =
        messages.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let programs = messages.filter_map(|message| Some(message["executable"].as_str()?.to_string()));
    programs.collect::<Vec<_>>().pop().expect("a program").into()
}

#[test]
fn the_shipped_binary_is_small_starts_at_once_and_has_no_c_functions() {
    let binary = shipped();
    let symbols = Command::new("nm").arg("--defined-only").arg("--format=posix").arg(&binary).output();
    let symbols = String::from_utf8(symbols.expect("nm is there").stdout).unwrap();
    assert!(symbols.lines().count() > 1_000, "it is not stripped, so that nm sees all");
    let in_c: Vec<_> = symbols.lines().filter(|line| line.starts_with("backup_")).collect();
    assert!(in_c.is_empty(), "{in_c:?}");
    let size = binary.metadata().unwrap().len();
    println!("the binary has {size} bytes");
    // With its symbols. Two thirds of it are TLS, HTTP and the clients of three clouds.
    assert!(size < 20 << 20, "{size}");
    let starts = (0..20).map(|_| {
        let since = Instant::now();
        assert!(Command::new(&binary).arg("--version").output().unwrap().status.success());
        since.elapsed()
    });
    let fastest = starts.min().unwrap();
    println!("it starts and ends in {} µs", fastest.as_micros());
    assert!(fastest < Duration::from_millis(10), "{fastest:?}");
}

#[test]
fn each_command_has_help_with_examples() {
    let place = Place::new();
    let all = place.run(["--help"]).succeeds().out;
    assert!(all.contains("Exit codes:") && all.contains("130  cancelled"), "{all}");
    for command in COMMANDS {
        let (all, name) = match command.rsplit_once(' ') {
            Some((above, name)) => (&place.run([above, "--help"]).succeeds().out, name),
            None => (&all, *command),
        };
        assert!(all.contains(&format!("\n  {name} ")), "{command}: {all}");
        let help = place.run(command.split(' ').chain(["--help"])).succeeds().out;
        assert!(help.contains("Examples:\n") && help.contains(&format!("hotbackup {command}")), "{help}");
        // Nothing that a shell would cut, nor a page that needs scrolling sideways.
        assert!(help.lines().all(|line| line.chars().count() <= 110), "{help}");
    }
}

#[test]
fn completions_are_what_their_shell_takes() {
    let place = Place::new();
    for (shell, check) in [("bash", Some("bash")), ("zsh", None), ("fish", None), ("elvish", None)] {
        let script = place.run(["completions", shell]).succeeds().out;
        assert!(
            COMMANDS.iter().flat_map(|command| command.split(' ')).all(|word| script.contains(word)),
            "{shell}"
        );
        if let Some(program) = check {
            std::fs::write(place.path("script"), &script).unwrap();
            assert!(Command::new(program).arg("-n").arg(place.path("script")).status().unwrap().success());
        }
        let document = place.json("completions", ["completions", shell, "--json"]);
        assert_eq!((&document["shell"], &document["script"]), (&shell.into(), &script.into()));
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let place = Place::new();
    let document = place.json("man", ["man", "pages/here", "--json"]);
    assert_eq!(document["directory"], "pages/here");
    let read = |name: &str| std::fs::read_to_string(place.path("pages/here").join(name)).unwrap();
    assert!(read("hotbackup.1").contains("Exit codes:"));
    for command in COMMANDS {
        let page = command.replace(' ', "-");
        assert!(read(&format!("hotbackup-{page}.1")).contains("Examples:"), "{command}");
    }
}
