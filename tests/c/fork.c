/* After fork the child gets errors from its parent's handles, may free them, and never hangs. */
#include "check.h"

#include <signal.h>
#include <sys/wait.h>

/* Runs `child` in a forked child, which ends without tidying up as if it had called exec. */
static void in_a_child(void (*child)(void *), void *argument) {
    pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
        child(argument);
        kill(getpid(), SIGKILL);
    }
    int status;
    CHECK(waitpid(process, &status, 0) == process);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

struct handles {
    backup_coordinator *coordinator;
    backup_job *job;
    struct path directory;
};

static void uses_the_parents(void *argument) {
    struct handles *parents = argument;
    backup_progress progress;
    backup_job *job = NULL;
    backup_error *warning = NULL;
    FAILS(BACKUP_CONFLICT, backup_status(parents->job, &progress, sizeof progress, &error));
    FAILS(BACKUP_CONFLICT, backup_wait(parents->job, -1, &error));
    FAILS(BACKUP_CONFLICT, backup_warning(parents->job, 0, &warning, &error));
    FAILS(BACKUP_CONFLICT, backup_cancel(parents->job, &error));
    FAILS(BACKUP_CONFLICT, backup_set_rate_limit(parents->job, 1, &error));
    FAILS(BACKUP_CONFLICT, backup_start(parents->coordinator, &job, &error));
    FAILS(BACKUP_CONFLICT, backup_run(parents->coordinator, &job, &error));
    FAILS(BACKUP_CONFLICT, backup_find(parents->coordinator, NULL, &job, &error));
    CHECK(!job && !warning && backup_eventfd(parents->job) == -1);
    CHECK(strlen(backup_id(parents->job)) == 36 && backup_location(parents->job)[0] == '/');
    backup_free(parents->job);
    backup_coordinator_close(parents->coordinator);
}

static void the_parents_handles_are_a_conflict_and_may_be_freed(void) {
    struct gate gate = GATE;
    struct handles parents = {.directory = database()};
    parents.coordinator = open_at(parents.directory, quick_options(), &gate);
    parents.job = started_at(parents.coordinator, &gate);
    in_a_child(uses_the_parents, &parents);
    gate_open(&gate);
    SUCCEEDS(backup_wait(parents.job, -1, &error));
    in_a_child(uses_the_parents, &parents);
    backup_free(parents.job);
    backup_coordinator_close(parents.coordinator);
}

static void is_in_no_hook(void *argument) {
    CHECK(backup_in_hook(argument) == 0);
}

static int32_t forks(void *user_data, backup_hook *hook) {
    backup_job *job = *(backup_job **) user_data;
    (void) hook;
    CHECK(backup_in_hook(job) == 1);
    in_a_child(is_in_no_hook, job);
    return 0;
}

static void a_child_of_a_hook_is_in_no_hook(void) {
    backup_job *job = NULL;
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, forks, &job, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    SUCCEEDS(backup_start(coordinator, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void a_restore_of_the_parent_goes_on(void) {
    struct gate gate = GATE;
    struct handles parents = {0};
    backup_coordinator *coordinator = open_plain(database());
    struct path snapshot = snapshot_of(coordinator);
    parents.coordinator = coordinator;
    parents.job = restoring_at(snapshot, in(scratch, "restored"), quick_options(), &gate);
    in_a_child(uses_the_parents, &parents);
    gate_open(&gate);
    SUCCEEDS(backup_wait(parents.job, -1, &error));
    backup_free(parents.job);
    backup_coordinator_close(coordinator);
}

static void opens_its_own(void *argument) {
    struct path *directory = argument;
    backup_coordinator *coordinator = open_plain(*directory);
    snapshot_of(coordinator);
    backup_coordinator_close(coordinator);
}

static void the_child_may_open_its_own(void) {
    struct path directory = database();
    backup_coordinator *coordinator = open_plain(directory);
    snapshot_of(coordinator);
    in_a_child(opens_its_own, &directory);
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(backup_coordinator_root(coordinator), &list, &error));
    CHECK(backup_list_count(list) == 2);
    backup_list_free(list);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(the_parents_handles_are_a_conflict_and_may_be_freed);
    TRY(a_child_of_a_hook_is_in_no_hook);
    TRY(a_restore_of_the_parent_goes_on);
    TRY(the_child_may_open_its_own);
    return 0;
}
