/* A host may cancel its threads by pthread_cancel, also one that is in a call of the library: the call
 * ends as it would have, and then the thread does. */
#include "check.h"

static backup_coordinator *shared;
static atomic_int inside, returned, all_called, releases;

static int32_t hook_that_sleeps(void *user_data, backup_hook *hook) {
    (void) hook;
    if (user_data) ++*(atomic_int *) user_data;
    inside = 1;
    usleep(200000); /* a place where a cancellation would act */
    return 0;
}

/* Cancels a thread once it is in its call, and waits for it. */
static void is_cancelled_in(void *(*call)(void *), void *with) {
    pthread_t thread;
    void *result = NULL;
    inside = returned = 0;
    CHECK(pthread_create(&thread, NULL, call, with) == 0);
    while (!inside) usleep(1000);
    usleep(20000);
    CHECK(pthread_cancel(thread) == 0);
    CHECK(pthread_join(thread, &result) == 0);
    CHECK(result == PTHREAD_CANCELED && !returned);
}

static void *wait_for_ever(void *job) {
    inside = 1;
    backup_wait(job, 600, NULL);
    pthread_testcancel();
    returned = 1;
    return NULL;
}

static void one_that_waits_stops_when_its_wait_has_ended(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    is_cancelled_in(wait_for_ever, job);
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static backup_options *options_that_sleep(void) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, hook_that_sleeps, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, hook_that_sleeps, do_nothing, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, hook_that_sleeps, &releases, NULL, &error));
    return options;
}

static void *run(void *none) {
    backup_job *job = NULL;
    backup_run(shared, &job, NULL);
    backup_free(job);
    pthread_testcancel();
    returned = 1;
    return none;
}

static void one_whose_hooks_sleep_makes_its_backup_first(void) {
    shared = open_with(database(), options_that_sleep());
    releases = 0;
    is_cancelled_in(run, NULL);
    backup_snapshot *newest = NULL;
    SUCCEEDS(backup_latest(backup_coordinator_root(shared), &newest, &error));
    CHECK(releases == 1);
    backup_snapshot_free(newest);
    backup_coordinator_close(shared);
}

static void *close_it(void *coordinator) {
    inside = 1;
    backup_coordinator_close(coordinator);
    pthread_testcancel();
    returned = 1;
    return NULL;
}

static void one_that_closes_has_closed(void) {
    struct path directory = database();
    backup_coordinator *coordinator = open_with(directory, options_that_sleep());
    backup_job *job = NULL;
    inside = 0;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    while (!inside) usleep(1000);
    is_cancelled_in(close_it, coordinator);
    FAILS(BACKUP_CANCELLED, backup_wait(job, 0, &error));
    backup_free(job);
    /* Its lock is gone, as after any close. */
    SUCCEEDS(backup_recover(directory.text, &(int32_t){0}, &error));
}

/* Each call that makes threads or waits for them, with a cancellation that is pending already. */
static void *many_calls(void *directory) {
    struct path *place = directory;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    inside = 1;
    usleep(100000); /* cancelled meanwhile, and it does not act yet */
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    backup_coordinator *coordinator = open_with(*place, quick_options());
    backup_job *backup = NULL, *restore = NULL, *verify = NULL, *found = NULL;
    backup_list *list = NULL;
    backup_snapshot *newest = NULL;
    uint32_t deleted;
    SUCCEEDS(backup_start(coordinator, &backup, &error));
    SUCCEEDS(backup_wait(backup, -1, &error));
    SUCCEEDS(backup_find(coordinator, NULL, &found, &error));
    SUCCEEDS(backup_restore_start(backup_location(backup), in(*place, "../restored").text, NULL, &restore, &error));
    SUCCEEDS(backup_wait(restore, -1, &error));
    SUCCEEDS(backup_verify_start(backup_location(backup), NULL, &verify, &error));
    SUCCEEDS(backup_wait(verify, -1, &error));
    SUCCEEDS(backup_list_open(backup_coordinator_root(coordinator), &list, &error));
    SUCCEEDS(backup_latest(backup_coordinator_root(coordinator), &newest, &error));
    SUCCEEDS(backup_prune(backup_coordinator_root(coordinator), 1, &deleted, &error));
    SUCCEEDS(backup_delete(backup_coordinator_root(coordinator), backup_id(backup), &error));
    backup_snapshot_free(newest);
    backup_list_free(list);
    backup_free(found), backup_free(verify), backup_free(restore), backup_free(backup);
    backup_coordinator_close(coordinator);
    all_called = 1;
    pthread_testcancel();
    returned = 1;
    return NULL;
}

static void one_with_a_cancellation_pending_can_use_every_call(void) {
    struct path directory = database();
    all_called = 0;
    is_cancelled_in(many_calls, &directory);
    CHECK(all_called == 1);
}

static int32_t state_is_kept(void *user_data, backup_hook *hook) {
    (void) user_data, (void) hook;
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    CHECK(before == PTHREAD_CANCEL_DISABLE);
    return 0;
}

static void the_states_of_threads_are_what_they_were(void) {
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, state_is_kept, NULL, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    for (int state = 0; state < 2; state++) {
        int wanted = state ? PTHREAD_CANCEL_DISABLE : PTHREAD_CANCEL_ENABLE, found;
        pthread_setcancelstate(wanted, NULL);
        backup_job *job = NULL;
        SUCCEEDS(backup_run(coordinator, &job, &error));
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &found);
        CHECK(found == wanted);
        backup_free(job);
    }
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(one_that_waits_stops_when_its_wait_has_ended);
    TRY(one_whose_hooks_sleep_makes_its_backup_first);
    TRY(one_that_closes_has_closed);
    TRY(one_with_a_cancellation_pending_can_use_every_call);
    TRY(the_states_of_threads_are_what_they_were);
    return 0;
}
