/* backup_find gives a new handle of a running or ended backup. */
#include "check.h"

/* How many ended backups the header promises to know. */
#define HISTORY 32

static bool is_same(const backup_job *one, const backup_job *other) {
    return strcmp(backup_id(one), backup_id(other)) == 0;
}

static void before_the_first_backup_there_is_none(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = NULL;
    FAILS(BACKUP_NOT_FOUND, backup_find(coordinator, NULL, &job, &error));
    CHECK(!job);
    backup_coordinator_close(coordinator);
}

static void null_is_the_running_one_and_else_the_newest(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *first = NULL, *running = NULL, *newest = NULL;
    gate_open(&gate);
    SUCCEEDS(backup_run(coordinator, &first, &error));
    gate.open = gate.reached = false;
    backup_job *second = started_at(coordinator, &gate);
    SUCCEEDS(backup_find(coordinator, NULL, &running, &error));
    CHECK(is_same(running, second) && !is_same(running, first));
    FAILS(BACKUP_TIMEOUT, backup_wait(running, 0, &error));
    gate_open(&gate);
    SUCCEEDS(backup_wait(running, -1, &error));
    SUCCEEDS(backup_find(coordinator, NULL, &newest, &error));
    CHECK(is_same(newest, second));
    backup_free(first);
    backup_free(second);
    backup_free(running);
    backup_free(newest);
    backup_coordinator_close(coordinator);
}

static void an_id_that_is_unknown_or_no_uuid_is_not_found(void) {
    static const char *const unknown[] = {
        "", "x", "\xff\xfe", "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-00000000000",
    };
    backup_coordinator *coordinator = open_plain(database());
    snapshot_of(coordinator);
    backup_job *job = NULL;
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        FAILS(BACKUP_NOT_FOUND, backup_find(coordinator, unknown[i], &job, &error));
    CHECK(!job);
    backup_coordinator_close(coordinator);
}

static void a_failed_backup_keeps_its_result(void) {
    struct path directory = database();
    backup_coordinator *coordinator = open_plain(directory);
    CHECK(symlink("nowhere", in(directory, "link").text) == 0);
    backup_job *job = NULL, *found = NULL;
    backup_code code = backup_run(coordinator, &job, NULL);
    CHECK(code != BACKUP_OK);
    SUCCEEDS(backup_find(coordinator, backup_id(job), &found, &error));
    backup_free(job);
    FAILS(code, backup_wait(found, -1, &error));
    FAILS(code, backup_wait(found, 0, &error));
    backup_progress progress;
    SUCCEEDS(backup_status(found, &progress, sizeof progress, &error));
    CHECK(progress.state == BACKUP_STATE_FAILED && progress.percent < 100);
    backup_free(found);
    backup_coordinator_close(coordinator);
}

static void the_last_ones_that_ended_are_known(void) {
    char ids[HISTORY + 1][40];
    backup_coordinator *coordinator = open_plain(database());
    for (int i = 0; i <= HISTORY; i++) {
        backup_job *job = NULL;
        SUCCEEDS(backup_run(coordinator, &job, &error));
        snprintf(ids[i], sizeof ids[i], "%s", backup_id(job));
        backup_free(job);
    }
    backup_job *found = NULL;
    FAILS(BACKUP_NOT_FOUND, backup_find(coordinator, ids[0], &found, &error));
    for (int i = 1; i <= HISTORY; i++) {
        SUCCEEDS(backup_find(coordinator, ids[i], &found, &error));
        CHECK(strcmp(backup_id(found), ids[i]) == 0);
        backup_free(found);
    }
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(before_the_first_backup_there_is_none);
    TRY(null_is_the_running_one_and_else_the_newest);
    TRY(an_id_that_is_unknown_or_no_uuid_is_not_found);
    TRY(a_failed_backup_keeps_its_result);
    TRY(the_last_ones_that_ended_are_known);
    return 0;
}
