/* destroy is called exactly once: also when a setter fails, and as soon as nobody can need it. */
#include "check.h"

static atomic_int destroyed;

static int32_t agree_to(void *user_data, const char *staging, backup_hook *hook) {
    (void) staging;
    return do_nothing(user_data, hook);
}

static int32_t go_on(void *user_data, const backup_progress *progress, backup_hook *hook) {
    (void) progress;
    return do_nothing(user_data, hook);
}

/* Options with all five hooks, each with a user_data of its own. */
static backup_options *with_all_hooks(void) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, do_nothing, &destroyed, count, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, do_nothing, do_nothing, &destroyed, count, &error));
    SUCCEEDS(backup_options_set_release_hook(options, do_nothing, &destroyed, count, &error));
    SUCCEEDS(backup_options_set_validate_hook(options, agree_to, &destroyed, count, &error));
    SUCCEEDS(backup_options_set_progress_hook(options, go_on, &destroyed, count, &error));
    atomic_store(&destroyed, 0);
    return options;
}

static void freeing_the_options_destroys_it(void) {
    backup_options *options = with_all_hooks();
    CHECK(destroyed == 0);
    backup_options_free(options);
    CHECK(destroyed == 5);
}

static void destroy_may_be_null(void) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, do_nothing, &destroyed, NULL, &error));
    SUCCEEDS(backup_options_set_checkpoint_hook(options, do_nothing, NULL, NULL, &error));
    backup_options_free(options);
}

static void a_setter_that_fails_destroys_it(void) {
    backup_options *options = backup_options_new();
    atomic_store(&destroyed, 0);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_checkpoint_hook(NULL, do_nothing, &destroyed, count, &error));
    CHECK(destroyed == 1);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_freeze_hook(NULL, do_nothing, do_nothing, &destroyed, count, &error));
    CHECK(destroyed == 2);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_release_hook(NULL, do_nothing, &destroyed, count, &error));
    CHECK(destroyed == 3);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_validate_hook(NULL, agree_to, &destroyed, count, &error));
    CHECK(destroyed == 4);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_progress_hook(NULL, go_on, &destroyed, count, &error));
    CHECK(destroyed == 5);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_freeze_hook(options, do_nothing, NULL, &destroyed, count, &error));
    CHECK(destroyed == 6);
    backup_options_free(options);
    CHECK(destroyed == 6);
}

static void replacing_a_hook_destroys_the_old_one(void) {
    backup_options *options = with_all_hooks();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, do_nothing, NULL, NULL, &error));
    CHECK(destroyed == 1);
    SUCCEEDS(backup_options_set_freeze_hook(options, do_nothing, do_nothing, NULL, NULL, &error));
    CHECK(destroyed == 2);
    backup_options_free(options);
    CHECK(destroyed == 5);
}

static void removing_a_hook_destroys_it_and_what_came_with_the_call(void) {
    backup_options *options = with_all_hooks();
    SUCCEEDS(backup_options_set_release_hook(options, NULL, &destroyed, count, &error));
    CHECK(destroyed == 2);
    SUCCEEDS(backup_options_set_freeze_hook(options, NULL, NULL, &destroyed, count, &error));
    CHECK(destroyed == 4);
    SUCCEEDS(backup_options_set_progress_hook(options, NULL, &destroyed, count, &error));
    CHECK(destroyed == 6);
    backup_options_free(options);
    CHECK(destroyed == 8);
}

static void a_failed_setter_keeps_the_hook_that_was_there(void) {
    backup_options *options = with_all_hooks();
    FAILS(BACKUP_INVALID_ARGUMENT, backup_options_set_freeze_hook(options, NULL, do_nothing, NULL, NULL, &error));
    CHECK(destroyed == 0);
    backup_options_free(options);
    CHECK(destroyed == 5);
}

static void the_last_of_options_and_coordinators_destroys_it(void) {
    struct path first = database(), second = database();
    backup_coordinator *one = NULL, *two = NULL;
    backup_options *options = with_all_hooks();
    SUCCEEDS(backup_coordinator_open(first.text, options, &one, &error));
    SUCCEEDS(backup_coordinator_open(second.text, options, &two, &error));
    backup_options_free(options);
    backup_coordinator_close(one);
    CHECK(destroyed == 0);
    backup_coordinator_close(two);
    CHECK(destroyed == 5);

    options = with_all_hooks();
    SUCCEEDS(backup_coordinator_open(first.text, options, &one, &error));
    backup_coordinator_close(one);
    CHECK(destroyed == 0);
    backup_options_free(options);
    CHECK(destroyed == 5);
}

static void an_open_that_fails_holds_nothing(void) {
    backup_coordinator *coordinator = NULL;
    backup_options *options = with_all_hooks();
    FAILS(BACKUP_NOT_FOUND, backup_coordinator_open("/no/such/directory", options, &coordinator, &error));
    backup_options_free(options);
    CHECK(destroyed == 5);
}

static void job_handles_never_hold_it(void) {
    backup_coordinator *coordinator = open_with(database(), with_all_hooks());
    backup_job *started = NULL, *run = NULL;
    SUCCEEDS(backup_start(coordinator, &started, &error));
    SUCCEEDS(backup_wait(started, -1, &error));
    SUCCEEDS(backup_run(coordinator, &run, &error));
    CHECK(destroyed == 0);
    backup_coordinator_close(coordinator);
    CHECK(destroyed == 5);
    backup_free(started);
    backup_free(run);
    CHECK(destroyed == 5);
}

static void closing_while_a_backup_runs_destroys_it_before_it_returns(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), with_all_hooks(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    SUCCEEDS(backup_cancel(job, &error));
    gate_open(&gate);
    backup_coordinator_close(coordinator);
    CHECK(destroyed == 5);
    FAILS(BACKUP_CANCELLED, backup_wait(job, -1, &error));
    backup_free(job);
}

static void the_end_of_a_restore_or_verification_destroys_it(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path snapshot = snapshot_of(coordinator);
    backup_job *job = NULL;

    backup_options *options = with_all_hooks();
    SUCCEEDS(backup_verify_start(snapshot.text, options, &job, &error));
    backup_options_free(options);
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(destroyed == 5);
    backup_free(job);

    options = with_all_hooks();
    SUCCEEDS(backup_restore_start(snapshot.text, in(scratch, "restored").text, options, &job, &error));
    backup_options_free(options);
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(destroyed == 5);
    backup_free(job);

    options = with_all_hooks();
    SUCCEEDS(backup_verify_start("/no/such/snapshot", options, &job, &error));
    backup_options_free(options);
    FAILS(BACKUP_NOT_FOUND, backup_wait(job, -1, &error));
    CHECK(destroyed == 5);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void set_error_destroys_the_cause_even_without_a_hook(void) {
    atomic_store(&destroyed, 0);
    backup_hook_set_error(NULL, "why", &destroyed, count);
    CHECK(destroyed == 1);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(freeing_the_options_destroys_it);
    TRY(destroy_may_be_null);
    TRY(a_setter_that_fails_destroys_it);
    TRY(replacing_a_hook_destroys_the_old_one);
    TRY(removing_a_hook_destroys_it_and_what_came_with_the_call);
    TRY(a_failed_setter_keeps_the_hook_that_was_there);
    TRY(the_last_of_options_and_coordinators_destroys_it);
    TRY(an_open_that_fails_holds_nothing);
    TRY(job_handles_never_hold_it);
    TRY(closing_while_a_backup_runs_destroys_it_before_it_returns);
    TRY(the_end_of_a_restore_or_verification_destroys_it);
    TRY(set_error_destroys_the_cause_even_without_a_hook);
    return 0;
}
