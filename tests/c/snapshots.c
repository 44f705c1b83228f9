/* What is on disk can be listed, opened, deleted and pruned, with or without a coordinator. */
#include "check.h"

#define MOST 8

/* A root with some snapshots, and where they are: the oldest first. */
struct series {
    struct path root, locations[MOST];
    char ids[MOST][40];
};

static struct series series_of(int count) {
    struct series series;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_metadata(options, "host\0data", 9, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    snprintf(series.root.text, sizeof series.root.text, "%s", backup_coordinator_root(coordinator));
    for (int i = 0; i < count; i++) {
        backup_job *job = NULL;
        SUCCEEDS(backup_run(coordinator, &job, &error));
        snprintf(series.ids[i], sizeof series.ids[i], "%s", backup_id(job));
        snprintf(series.locations[i].text, sizeof series.locations[i].text, "%s", backup_location(job));
        backup_free(job);
    }
    backup_coordinator_close(coordinator);
    return series;
}

static size_t listed(struct path root) {
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(root.text, &list, &error));
    size_t count = backup_list_count(list);
    backup_list_free(list);
    return count;
}

static bool latest_is(struct path root, struct path location) {
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_latest(root.text, &snapshot, &error));
    bool is = strcmp(backup_snapshot_location(snapshot), location.text) == 0;
    backup_snapshot_free(snapshot);
    return is;
}

static void a_snapshot_says_what_it_is(void) {
    struct series series = series_of(1);
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_snapshot_open(series.locations[0].text, &snapshot, &error));
    size_t size = 0;
    const void *metadata = backup_snapshot_metadata(snapshot, &size);
    CHECK(size == 9 && memcmp(metadata, "host\0data", 9) == 0);
    CHECK(backup_snapshot_metadata(snapshot, NULL) == metadata);
    CHECK(strcmp(backup_snapshot_id(snapshot), series.ids[0]) == 0);
    CHECK(strcmp(backup_snapshot_location(snapshot), series.locations[0].text) == 0);
    CHECK(strcmp(backup_snapshot_layout(snapshot), "generic") == 0);
    CHECK(backup_snapshot_files(snapshot) == 2 && backup_snapshot_bytes(snapshot) == 16);
    CHECK(backup_snapshot_files_skipped(snapshot) == 0 && backup_snapshot_files_left_out(snapshot) == 0);
    CHECK(backup_snapshot_started_at_ms(snapshot) > 0);
    CHECK(backup_snapshot_finished_at_ms(snapshot) >= backup_snapshot_started_at_ms(snapshot));
    CHECK(!backup_snapshot_error(snapshot));
    backup_snapshot_free(snapshot);
}

static void without_metadata_there_is_none(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path location = snapshot_of(coordinator);
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_snapshot_open(location.text, &snapshot, &error));
    size_t size = 77;
    CHECK(!backup_snapshot_metadata(snapshot, &size) && size == 0);
    backup_snapshot_free(snapshot);
    backup_coordinator_close(coordinator);
}

static void a_list_has_the_newest_first_and_lends_them(void) {
    struct series series = series_of(3);
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(series.root.text, &list, &error));
    CHECK(backup_list_count(list) == 3);
    for (size_t i = 0; i < 3; i++) {
        const backup_snapshot *snapshot = backup_list_get(list, i);
        CHECK(strcmp(backup_snapshot_location(snapshot), series.locations[2 - i].text) == 0);
        CHECK(snapshot == backup_list_get(list, i));
    }
    CHECK(!backup_list_get(list, 3) && !backup_list_get(list, SIZE_MAX));
    backup_list_free(list);
    CHECK(latest_is(series.root, series.locations[2]));
}

static void a_root_without_snapshots_is_an_empty_list(void) {
    struct path root = in(scratch, "empty-root");
    backup_snapshot *snapshot = NULL;
    CHECK(listed(root) == 0);
    FAILS(BACKUP_NOT_FOUND, backup_latest(root.text, &snapshot, &error));
    CHECK(mkdir(root.text, 0700) == 0 && listed(root) == 0);
    FAILS(BACKUP_NOT_FOUND, backup_latest(root.text, &snapshot, &error));
    CHECK(!snapshot);
}

static void what_is_no_snapshot_cannot_be_opened(void) {
    struct path directory = database();
    backup_snapshot *snapshot = NULL;
    FAILS(BACKUP_NOT_FOUND, backup_snapshot_open(in(directory, "none").text, &snapshot, &error));
    FAILS(BACKUP_NOT_FOUND, backup_snapshot_open(directory.text, &snapshot, &error));
    CHECK(!snapshot);
}

static void an_unreadable_one_is_listed_with_its_error(void) {
    struct series series = series_of(3);
    write_file(in(series.locations[1], "snapshot.manifest"), "{");
    backup_list *list = NULL;
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_list_open(series.root.text, &list, &error));
    CHECK(backup_list_count(list) == 3);
    const backup_snapshot *unreadable = backup_list_get(list, 1);
    CHECK(backup_error_code(backup_snapshot_error(unreadable)) == BACKUP_CORRUPT);
    CHECK(backup_error_message(backup_snapshot_error(unreadable)));
    const char *name = strrchr(series.locations[1].text, '/') + 1;
    CHECK(strcmp(backup_snapshot_id(unreadable), name) == 0);
    CHECK(!backup_snapshot_error(backup_list_get(list, 0)));
    backup_list_free(list);
    FAILS(BACKUP_CORRUPT, backup_snapshot_open(series.locations[1].text, &snapshot, &error));

    uint32_t deleted = 77;
    SUCCEEDS(backup_prune(series.root.text, 1, &deleted, &error));
    CHECK(deleted == 1 && exists(series.locations[1]) && !exists(series.locations[0]));
}

static void deleting_takes_an_id_or_a_name(void) {
    struct series series = series_of(3);
    SUCCEEDS(backup_delete(series.root.text, series.ids[1], &error));
    CHECK(!exists(series.locations[1]) && latest_is(series.root, series.locations[2]));
    SUCCEEDS(backup_delete(series.root.text, strrchr(series.locations[2].text, '/') + 1, &error));
    CHECK(!exists(series.locations[2]) && latest_is(series.root, series.locations[0]));
    FAILS(BACKUP_NOT_FOUND, backup_delete(series.root.text, series.ids[1], &error));
    FAILS(BACKUP_NOT_FOUND, backup_delete(series.root.text, "\xff", &error));
    FAILS(BACKUP_NOT_FOUND, backup_delete(series.root.text, "../x", &error));
    SUCCEEDS(backup_delete(series.root.text, series.ids[0], &error));
    CHECK(listed(series.root) == 0);
}

static void pruning_keeps_the_newest(void) {
    struct series series = series_of(5);
    uint32_t deleted = 77;
    FAILS(BACKUP_INVALID_ARGUMENT, backup_prune(series.root.text, 0, &deleted, &error));
    CHECK(deleted == 77 && listed(series.root) == 5);
    SUCCEEDS(backup_prune(series.root.text, 2, &deleted, &error));
    CHECK(deleted == 3 && listed(series.root) == 2 && latest_is(series.root, series.locations[4]));
    SUCCEEDS(backup_prune(series.root.text, UINT32_MAX, &deleted, &error));
    CHECK(deleted == 0 && listed(series.root) == 2);
}

static void a_snapshot_in_use_is_not_deleted(void) {
    struct series series = series_of(3);
    struct gate gate = GATE;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_validate_hook(options, validate_at_gate, &gate, NULL, &error));
    backup_job *job = NULL;
    SUCCEEDS(backup_verify_start(series.locations[0].text, options, &job, &error));
    backup_options_free(options);
    gate_await(&gate);
    uint32_t deleted = 77;
    FAILS(BACKUP_CONFLICT, backup_delete(series.root.text, series.ids[0], &error));
    SUCCEEDS(backup_prune(series.root.text, 1, &deleted, &error));
    CHECK(deleted == 1 && exists(series.locations[0]) && !exists(series.locations[1]));
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    SUCCEEDS(backup_delete(series.root.text, series.ids[0], &error));
}

static void a_root_in_use_is_a_conflict(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    uint32_t deleted = 77;
    const char *root = backup_coordinator_root(coordinator);
    FAILS(BACKUP_CONFLICT, backup_prune(root, 1, &deleted, &error));
    FAILS(BACKUP_CONFLICT, backup_delete(root, "x", &error));
    CHECK(deleted == 77);
    gate_open(&gate);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(a_snapshot_says_what_it_is);
    TRY(without_metadata_there_is_none);
    TRY(a_list_has_the_newest_first_and_lends_them);
    TRY(a_root_without_snapshots_is_an_empty_list);
    TRY(what_is_no_snapshot_cannot_be_opened);
    TRY(an_unreadable_one_is_listed_with_its_error);
    TRY(deleting_takes_an_id_or_a_name);
    TRY(pruning_keeps_the_newest);
    TRY(a_snapshot_in_use_is_not_deleted);
    TRY(a_root_in_use_is_a_conflict);
    return 0;
}
