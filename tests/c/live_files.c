/* A hook can name exactly the files of a backup, add some that only the snapshot has, and set its
 * metadata. */
#include "check.h"

static backup_coordinator *open_naming(backup_hook_fn checkpoint, backup_hook_fn freeze, backup_hook_fn thaw) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_metadata(options, "of all", 6, &error));
    SUCCEEDS(backup_options_set_checkpoint_hook(options, checkpoint, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, freeze, thaw, NULL, NULL, &error));
    return open_with(database(), options);
}

static int32_t names_some(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_add_file(hook, "1.sst", BACKUP_FILE_IMMUTABLE, UINT64_MAX, &error));
    SUCCEEDS(backup_hook_add_bytes(hook, "CURRENT", "MANIFEST-1", 10, &error));
    SUCCEEDS(backup_hook_add_bytes(hook, "labels/empty", NULL, 0, &error));
    return 0;
}

static void exactly_the_named_files_are_captured(void) {
    backup_coordinator *coordinator = open_naming(names_some, do_nothing, do_nothing);
    struct path snapshot = snapshot_of(coordinator);
    CHECK(file_holds(in(snapshot, "1.sst"), "immutable"));
    CHECK(file_holds(in(snapshot, "CURRENT"), "MANIFEST-1"));
    CHECK(file_holds(in(snapshot, "labels/empty"), ""));
    CHECK(!exists(in(snapshot, "data")));
    backup_coordinator_close(coordinator);
}

static int32_t adds_a_label(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_add_bytes(hook, "label", "mine", 4, &error));
    return 0;
}

static void bytes_alone_add_to_the_walk(void) {
    backup_coordinator *coordinator = open_naming(do_nothing, adds_a_label, do_nothing);
    struct path snapshot = snapshot_of(coordinator);
    CHECK(file_holds(in(snapshot, "label"), "mine") && file_holds(in(snapshot, "data"), "mutable"));
    backup_coordinator_close(coordinator);
}

static int32_t names_a_part(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_add_file(hook, "data", BACKUP_FILE_APPEND_ONLY, 3, &error));
    return 0;
}

static void only_the_named_length_is_captured(void) {
    backup_coordinator *coordinator = open_naming(do_nothing, names_a_part, do_nothing);
    CHECK(file_holds(in(snapshot_of(coordinator), "data"), "mut"));
    backup_coordinator_close(coordinator);
}

static int32_t names_twice(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_add_bytes(hook, "data", "instead", 7, &error));
    return 0;
}

static void naming_a_file_twice_the_later_call_wins(void) {
    backup_coordinator *coordinator = open_naming(names_a_part, names_twice, do_nothing);
    CHECK(file_holds(in(snapshot_of(coordinator), "data"), "instead"));
    backup_coordinator_close(coordinator);
}

static int32_t names_a_missing_one(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_add_file(hook, "2.sst", BACKUP_FILE_IMMUTABLE, UINT64_MAX, &error));
    return 0;
}

static void a_missing_file_fails_the_job_and_is_named(void) {
    backup_coordinator *coordinator = open_naming(names_a_missing_one, do_nothing, do_nothing);
    backup_job *job = NULL;
    backup_error *mine = NULL;
    CHECK(backup_run(coordinator, &job, &mine) != BACKUP_OK);
    CHECK(strstr(backup_error_message(mine), "2.sst"));
    backup_error_free(mine);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static int32_t sets_metadata(void *user_data, backup_hook *hook) {
    (void) user_data;
    SUCCEEDS(backup_hook_set_metadata(hook, "a\0b", 3, &error));
    return 0;
}

static bool newest_has(backup_coordinator *coordinator, const char *metadata, size_t size) {
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_latest(backup_coordinator_root(coordinator), &snapshot, &error));
    size_t found = 0;
    const void *bytes = backup_snapshot_metadata(snapshot, &found);
    bool same = bytes && found == size && memcmp(bytes, metadata, size) == 0;
    backup_snapshot_free(snapshot);
    return same;
}

static void metadata_of_a_hook_replaces_that_of_the_options(void) {
    backup_coordinator *coordinator = open_naming(do_nothing, do_nothing, do_nothing);
    snapshot_of(coordinator);
    CHECK(newest_has(coordinator, "of all", 6));
    backup_coordinator_close(coordinator);
    coordinator = open_naming(do_nothing, do_nothing, sets_metadata);
    snapshot_of(coordinator);
    CHECK(newest_has(coordinator, "a\0b", 3));
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(exactly_the_named_files_are_captured);
    TRY(bytes_alone_add_to_the_walk);
    TRY(only_the_named_length_is_captured);
    TRY(naming_a_file_twice_the_later_call_wins);
    TRY(a_missing_file_fails_the_job_and_is_named);
    TRY(metadata_of_a_hook_replaces_that_of_the_options);
    return 0;
}
