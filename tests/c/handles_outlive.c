/* Handles and their strings live until they are freed, whatever they came from. */
#include "check.h"

static void a_job_outlives_its_coordinator(void) {
    struct path directory = database();
    backup_coordinator *coordinator = open_plain(directory);
    backup_job *job = NULL;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    const char *id = backup_id(job), *location = backup_location(job);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_coordinator_close(coordinator);

    backup_progress progress;
    SUCCEEDS(backup_wait(job, 0, &error));
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.state == BACKUP_STATE_COMPLETED);
    SUCCEEDS(backup_cancel(job, &error));
    SUCCEEDS(backup_set_rate_limit(job, 1, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(id == backup_id(job) && strlen(id) == 36);
    CHECK(location == backup_location(job));
    CHECK(strncmp(location, directory.text, strlen(directory.text)) == 0);
    backup_free(job);
}

static void a_job_ends_with_its_coordinator(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    SUCCEEDS(backup_cancel(job, &error));
    FAILS(BACKUP_TIMEOUT, backup_wait(job, 1, &error));
    gate_open(&gate);
    backup_coordinator_close(coordinator);
    FAILS(BACKUP_CANCELLED, backup_wait(job, 0, &error));
    backup_free(job);
}

static void a_backup_goes_on_without_handles(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    backup_job *again = NULL;
    backup_free(job);
    gate_open(&gate);
    SUCCEEDS(backup_find(coordinator, NULL, &again, &error));
    SUCCEEDS(backup_wait(again, -1, &error));
    backup_free(again);
    backup_coordinator_close(coordinator);
}

static void options_are_copied(void) {
    struct path directory = database(), root = in(scratch, "first-root");
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_root(options, root.text, &error));
    backup_coordinator *coordinator = NULL;
    SUCCEEDS(backup_coordinator_open(directory.text, options, &coordinator, &error));
    SUCCEEDS(backup_options_set_root(options, "/second/root", &error));
    backup_options_free(options);
    CHECK(strcmp(backup_coordinator_root(coordinator), root.text) == 0);
    snapshot_of(coordinator);
    CHECK(exists(in(root, "latest")));
    backup_coordinator_close(coordinator);
}

static void null_options_are_defaults(void) {
    struct path directory = database();
    backup_coordinator *coordinator = open_with(directory, NULL);
    CHECK(strcmp(backup_coordinator_root(coordinator), in(directory, ".lifecycle/backup").text) == 0);
    struct path snapshot = snapshot_of(coordinator);
    backup_job *job = NULL;
    SUCCEEDS(backup_verify_start(snapshot.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void a_snapshot_outlives_its_directory_and_its_coordinator(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path location = snapshot_of(coordinator);
    const char *root = backup_coordinator_root(coordinator);
    backup_snapshot *snapshot = NULL;
    SUCCEEDS(backup_latest(root, &snapshot, &error));
    const char *id = backup_snapshot_id(snapshot);
    SUCCEEDS(backup_delete(root, id, &error));
    backup_coordinator_close(coordinator);
    CHECK(!exists(location));
    CHECK(backup_snapshot_id(snapshot) == id);
    CHECK(strcmp(backup_snapshot_location(snapshot), location.text) == 0);
    backup_snapshot_free(snapshot);
}

static void an_error_outlives_what_failed(void) {
    backup_job *job = NULL;
    backup_error *mine = NULL;
    SUCCEEDS(backup_verify_start("/no/such/snapshot", NULL, &job, &error));
    CHECK(backup_wait(job, -1, &mine) == BACKUP_NOT_FOUND);
    backup_free(job);
    CHECK(backup_error_code(mine) == BACKUP_NOT_FOUND && strlen(backup_error_message(mine)) > 0);
    backup_error_free(mine);
}

static void several_handles_of_a_job_are_freed_on_their_own(void) {
    backup_coordinator *coordinator = open_plain(database());
    backup_job *job = NULL, *same = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    SUCCEEDS(backup_find(coordinator, backup_id(job), &same, &error));
    CHECK(same != job);
    backup_free(job);
    SUCCEEDS(backup_wait(same, -1, &error));
    backup_free(same);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(a_job_outlives_its_coordinator);
    TRY(a_job_ends_with_its_coordinator);
    TRY(a_backup_goes_on_without_handles);
    TRY(options_are_copied);
    TRY(null_options_are_defaults);
    TRY(a_snapshot_outlives_its_directory_and_its_coordinator);
    TRY(an_error_outlives_what_failed);
    TRY(several_handles_of_a_job_are_freed_on_their_own);
    return 0;
}
