//! The C API as a C program sees it: each program in tests/c tries one theme of the header's
//! conventions. Each runs twice, the second time under valgrind. A program that finds nothing wrong
//! prints nothing, so these tests also show that the library never prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::library::{has, library, package, run, staged};

/// Ends a program that hangs. valgrind makes it some fifty times slower.
const SECONDS: &str = "240";

fn passes(theme: &str) {
    let stage = staged();
    let program = compile(theme, stage.path());
    assert_silent(&program, &[], None);
    if has("valgrind") {
        let suppressions = format!("--suppressions={}", package().join("tests/c/valgrind.supp").display());
        let log = stage.path().join("valgrind.log");
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
        assert_silent(&program, &valgrind, Some(&log));
    }
}

fn compile(theme: &str, stage: &Path) -> PathBuf {
    let sources = package().join("tests/c");
    let program = stage.join(theme);
    run(Command::new("cc")
        .args(["-std=c99", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-pthread"])
        .arg("-I")
        .arg(package().join("include"))
        .arg(sources.join(theme).with_extension("c"))
        .arg(library())
        .arg(format!("-Wl,-rpath,{}", stage.display()))
        .arg("-o")
        .arg(&program));
    program
}

/// Runs the program in a scratch directory of its own; what it printed, and the log, say why it
/// failed.
fn assert_silent(program: &Path, under: &[&str], log: Option<&Path>) {
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let command = &mut Command::new("timeout");
    command.arg(SECONDS).args(under).arg(program).arg(scratch.path()).current_dir(scratch.path());
    let Output { status, stdout, stderr } = command.output().expect("timeout is there");
    let printed = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let logged = log.and_then(|log| fs::read_to_string(log).ok()).unwrap_or_default();
    assert!(status.success() && printed.is_empty(), "{command:?}: {status}\n{printed}{logged}");
}

macro_rules! themes {
    ($($theme:ident: $behaviour:ident,)*) => {
        $(#[test] fn $behaviour() { passes(stringify!($theme)); })*

        #[test]
        fn every_c_program_is_run() {
            let themes = [$(stringify!($theme)),*];
            for file in fs::read_dir(package().join("tests/c")).expect("tests/c is there") {
                let path = file.expect("an entry").path();
                if path.extension().is_some_and(|extension| extension == "c") {
                    let theme = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
                    assert!(themes.contains(&theme), "tests/c/{theme}.c is not in the table");
                }
            }
        }
    };
}

themes! {
    arguments: bad_arguments_are_refused_and_nothing_else_happens,
    cancelled_threads: a_thread_can_be_cancelled_in_a_call,
    errors: errors_say_what_happened_and_belong_to_their_caller,
    eventfd: a_job_can_be_polled,
    find_and_history: jobs_can_be_found_again,
    fork: a_forked_child_gets_errors_and_no_deadlock,
    handles_outlive: handles_and_their_strings_live_until_they_are_freed,
    hooks: hooks_are_called_in_order_and_their_failures_reported,
    hooks_misuse: hooks_may_call_anything,
    live_files: hooks_can_name_the_files_and_metadata_of_a_backup,
    nothing_is_left: no_thread_and_no_descriptor_outlives_the_last_handle,
    ownership_of_user_data: user_data_is_destroyed_exactly_once_and_in_time,
    paths: paths_are_bytes_and_made_absolute,
    restores: restores_and_verifications_are_jobs_owned_by_their_handles,
    snapshots: snapshots_are_listed_opened_deleted_and_pruned,
    status_sizes: hosts_of_other_versions_get_the_fields_that_both_know,
    threads: any_thread_may_use_a_coordinator_and_its_jobs,
}
