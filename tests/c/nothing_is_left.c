/* No thread and no descriptor outlives the last handle. */
#include "leaves_nothing.h"

#define TIMES 20

static struct path directory;

static void open_and_close(void) {
    backup_coordinator_close(open_plain(directory));
}

static void back_up(void) {
    backup_coordinator *coordinator = open_plain(directory);
    backup_job *job = NULL;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    CHECK(backup_eventfd(job) >= 0);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void fail_to_open(void) {
    backup_coordinator *coordinator = NULL;
    FAILS(BACKUP_NOT_FOUND, backup_coordinator_open("/no/such/directory", NULL, &coordinator, &error));
}

static void verify_and_restore(void) {
    backup_snapshot *snapshot = NULL;
    backup_job *job = NULL;
    SUCCEEDS(backup_latest(in(directory, ".lifecycle/backup").text, &snapshot, &error));
    const char *location = backup_snapshot_location(snapshot);
    SUCCEEDS(backup_verify_start(location, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    SUCCEEDS(backup_restore_start(location, in(scratch, "restored").text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_snapshot_free(snapshot);
}

static void list(void) {
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(in(directory, ".lifecycle/backup").text, &list, &error));
    CHECK(backup_list_count(list) > 0);
    backup_list_free(list);
}

static void closing_a_coordinator_leaves_nothing(void) {
    directory = database();
    leaves_nothing(open_and_close, TIMES);
    leaves_nothing(back_up, TIMES);
}

static void a_failed_open_leaves_nothing(void) {
    leaves_nothing(fail_to_open, TIMES);
}

static void detached_jobs_and_lists_leave_nothing(void) {
    leaves_nothing(verify_and_restore, TIMES);
    leaves_nothing(list, TIMES);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(closing_a_coordinator_leaves_nothing);
    TRY(a_failed_open_leaves_nothing);
    TRY(detached_jobs_and_lists_leave_nothing);
    return 0;
}
