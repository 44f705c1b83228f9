//! The C API as a C program sees it: each program in tests/c tries one theme of the header's
//! conventions. Each runs twice, the second time under valgrind. A program that finds nothing wrong
//! prints nothing, so these tests also show that the library never prints.

use std::path::PathBuf;

use crate::common::programs::{
    assert_silent, assert_silent_in_valgrind, compile_c, package, sources, staged,
};

fn directory() -> PathBuf {
    package().join("tests/c")
}

fn passes(theme: &str) {
    let stage = staged();
    let program = stage.path().join(theme);
    compile_c(&[directory().join(theme).with_extension("c")], &program);
    assert_silent(&program, &[]);
    assert_silent_in_valgrind(&program, &[]);
}

macro_rules! themes {
    ($($theme:ident: $behaviour:ident,)*) => {
        $(#[test] fn $behaviour() { passes(stringify!($theme)); })*

        #[test]
        fn every_c_program_is_run() {
            let themes = [$(stringify!($theme)),*];
            for path in sources(&directory(), "c") {
                let theme = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
                assert!(themes.contains(&theme), "tests/c/{theme}.c is not in the table");
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
    retention: a_root_is_pruned_by_a_policy_that_gives_its_reasons,
    restores: restores_and_verifications_are_jobs_owned_by_their_handles,
    snapshots: snapshots_are_listed_opened_deleted_and_pruned,
    status_sizes: hosts_of_other_versions_get_the_fields_that_both_know,
    threads: any_thread_may_use_a_coordinator_and_its_jobs,
    warnings: warnings_stay_with_their_job_and_belong_to_their_caller,
}
