/* Bad arguments are BACKUP_INVALID_ARGUMENT, and nothing else happens. */
#include "check.h"

#define INVALID(call) FAILS(BACKUP_INVALID_ARGUMENT, call)

/* What an output holds that nobody has written. */
#define UNTOUCHED(type) ((type *) 0x10)

static void setters_refuse_null_options(void) {
    INVALID(backup_options_set_root(NULL, "/r", &error));
    INVALID(backup_options_set_adopt_root(NULL, 0, &error));
    INVALID(backup_options_add_source(NULL, "/w", "wal", &error));
    INVALID(backup_options_set_layout(NULL, "generic", &error));
    INVALID(backup_options_add_rule(NULL, "*", BACKUP_FILE_MUTABLE, &error));
    INVALID(backup_options_set_threads(NULL, 1, &error));
    INVALID(backup_options_set_rate_limit(NULL, 1, &error));
    INVALID(backup_options_set_latency_target(NULL, 1, &error));
    INVALID(backup_options_set_verify_level(NULL, BACKUP_VERIFY_NONE, &error));
    INVALID(backup_options_set_symlinks(NULL, BACKUP_SYMLINKS_FAIL, &error));
    INVALID(backup_options_set_freeze_timeout(NULL, 1, &error));
    INVALID(backup_options_set_min_free(NULL, 1, &error));
    INVALID(backup_options_set_metadata(NULL, "", 0, &error));
    INVALID(backup_options_set_keep_undo(NULL, 0, &error));
    INVALID(backup_options_set_share(NULL, BACKUP_SHARE_NEVER, &error));
    INVALID(backup_options_set_reread_after(NULL, 1, &error));
    INVALID(backup_options_set_keep_matching(NULL, 0, &error));
    INVALID(backup_options_set_clone(NULL, 0, &error));
    INVALID(backup_options_set_no_posix_locks(NULL, 0, &error));
    INVALID(backup_options_set_checkpoint_hook(NULL, do_nothing, NULL, NULL, &error));
    INVALID(backup_options_set_freeze_hook(NULL, do_nothing, do_nothing, NULL, NULL, &error));
    INVALID(backup_options_set_release_hook(NULL, do_nothing, NULL, NULL, &error));
    INVALID(backup_options_set_validate_hook(NULL, NULL, NULL, NULL, &error));
    INVALID(backup_options_set_progress_hook(NULL, NULL, NULL, NULL, &error));
}

static void setters_refuse_null_and_empty_strings(void) {
    backup_options *options = backup_options_new();
    INVALID(backup_options_set_root(options, NULL, &error));
    INVALID(backup_options_set_root(options, "", &error));
    INVALID(backup_options_add_source(options, NULL, "wal", &error));
    INVALID(backup_options_add_source(options, "", "wal", &error));
    INVALID(backup_options_add_source(options, "/w", NULL, &error));
    INVALID(backup_options_add_source(options, "/w", "", &error));
    INVALID(backup_options_set_layout(options, NULL, &error));
    INVALID(backup_options_add_rule(options, NULL, BACKUP_FILE_MUTABLE, &error));
    INVALID(backup_options_set_metadata(options, NULL, 1, &error));
    SUCCEEDS(backup_options_set_metadata(options, NULL, 0, &error));
    backup_options_free(options);
}

static void numbers_out_of_range_are_refused(void) {
    static const int32_t no_flags[] = {-1, 2, INT32_MAX, INT32_MIN};
    static const int32_t no_classes[] = {0, -1, 6, 0x100, 0x102, 0x201, INT32_MAX};
    backup_options *options = backup_options_new();
    for (size_t i = 0; i < sizeof no_flags / sizeof *no_flags; i++) {
        INVALID(backup_options_set_adopt_root(options, no_flags[i], &error));
        INVALID(backup_options_set_keep_undo(options, no_flags[i], &error));
        INVALID(backup_options_set_keep_matching(options, no_flags[i], &error));
        INVALID(backup_options_set_clone(options, no_flags[i], &error));
        INVALID(backup_options_set_no_posix_locks(options, no_flags[i], &error));
        INVALID(backup_options_set_symlinks(options, no_flags[i], &error));
    }
    for (size_t i = 0; i < sizeof no_classes / sizeof *no_classes; i++)
        INVALID(backup_options_add_rule(options, "*", no_classes[i], &error));
    INVALID(backup_options_set_share(options, -1, &error));
    INVALID(backup_options_set_share(options, BACKUP_SHARE_ALWAYS + 1, &error));
    INVALID(backup_options_set_verify_level(options, -1, &error));
    INVALID(backup_options_set_verify_level(options, BACKUP_VERIFY_MEDIA + 1, &error));
    backup_options_free(options);
}

static void every_number_in_range_is_taken(void) {
    backup_options *options = backup_options_new();
    for (int32_t class = BACKUP_FILE_IMMUTABLE; class <= BACKUP_FILE_EXCLUDED; class++)
        SUCCEEDS(backup_options_add_rule(options, "*", class, &error));
    SUCCEEDS(backup_options_add_rule(options, "*", BACKUP_FILE_IMMUTABLE | BACKUP_FILE_UNFINISHED_OK, &error));
    for (int32_t level = BACKUP_VERIFY_NONE; level <= BACKUP_VERIFY_MEDIA; level++)
        SUCCEEDS(backup_options_set_verify_level(options, level, &error));
    for (int32_t share = BACKUP_SHARE_NEVER; share <= BACKUP_SHARE_ALWAYS; share++)
        SUCCEEDS(backup_options_set_share(options, share, &error));
    for (int32_t flag = 0; flag <= 1; flag++) {
        SUCCEEDS(backup_options_set_adopt_root(options, flag, &error));
        SUCCEEDS(backup_options_set_keep_undo(options, flag, &error));
        SUCCEEDS(backup_options_set_keep_matching(options, flag, &error));
        SUCCEEDS(backup_options_set_clone(options, flag, &error));
        SUCCEEDS(backup_options_set_no_posix_locks(options, flag, &error));
        SUCCEEDS(backup_options_set_symlinks(options, flag, &error));
    }
    SUCCEEDS(backup_options_set_threads(options, UINT32_MAX, &error));
    SUCCEEDS(backup_options_set_rate_limit(options, UINT64_MAX, &error));
    SUCCEEDS(backup_options_set_latency_target(options, UINT32_MAX, &error));
    SUCCEEDS(backup_options_set_latency_target(options, 0, &error));
    SUCCEEDS(backup_options_set_freeze_timeout(options, UINT64_MAX, &error));
    SUCCEEDS(backup_options_set_min_free(options, UINT64_MAX, &error));
    SUCCEEDS(backup_options_set_reread_after(options, UINT64_MAX, &error));
    SUCCEEDS(backup_options_set_reread_after(options, 0, &error));
    backup_options_free(options);
}

static void text_that_is_no_utf8_is_refused(void) {
    backup_options *options = backup_options_new();
    INVALID(backup_options_set_layout(options, "\xff", &error));
    INVALID(backup_options_add_rule(options, "\xff*", BACKUP_FILE_MUTABLE, &error));
    backup_options_free(options);
}

static void bad_options_are_refused_by_their_setter(void) {
    static char metadata[(1 << 20) + 1];
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_metadata(options, metadata, sizeof metadata - 1, &error));
    INVALID(backup_options_set_metadata(options, metadata, sizeof metadata, &error));
    INVALID(backup_options_add_rule(options, "a[", BACKUP_FILE_MUTABLE, &error));
    FAILS(BACKUP_UNSUPPORTED, backup_options_set_layout(options, "no such engine", &error));
    INVALID(backup_options_add_source(options, "/w", "../wal", &error));
    INVALID(backup_options_add_source(options, "/w", "/wal", &error));
    SUCCEEDS(backup_options_add_source(options, "/w", "wal", &error));
    INVALID(backup_options_add_source(options, "/v", "wal/deep", &error));
    backup_options_free(options);
}

static void opening_and_starting_refuse_null(void) {
    struct path directory = database();
    backup_coordinator *coordinator = UNTOUCHED(backup_coordinator);
    INVALID(backup_coordinator_open(NULL, NULL, &coordinator, &error));
    INVALID(backup_coordinator_open("", NULL, &coordinator, &error));
    INVALID(backup_coordinator_open(directory.text, NULL, NULL, &error));
    CHECK(coordinator == UNTOUCHED(backup_coordinator));

    backup_job *job = UNTOUCHED(backup_job);
    INVALID(backup_start(NULL, &job, &error));
    INVALID(backup_run(NULL, &job, &error));
    INVALID(backup_find(NULL, NULL, &job, &error));
    INVALID(backup_restore_start(NULL, "/t", NULL, &job, &error));
    INVALID(backup_restore_start("/s", NULL, NULL, &job, &error));
    INVALID(backup_restore_start("", "/t", NULL, &job, &error));
    INVALID(backup_restore_start("/s", "", NULL, &job, &error));
    INVALID(backup_restore_start("/s", "/t", NULL, NULL, &error));
    INVALID(backup_verify_start(NULL, NULL, &job, &error));
    INVALID(backup_verify_start("", NULL, &job, &error));
    INVALID(backup_verify_start("/s", NULL, NULL, &error));
    CHECK(job == UNTOUCHED(backup_job));
}

static void nothing_is_started_without_a_place_for_the_job(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = UNTOUCHED(backup_job);
    INVALID(backup_start(coordinator, NULL, &error));
    INVALID(backup_run(coordinator, NULL, &error));
    FAILS(BACKUP_NOT_FOUND, backup_find(coordinator, NULL, &job, &error));
    INVALID(backup_find(coordinator, NULL, NULL, &error));
    CHECK(job == UNTOUCHED(backup_job));
    CHECK(!exists((struct path) {"/s"}) && !exists((struct path) {"/t"}));
    backup_coordinator_close(coordinator);
}

static void jobs_refuse_null(void) {
    backup_progress progress;
    backup_error *warning = UNTOUCHED(backup_error);
    INVALID(backup_warning(NULL, 0, &warning, &error));
    CHECK(warning == UNTOUCHED(backup_error));
    INVALID(backup_status(NULL, &progress, sizeof progress, &error));
    INVALID(backup_wait(NULL, -1, &error));
    INVALID(backup_cancel(NULL, &error));
    INVALID(backup_set_rate_limit(NULL, 1, &error));
}

static void calls_about_the_disk_refuse_null(void) {
    backup_snapshot *snapshot = UNTOUCHED(backup_snapshot);
    backup_list *list = UNTOUCHED(backup_list);
    int32_t outcome = 77;
    uint32_t deleted = 77;
    INVALID(backup_latest(NULL, &snapshot, &error));
    INVALID(backup_latest("", &snapshot, &error));
    INVALID(backup_latest("/r", NULL, &error));
    INVALID(backup_snapshot_open(NULL, &snapshot, &error));
    INVALID(backup_snapshot_open("", &snapshot, &error));
    INVALID(backup_snapshot_open("/s", NULL, &error));
    INVALID(backup_list_open(NULL, &list, &error));
    INVALID(backup_list_open("", &list, &error));
    INVALID(backup_list_open("/r", NULL, &error));
    INVALID(backup_delete(NULL, "x", &error));
    INVALID(backup_delete("/r", NULL, &error));
    INVALID(backup_delete("/r", "", &error));
    INVALID(backup_prune(NULL, 1, &deleted, &error));
    INVALID(backup_prune("/r", 1, NULL, &error));
    INVALID(backup_prune(scratch.text, 0, &deleted, &error));
    INVALID(backup_recover(NULL, &outcome, &error));
    INVALID(backup_recover("", &outcome, &error));
    INVALID(backup_recover("/t", NULL, &error));
    INVALID(backup_restore_undo(NULL, &error));
    INVALID(backup_restore_undo("", &error));
    CHECK(snapshot == UNTOUCHED(backup_snapshot) && list == UNTOUCHED(backup_list));
    CHECK(outcome == 77 && deleted == 77);
}

static void calls_in_a_hook_refuse_null(void) {
    backup_hook_set_error(NULL, "why", NULL, NULL);
    INVALID(backup_hook_add_file(NULL, "x", BACKUP_FILE_MUTABLE, UINT64_MAX, &error));
    INVALID(backup_hook_add_bytes(NULL, "x", "", 0, &error));
    INVALID(backup_hook_set_metadata(NULL, "", 0, &error));
    CHECK(!backup_hook_job(NULL));
}

static void freezing_takes_both_functions_or_none(void) {
    backup_options *options = backup_options_new();
    INVALID(backup_options_set_freeze_hook(options, do_nothing, NULL, NULL, NULL, &error));
    INVALID(backup_options_set_freeze_hook(options, NULL, do_nothing, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, do_nothing, do_nothing, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, NULL, NULL, NULL, NULL, &error));
    backup_options_free(options);
}

static void the_place_for_the_error_may_be_null(void) {
    backup_coordinator *coordinator = NULL;
    CHECK(backup_options_set_root(NULL, "/r", NULL) == BACKUP_INVALID_ARGUMENT);
    CHECK(backup_coordinator_open("/no/such/directory", NULL, &coordinator, NULL) == BACKUP_NOT_FOUND);
    CHECK(!coordinator);
}

static void whatever_the_place_for_the_error_held_is_overwritten(void) {
    backup_options *options = backup_options_new();
    backup_error *mine = UNTOUCHED(backup_error);
    CHECK(backup_options_set_threads(options, 1, &mine) == BACKUP_OK && !mine);
    mine = UNTOUCHED(backup_error);
    CHECK(backup_options_set_root(options, NULL, &mine) == BACKUP_INVALID_ARGUMENT);
    CHECK(backup_error_code(mine) == BACKUP_INVALID_ARGUMENT);
    backup_error_free(mine);
    backup_options_free(options);
}

static void accessors_of_null_give_nothing(void) {
    size_t size = 77;
    CHECK(!backup_coordinator_root(NULL) && !backup_id(NULL) && !backup_location(NULL));
    CHECK(backup_eventfd(NULL) == -1 && backup_in_hook(NULL) == 0);
    CHECK(!backup_snapshot_id(NULL) && !backup_snapshot_location(NULL) && !backup_snapshot_layout(NULL));
    CHECK(!backup_snapshot_metadata(NULL, &size) && size == 0);
    CHECK(!backup_snapshot_metadata(NULL, NULL));
    CHECK(backup_snapshot_started_at_ms(NULL) == 0 && backup_snapshot_finished_at_ms(NULL) == 0);
    CHECK(backup_snapshot_files(NULL) == 0 && backup_snapshot_bytes(NULL) == 0);
    CHECK(backup_snapshot_files_shared(NULL) == 0 && backup_snapshot_bytes_shared(NULL) == 0);
    CHECK(backup_snapshot_files_skipped(NULL) == 0 && backup_snapshot_files_left_out(NULL) == 0);
    CHECK(!backup_snapshot_error(NULL));
    CHECK(backup_list_count(NULL) == 0 && !backup_list_get(NULL, 0));
    CHECK(backup_error_code(NULL) == BACKUP_OK && backup_error_os_error(NULL) == 0);
    CHECK(!backup_error_message(NULL) && !backup_error_path(NULL) && !backup_error_cause(NULL));
}

static void freeing_null_is_fine(void) {
    backup_options_free(NULL);
    backup_coordinator_close(NULL);
    backup_free(NULL);
    backup_snapshot_free(NULL);
    backup_list_free(NULL);
    backup_error_free(NULL);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(setters_refuse_null_options);
    TRY(setters_refuse_null_and_empty_strings);
    TRY(numbers_out_of_range_are_refused);
    TRY(every_number_in_range_is_taken);
    TRY(text_that_is_no_utf8_is_refused);
    TRY(bad_options_are_refused_by_their_setter);
    TRY(opening_and_starting_refuse_null);
    TRY(nothing_is_started_without_a_place_for_the_job);
    TRY(jobs_refuse_null);
    TRY(calls_about_the_disk_refuse_null);
    TRY(calls_in_a_hook_refuse_null);
    TRY(freezing_takes_both_functions_or_none);
    TRY(the_place_for_the_error_may_be_null);
    TRY(whatever_the_place_for_the_error_held_is_overwritten);
    TRY(accessors_of_null_give_nothing);
    TRY(freeing_null_is_fine);
    return 0;
}
