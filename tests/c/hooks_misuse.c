/* From a hook anything may be called: it does what the header says, and never hangs. */
#include "check.h"

#include <semaphore.h>

/* A host whose checkpoint hook does something unusual. */
struct host {
    backup_coordinator *coordinator;
    backup_job *job;
    void (*does)(struct host *host, backup_hook *hook);
    int releases;
};

static int32_t checkpoint(void *user_data, backup_hook *hook) {
    struct host *host = user_data;
    host->does(host, hook);
    return 0;
}

static int32_t release(void *user_data, backup_hook *hook) {
    (void) hook;
    ((struct host *) user_data)->releases++;
    return 0;
}

static void open_host(struct host *host, void (*does)(struct host *, backup_hook *)) {
    *host = (struct host) {.does = does};
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, checkpoint, host, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, release, host, NULL, &error));
    host->coordinator = open_with(database(), options);
}

/* Runs it with its hooks on this thread, then on the library's, and wants the same of both. */
static void ends_with(backup_code code, void (*does)(struct host *, backup_hook *)) {
    for (int starts = 0; starts <= 1; starts++) {
        struct host host;
        open_host(&host, does);
        backup_error *mine = NULL;
        backup_code got;
        if (starts) {
            SUCCEEDS(backup_start(host.coordinator, &host.job, &error));
            got = backup_wait(host.job, -1, &mine);
        } else {
            got = backup_run(host.coordinator, &host.job, &mine);
        }
        CHECK(got == code && backup_error_code(mine) == code);
        CHECK(host.releases == 1);
        backup_error_free(mine);
        backup_free(host.job);
        backup_coordinator_close(host.coordinator);
    }
}

static void waits(struct host *host, backup_hook *hook) {
    (void) host;
    FAILS(BACKUP_CONFLICT, backup_wait(backup_hook_job(hook), -1, &error));
    FAILS(BACKUP_CONFLICT, backup_wait(backup_hook_job(hook), 0, &error));
    FAILS(BACKUP_CONFLICT, backup_wait(host->job, 1000, &error));
    CHECK(backup_in_hook(backup_hook_job(hook)) == 1 && backup_in_hook(host->job) == 1);
}

static void waiting_for_its_own_job_is_a_conflict(void) {
    ends_with(BACKUP_OK, waits);
}

static void looks_around(struct host *host, backup_hook *hook) {
    backup_coordinator *coordinator = open_plain(database());
    struct path snapshot = snapshot_of(coordinator);
    backup_job *other = NULL;
    SUCCEEDS(backup_verify_start(snapshot.text, NULL, &other, &error));
    CHECK(backup_in_hook(backup_hook_job(hook)) == 1 && backup_in_hook(other) == 0);
    SUCCEEDS(backup_wait(other, -1, &error));
    backup_free(other);
    backup_coordinator_close(coordinator);
    CHECK(backup_in_hook(host->job) == 1);
}

static void a_hook_is_one_of_its_own_job_alone(void) {
    ends_with(BACKUP_OK, looks_around);
}

static void other_threads_are_in_no_hook(void) {
    struct gate gate = GATE;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, hook_at_gate, &gate, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    backup_job *job = NULL;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    gate_await(&gate);
    CHECK(backup_in_hook(job) == 0);
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    SUCCEEDS(backup_run(coordinator, &job, &error));
    CHECK(backup_in_hook(job) == 0);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void starts(struct host *host, backup_hook *hook) {
    (void) hook;
    backup_job *job = NULL;
    FAILS(BACKUP_CONFLICT, backup_start(host->coordinator, &job, &error));
    FAILS(BACKUP_CONFLICT, backup_run(host->coordinator, &job, &error));
    CHECK(!job);
}

static void starting_another_backup_is_a_conflict(void) {
    ends_with(BACKUP_OK, starts);
}

static void looks(struct host *host, backup_hook *hook) {
    const backup_job *job = backup_hook_job(hook);
    backup_progress progress;
    SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
    CHECK(progress.state == BACKUP_STATE_RUNNING && progress.phase == BACKUP_PHASE_CHECKPOINT);
    CHECK(progress.finished_at_ms == 0 && progress.percent < 100);
    backup_job *found = NULL;
    SUCCEEDS(backup_find(host->coordinator, NULL, &found, &error));
    CHECK(strcmp(backup_id(found), backup_id(job)) == 0);
    CHECK(strcmp(backup_location(found), backup_location(job)) == 0);
    backup_free(found);
    SUCCEEDS(backup_set_rate_limit(job, 0, &error));
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(backup_coordinator_root(host->coordinator), &list, &error));
    CHECK(backup_list_count(list) == 0);
    backup_list_free(list);
}

static void a_job_can_be_looked_at(void) {
    ends_with(BACKUP_OK, looks);
}

static void cancels(struct host *host, backup_hook *hook) {
    (void) host;
    SUCCEEDS(backup_cancel(backup_hook_job(hook), &error));
}

static void a_job_can_be_cancelled(void) {
    ends_with(BACKUP_CANCELLED, cancels);
}

static void frees(struct host *host, backup_hook *hook) {
    (void) hook;
    backup_free(host->job);
    SUCCEEDS(backup_find(host->coordinator, NULL, &host->job, &error));
}

static void its_handle_can_be_freed_and_found_again(void) {
    /* With backup_start, the handle that the waiter uses must not go: so with backup_run only. */
    struct host host;
    open_host(&host, frees);
    SUCCEEDS(backup_run(host.coordinator, &host.job, &error));
    SUCCEEDS(backup_wait(host.job, 0, &error));
    backup_free(host.job);
    backup_coordinator_close(host.coordinator);
}

static void closes(struct host *host, backup_hook *hook) {
    (void) hook;
    backup_coordinator_close(host->coordinator);
    host->coordinator = NULL;
}

static void closing_there_cancels_and_does_not_wait(void) {
    ends_with(BACKUP_CANCELLED, closes);
}

static void names(struct host *host, backup_hook *hook) {
    (void) host;
    static const char *const not_plain[] = {"", "/x", "../x", "a/../x", "./x", "a//x", "a/"};
    for (size_t i = 0; i < sizeof not_plain / sizeof *not_plain; i++) {
        FAILS(BACKUP_INVALID_ARGUMENT,
              backup_hook_add_file(hook, not_plain[i], BACKUP_FILE_MUTABLE, UINT64_MAX, &error));
        FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, not_plain[i], "x", 1, &error));
    }
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_file(hook, NULL, BACKUP_FILE_MUTABLE, 0, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_file(hook, "x", 0, UINT64_MAX, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_file(hook, "x", BACKUP_FILE_EXCLUDED, UINT64_MAX, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, NULL, "x", 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, "x", NULL, 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, "snapshot.manifest", "x", 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, ".lifecycle/x", "x", 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_set_metadata(hook, NULL, 1, &error));
    SUCCEEDS(backup_hook_add_bytes(hook, "a/b", "x", 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, "a", "x", 1, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_hook_add_bytes(hook, "a/b/c", "x", 1, &error));
}

static void bad_names_are_refused_and_fail_nothing(void) {
    ends_with(BACKUP_OK, names);
}

static int32_t validate_names(void *user_data, const char *staging, backup_hook *hook) {
    (void) user_data, (void) staging;
    FAILS(BACKUP_CONFLICT, backup_hook_add_file(hook, "x", BACKUP_FILE_MUTABLE, UINT64_MAX, &error));
    FAILS(BACKUP_CONFLICT, backup_hook_add_bytes(hook, "x", "x", 1, &error));
    return 0;
}

static void only_checkpoint_and_freeze_may_name_files(void) {
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_validate_hook(options, validate_names, NULL, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    snapshot_of(coordinator);
    backup_coordinator_close(coordinator);
}

/* A restore or verification whose last handle goes in its own hook. */
struct loner {
    backup_job *job;
    sem_t handle_is_known, ended;
};

static int32_t frees_the_last_handle(void *user_data, const char *staging, backup_hook *hook) {
    (void) staging, (void) hook;
    struct loner *loner = user_data;
    sem_wait(&loner->handle_is_known);
    backup_free(loner->job);
    return 0;
}

static void posts_the_end(void *user_data) {
    sem_post(&((struct loner *) user_data)->ended);
}

static void freeing_the_last_handle_of_a_restore_there_cancels_it(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path snapshot = snapshot_of(coordinator), target = in(scratch, "never");
    struct loner loner = {0};
    sem_init(&loner.handle_is_known, 0, 0);
    sem_init(&loner.ended, 0, 0);
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_validate_hook(options, frees_the_last_handle, &loner, posts_the_end, &error));
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, options, &loner.job, &error));
    backup_options_free(options);
    sem_post(&loner.handle_is_known);
    sem_wait(&loner.ended);
    CHECK(!exists(target));
    backup_coordinator_close(coordinator);
    /* Nobody could wait for its thread, which has nothing left to do but to end. */
    usleep(200 * 1000);
}

/* The coordinator is closed by one thread while a hook uses it on another. */
static int32_t uses_the_coordinator(void *user_data, const backup_progress *progress, backup_hook *hook) {
    (void) progress, (void) hook;
    struct host *host = user_data;
    backup_job *found = NULL;
    CHECK(backup_find(host->coordinator, NULL, &found, NULL) == BACKUP_OK);
    CHECK(backup_coordinator_root(host->coordinator));
    backup_free(found);
    return 0;
}

static void hooks_may_use_a_coordinator_that_is_being_closed(void) {
    struct host host = {0};
    struct gate gate = GATE;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_progress_hook(options, uses_the_coordinator, &host, NULL, &error));
    backup_coordinator *coordinator = open_at(database(), options, &gate);
    host.coordinator = coordinator;
    backup_job *job = started_at(coordinator, &gate);
    gate_open(&gate);
    backup_coordinator_close(coordinator);
    CHECK(backup_wait(job, 0, NULL) != BACKUP_TIMEOUT);
    backup_free(job);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(waiting_for_its_own_job_is_a_conflict);
    TRY(a_hook_is_one_of_its_own_job_alone);
    TRY(other_threads_are_in_no_hook);
    TRY(starting_another_backup_is_a_conflict);
    TRY(a_job_can_be_looked_at);
    TRY(a_job_can_be_cancelled);
    TRY(its_handle_can_be_freed_and_found_again);
    TRY(closing_there_cancels_and_does_not_wait);
    TRY(bad_names_are_refused_and_fail_nothing);
    TRY(only_checkpoint_and_freeze_may_name_files);
    TRY(freeing_the_last_handle_of_a_restore_there_cancels_it);
    TRY(hooks_may_use_a_coordinator_that_is_being_closed);
    return 0;
}
