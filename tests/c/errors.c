/* Errors say what happened, to what, and belong to whoever got them. */
#include "check.h"

#include <errno.h>

static void codes_have_their_names(void) {
    CHECK(strcmp(backup_code_name(BACKUP_OK), "BACKUP_OK") == 0);
    CHECK(strcmp(backup_code_name(BACKUP_NO_SPACE), "BACKUP_NO_SPACE") == 0);
    for (backup_code code = BACKUP_OK; code <= BACKUP_UNREACHABLE; code++) {
        CHECK(strncmp(backup_code_name(code), "BACKUP_", 7) == 0);
        CHECK(strcmp(backup_code_name(code), "BACKUP_UNKNOWN") != 0);
    }
    CHECK(strcmp(backup_code_name(BACKUP_UNREACHABLE + 1), "BACKUP_UNKNOWN") == 0);
    CHECK(strcmp(backup_code_name(-1), "BACKUP_UNKNOWN") == 0);
}

static void the_values_are_pinned(void) {
    CHECK(BACKUP_OK == 0 && BACKUP_INVALID_ARGUMENT == 1 && BACKUP_NOT_FOUND == 2 && BACKUP_CONFLICT == 3);
    CHECK(BACKUP_IO == 4 && BACKUP_NO_SPACE == 5 && BACKUP_SOURCE_CHANGED == 6 && BACKUP_CORRUPT == 7);
    CHECK(BACKUP_HOOK_FAILED == 8 && BACKUP_FREEZE_TIMEOUT == 9 && BACKUP_CANCELLED == 10);
    CHECK(BACKUP_TIMEOUT == 11 && BACKUP_RESTORE_UNFINISHED == 12 && BACKUP_UNSUPPORTED == 13);
    CHECK(BACKUP_INTERNAL == 14 && BACKUP_UNAUTHORIZED == 15 && BACKUP_UNREACHABLE == 16);
    CHECK(BACKUP_KIND_PUSH == 6 && BACKUP_KIND_FETCH == 7);
    CHECK(BACKUP_KIND_BACKUP == 1 && BACKUP_KIND_RESTORE == 2 && BACKUP_KIND_VERIFY == 3);
    CHECK(BACKUP_STATE_QUEUED == 1 && BACKUP_STATE_RUNNING == 2 && BACKUP_STATE_COMPLETED == 3);
    CHECK(BACKUP_STATE_FAILED == 4 && BACKUP_STATE_CANCELLED == 5);
    CHECK(BACKUP_PHASE_NONE == 0 && BACKUP_PHASE_CHECKPOINT == 1 && BACKUP_PHASE_PIN == 2);
    CHECK(BACKUP_PHASE_FREEZE == 3 && BACKUP_PHASE_COPY == 4 && BACKUP_PHASE_VERIFY == 5);
    CHECK(BACKUP_PHASE_PUBLISH == 6 && BACKUP_PHASE_SWAP == 7);
    CHECK(BACKUP_PHASE_SCAN == 8 && BACKUP_PHASE_UPLOAD == 9 && BACKUP_PHASE_COMMIT == 10);
    CHECK(BACKUP_PHASE_DOWNLOAD == 11);
    CHECK(BACKUP_FILE_IMMUTABLE == 1 && BACKUP_FILE_APPEND_ONLY == 2 && BACKUP_FILE_PINNED == 3);
    CHECK(BACKUP_FILE_MUTABLE == 4 && BACKUP_FILE_EXCLUDED == 5 && BACKUP_FILE_UNFINISHED_OK == 0x100);
    CHECK(BACKUP_VERIFY_NONE == 0 && BACKUP_VERIFY_SIZE == 1 && BACKUP_VERIFY_CHECKSUM == 2);
    CHECK(BACKUP_VERIFY_MEDIA == 3 && BACKUP_SYMLINKS_FAIL == 0 && BACKUP_SYMLINKS_PRESERVE == 1);
    CHECK(BACKUP_SHARE_NEVER == 0 && BACKUP_SHARE_SAFELY == 1 && BACKUP_SHARE_ALWAYS == 2);
    CHECK(BACKUP_RECOVERED_NOTHING == 0 && BACKUP_RECOVERED_OLD == 1 && BACKUP_RECOVERED_NEW == 2);
}

static void the_library_is_the_headers(void) {
    CHECK(backup_abi_version() == BACKUP_ABI_VERSION);
    CHECK(backup_version()[0] >= '0' && backup_version()[0] <= '9' && strchr(backup_version(), '.'));
}

static void the_path_concerned_is_raw_and_the_message_one_line(void) {
    backup_coordinator *coordinator = NULL;
    backup_error *mine = NULL;
    const char *path = "/no/such\n\xff/directory";
    CHECK(backup_coordinator_open(path, NULL, &coordinator, &mine) == BACKUP_NOT_FOUND);
    CHECK(strcmp(backup_error_path(mine), path) == 0);
    CHECK(!strchr(backup_error_message(mine), '\n') && strstr(backup_error_message(mine), "/no/such\\n"));
    CHECK(!backup_error_cause(mine));
    backup_error_free(mine);
}

static void an_error_that_concerns_no_path_has_none(void) {
    backup_error *mine = NULL;
    CHECK(backup_options_set_threads(NULL, 1, &mine) == BACKUP_INVALID_ARGUMENT);
    CHECK(!backup_error_path(mine) && backup_error_os_error(mine) == 0);
    CHECK(strstr(backup_error_message(mine), "options"));
    backup_error_free(mine);
}

static void a_failed_system_call_gives_its_errno(void) {
    struct path directory = database(), occupied = in(directory, "data");
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_root(options, in(occupied, "root").text, &error));
    backup_coordinator *coordinator = open_with(directory, options);
    backup_job *job = NULL;
    backup_error *mine = NULL;
    CHECK(backup_start(coordinator, &job, &mine) == BACKUP_IO);
    CHECK(!job && backup_error_os_error(mine) == ENOTDIR);
    CHECK(strncmp(backup_error_path(mine), occupied.text, strlen(occupied.text)) == 0);
    backup_error_free(mine);
    backup_coordinator_close(coordinator);
}

static void each_who_asks_gets_an_error_of_its_own(void) {
    backup_job *job = NULL;
    backup_error *one = NULL, *two = NULL;
    SUCCEEDS(backup_verify_start("/no/such/snapshot", NULL, &job, &error));
    CHECK(backup_wait(job, -1, &one) == BACKUP_NOT_FOUND && backup_wait(job, -1, &two) == BACKUP_NOT_FOUND);
    CHECK(one != two && strcmp(backup_error_message(one), backup_error_message(two)) == 0);
    backup_error_free(one);
    CHECK(backup_error_code(two) == BACKUP_NOT_FOUND);
    backup_error_free(two);
    backup_free(job);
}

static void a_timeout_makes_no_error(void) {
    struct gate gate = GATE;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, hook_at_gate, &gate, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    backup_job *job = NULL;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    backup_error *mine = (backup_error *) 0x10;
    CHECK(backup_wait(job, 0, &mine) == BACKUP_TIMEOUT && !mine);
    mine = (backup_error *) 0x10;
    CHECK(backup_wait(job, 10, &mine) == BACKUP_TIMEOUT && !mine);
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, INT64_MIN, &error));
    SUCCEEDS(backup_wait(job, INT64_MAX, &error));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void opening_reports_a_missing_or_wrong_directory(void) {
    struct path directory = database();
    backup_coordinator *coordinator = NULL;
    FAILS(BACKUP_NOT_FOUND, backup_coordinator_open(in(directory, "none").text, NULL, &coordinator, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_coordinator_open(in(directory, "data").text, NULL, &coordinator, &error));
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_root(options, directory.text, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_coordinator_open(directory.text, options, &coordinator, &error));
    backup_options_free(options);
    CHECK(!coordinator);
}

static void opening_reports_an_unfinished_restore(void) {
    struct path directory = database();
    CHECK(mkdir(in(directory, ".lifecycle").text, 0755) == 0);
    CHECK(mkdir(in(directory, ".lifecycle/restore").text, 0755) == 0);
    write_file(in(directory, ".lifecycle/restore/journal"), "as a crash leaves it");
    backup_coordinator *coordinator = NULL;
    FAILS(BACKUP_RESTORE_UNFINISHED, backup_coordinator_open(directory.text, NULL, &coordinator, &error));
    CHECK(!coordinator);
}

static void starting_reports_a_root_that_is_in_use_or_anothers(void) {
    struct path root = in(scratch, "shared-root");
    struct gate gate = GATE;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_root(options, root.text, &error));
    struct path directory = database();
    backup_coordinator *owner = NULL, *second = NULL, *stranger = NULL;
    SUCCEEDS(backup_coordinator_open(directory.text, options, &second, &error));
    SUCCEEDS(backup_coordinator_open(database().text, options, &stranger, &error));
    SUCCEEDS(backup_options_set_checkpoint_hook(options, hook_at_gate, &gate, NULL, &error));
    SUCCEEDS(backup_coordinator_open(directory.text, options, &owner, &error));
    backup_options_free(options);

    backup_job *job = NULL, *none = NULL;
    SUCCEEDS(backup_start(owner, &job, &error));
    gate_await(&gate);
    FAILS(BACKUP_CONFLICT, backup_start(owner, &none, &error));
    FAILS(BACKUP_CONFLICT, backup_start(second, &none, &error));
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, -1, &error));
    FAILS(BACKUP_CONFLICT, backup_run(stranger, &none, &error));
    CHECK(!none);
    snapshot_of(second);
    backup_free(job);
    backup_coordinator_close(owner);
    backup_coordinator_close(second);
    backup_coordinator_close(stranger);
}

static void adopting_takes_over_anothers_root(void) {
    struct path root = in(scratch, "adopted-root");
    for (int32_t adopt = 0; adopt <= 1; adopt++) {
        backup_options *options = quick_options();
        SUCCEEDS(backup_options_set_root(options, root.text, &error));
        SUCCEEDS(backup_options_set_adopt_root(options, adopt, &error));
        backup_coordinator *coordinator = open_with(database(), options);
        snapshot_of(coordinator);
        backup_coordinator_close(coordinator);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(codes_have_their_names);
    TRY(the_values_are_pinned);
    TRY(the_library_is_the_headers);
    TRY(the_path_concerned_is_raw_and_the_message_one_line);
    TRY(an_error_that_concerns_no_path_has_none);
    TRY(a_failed_system_call_gives_its_errno);
    TRY(each_who_asks_gets_an_error_of_its_own);
    TRY(a_timeout_makes_no_error);
    TRY(opening_reports_a_missing_or_wrong_directory);
    TRY(opening_reports_an_unfinished_restore);
    TRY(starting_reports_a_root_that_is_in_use_or_anothers);
    TRY(adopting_takes_over_anothers_root);
    return 0;
}
