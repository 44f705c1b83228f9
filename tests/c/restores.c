/* Restores and verifications are jobs that belong to their handles. */
#include "check.h"

static struct path snapshot;

static void a_restore_puts_the_snapshot_in_place(void) {
    struct path target = in(scratch, "new-target");
    backup_job *job = NULL;
    backup_progress progress;
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.kind == BACKUP_KIND_RESTORE && progress.state == BACKUP_STATE_COMPLETED);
    CHECK(progress.percent == 100 && strlen(backup_id(job)) == 36);
    CHECK(strcmp(backup_location(job), target.text) == 0);
    CHECK(file_holds(in(target, "data"), "mutable") && file_holds(in(target, "1.sst"), "immutable"));
    backup_free(job);
}

static void a_verification_reads_the_snapshot(void) {
    backup_job *job = NULL;
    backup_progress progress;
    SUCCEEDS(backup_verify_start(snapshot.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.kind == BACKUP_KIND_VERIFY && progress.percent == 100);
    CHECK(strcmp(backup_location(job), snapshot.text) == 0);
    backup_free(job);
}

static void what_the_disk_says_is_the_jobs_result(void) {
    struct path target = in(scratch, "never");
    backup_job *job = NULL;
    SUCCEEDS(backup_restore_start("/no/such/snapshot", target.text, NULL, &job, &error));
    FAILS(BACKUP_NOT_FOUND, backup_wait(job, -1, &error));
    backup_free(job);
    CHECK(!exists(target));
}

static void a_corrupt_snapshot_changes_nothing(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path corrupt = snapshot_of(coordinator), target = in(scratch, "never");
    write_file(in(corrupt, "data"), "mutablE");
    backup_job *job = NULL;
    SUCCEEDS(backup_verify_start(corrupt.text, NULL, &job, &error));
    FAILS(BACKUP_CORRUPT, backup_wait(job, -1, &error));
    backup_free(job);
    SUCCEEDS(backup_restore_start(corrupt.text, target.text, NULL, &job, &error));
    FAILS(BACKUP_CORRUPT, backup_wait(job, -1, &error));
    backup_free(job);
    CHECK(!exists(target));
    backup_coordinator_close(coordinator);
}

/* Which of the hooks were called, and on which thread. */
struct calls {
    atomic_int validate, progress, others;
    pthread_t host;
    bool on_the_hosts_thread;
};

static int32_t counts_validate(void *user_data, const char *staging, backup_hook *hook) {
    struct calls *calls = user_data;
    CHECK(staging[0] == '/' && backup_hook_job(hook));
    if (pthread_equal(calls->host, pthread_self())) calls->on_the_hosts_thread = true;
    calls->validate++;
    return 0;
}

static int32_t counts_progress(void *user_data, const backup_progress *progress, backup_hook *hook) {
    CHECK(progress->kind != BACKUP_KIND_BACKUP && backup_hook_job(hook));
    ((struct calls *) user_data)->progress++;
    return 0;
}

static int32_t counts_others(void *user_data, backup_hook *hook) {
    CHECK(backup_hook_job(hook));
    ((struct calls *) user_data)->others++;
    return 0;
}

static void only_validate_and_progress_are_called(void) {
    for (int restores = 0; restores <= 1; restores++) {
        struct calls calls = {.host = pthread_self()};
        backup_options *options = quick_options();
        SUCCEEDS(backup_options_set_checkpoint_hook(options, counts_others, &calls, NULL, &error));
        SUCCEEDS(backup_options_set_freeze_hook(options, counts_others, counts_others, &calls, NULL, &error));
        SUCCEEDS(backup_options_set_release_hook(options, counts_others, &calls, NULL, &error));
        SUCCEEDS(backup_options_set_validate_hook(options, counts_validate, &calls, NULL, &error));
        SUCCEEDS(backup_options_set_progress_hook(options, counts_progress, &calls, NULL, &error));
        SUCCEEDS(backup_options_set_threads(options, 1, &error));
        SUCCEEDS(backup_options_set_verify_level(options, BACKUP_VERIFY_SIZE, &error));
        backup_job *job = NULL;
        struct path target = in(scratch, "hooked");
        SUCCEEDS(restores ? backup_restore_start(snapshot.text, target.text, options, &job, &error)
                          : backup_verify_start(snapshot.text, options, &job, &error));
        backup_options_free(options);
        SUCCEEDS(backup_wait(job, -1, &error));
        backup_free(job);
        CHECK(calls.validate == 1 && calls.progress > 0 && calls.others == 0 && !calls.on_the_hosts_thread);
    }
}

static int32_t refuses(void *user_data, const char *staging, backup_hook *hook) {
    (void) user_data, (void) staging;
    backup_hook_set_error(hook, "not my kind of database", NULL, NULL);
    return 1;
}

static void a_refused_restore_changes_nothing(void) {
    struct path target = database();
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_validate_hook(options, refuses, NULL, NULL, &error));
    backup_job *job = NULL;
    write_file(in(target, "data"), "present");
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, options, &job, &error));
    backup_options_free(options);
    backup_error *mine = NULL;
    CHECK(backup_wait(job, -1, &mine) == BACKUP_HOOK_FAILED);
    CHECK(strstr(backup_error_message(mine), "not my kind of database"));
    CHECK(file_holds(in(target, "data"), "present"));
    backup_error_free(mine);
    backup_free(job);
}

static void *free_the_job(void *job) {
    backup_free(job);
    return NULL;
}

static void the_last_handle_cancels_and_waits(void) {
    struct gate gate = GATE;
    struct path target = in(scratch, "given-up");
    atomic_int destroyed = 0;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_progress_hook(options, NULL, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, hook_at_gate, &destroyed, count, &error));
    backup_job *job = restoring_at(snapshot, target, options, &gate);
    pthread_t freeing;
    CHECK(pthread_create(&freeing, NULL, free_the_job, job) == 0);
    usleep(50 * 1000);
    gate_open(&gate);
    CHECK(pthread_join(freeing, NULL) == 0);
    CHECK(destroyed == 1 && !exists(target));
}

static void cancelling_one_changes_nothing(void) {
    struct gate gate = GATE;
    struct path target = in(scratch, "cancelled");
    backup_job *job = restoring_at(snapshot, target, quick_options(), &gate);
    SUCCEEDS(backup_cancel(job, &error));
    gate_open(&gate);
    FAILS(BACKUP_CANCELLED, backup_wait(job, -1, &error));
    backup_progress progress;
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.state == BACKUP_STATE_CANCELLED && !exists(target));
    backup_free(job);
}

static void an_undo_puts_back_what_a_restore_replaced(void) {
    struct path target = database();
    write_file(in(target, "data"), "present");
    backup_job *job = NULL;
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    CHECK(file_holds(in(target, "data"), "mutable"));
    SUCCEEDS(backup_restore_undo(target.text, &error));
    CHECK(file_holds(in(target, "data"), "present"));
}

static void without_a_restore_there_is_nothing_to_recover_or_undo(void) {
    struct path target = database();
    int32_t outcome = -1;
    SUCCEEDS(backup_recover(target.text, &outcome, &error));
    CHECK(outcome == BACKUP_RECOVERED_NOTHING);
    FAILS(BACKUP_NOT_FOUND, backup_restore_undo(target.text, &error));
}

static void nothing_moves_under_an_open_coordinator(void) {
    struct path target = database();
    backup_job *job = NULL;
    int32_t outcome = -1;
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_coordinator *coordinator = open_plain(target);
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, NULL, &job, &error));
    FAILS(BACKUP_CONFLICT, backup_wait(job, -1, &error));
    backup_free(job);
    FAILS(BACKUP_CONFLICT, backup_recover(target.text, &outcome, &error));
    FAILS(BACKUP_CONFLICT, backup_restore_undo(target.text, &error));
    CHECK(outcome == -1);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    backup_coordinator *coordinator = open_plain(database());
    snapshot = snapshot_of(coordinator);
    TRY(a_restore_puts_the_snapshot_in_place);
    TRY(a_verification_reads_the_snapshot);
    TRY(what_the_disk_says_is_the_jobs_result);
    TRY(a_corrupt_snapshot_changes_nothing);
    TRY(only_validate_and_progress_are_called);
    TRY(a_refused_restore_changes_nothing);
    TRY(the_last_handle_cancels_and_waits);
    TRY(cancelling_one_changes_nothing);
    TRY(an_undo_puts_back_what_a_restore_replaced);
    TRY(without_a_restore_there_is_nothing_to_recover_or_undo);
    TRY(nothing_moves_under_an_open_coordinator);
    backup_coordinator_close(coordinator);
    return 0;
}
