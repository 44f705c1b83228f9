//! The command as it is installed: it runs, has its manual, completions and units.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::library::run;
use crate::prefix::{VERSION, has};

/// As their pages are named.
const COMMANDS: [&str; 31] = [
    "backup",
    "completions",
    "delete",
    "diff",
    "doctor",
    "list",
    "plan",
    "prune",
    "recover",
    "remote",
    "remote-check",
    "remote-doctor",
    "remote-fetch",
    "remote-forget",
    "remote-init",
    "remote-key",
    "remote-list",
    "remote-probe",
    "remote-prune",
    "remote-push",
    "remote-repair",
    "remote-restore",
    "remote-unlock",
    "remote-verify",
    "report",
    "restore",
    "roots",
    "scrub",
    "show",
    "undo",
    "verify",
];

/// Its files below the prefix, where zsh's completions lie in that directory and pages are named with that suffix.
pub fn files(zsh: &str, suffix: &str) -> Vec<String> {
    let units = ["backup", "prune", "scrub"].into_iter().flat_map(|kind| {
        ["service", "timer"].map(|suffix| format!("lib/systemd/system/hotbackup-{kind}@.{suffix}"))
    });
    let pages = COMMANDS.map(|command| format!("share/man/man1/hotbackup-{command}.1{suffix}"));
    let others = [
        "bin/hotbackup".to_owned(),
        format!("share/man/man1/hotbackup.1{suffix}"),
        "share/bash-completion/completions/hotbackup".to_owned(),
        format!("{zsh}/_hotbackup"),
        "share/fish/vendor_completions.d/hotbackup.fish".to_owned(),
    ];
    units.chain(pages).chain(others).collect()
}

/// The command below `root` runs, and is that of the units, which will lie in `prefix`; it has exactly these
/// commands, each with a page that man shows, and bash takes its completions.
pub fn works(root: &Path, prefix: &Path) {
    let said = run(Command::new(root.join("bin/hotbackup")).arg("--version"));
    assert_eq!(said.trim_end(), format!("hotbackup {VERSION}"));

    let can_show = has("man", "man-db");
    let pages = fs::read_dir(root.join("share/man/man1")).expect("pages");
    for page in pages.map(|page| page.expect("a page").path()) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("a plain name");
        let (name, _) = name.split_once(".1").expect("of section 1");
        if can_show {
            let plain = ["--no-justification", "--no-hyphenation", "-l"];
            let shown = run(Command::new("man").args(plain).arg(&page).env("LC_ALL", "C"));
            let (_, rest) = shown.split_once("NAME\n").unwrap_or_else(|| panic!("{name}: {shown}"));
            assert!(rest.trim_start().starts_with(&format!("{name} - ")), "{name}: {shown}");
        }
    }

    let completions = root.join("share/bash-completion/completions/hotbackup");
    run(Command::new("bash").arg("-n").arg(&completions));
    let asks = "source \"$0\"; COMP_WORDS=(hotbackup re); COMP_CWORD=1; _hotbackup hotbackup re hotbackup; \
                echo \"${COMPREPLY[@]}\"";
    let offered = run(Command::new("bash").arg("-c").arg(asks).arg(&completions));
    assert_eq!(offered.split_whitespace().collect::<Vec<_>>(), ["restore", "recover", "report", "remote"]);

    for kind in ["backup", "prune", "scrub"] {
        let unit = root.join(format!("lib/systemd/system/hotbackup-{kind}@.service"));
        let unit = fs::read_to_string(unit).expect("a unit");
        let starts = format!("\nExecStart={}/bin/hotbackup {kind} ", prefix.display());
        assert!(unit.contains(&starts), "{unit}");
    }
}
