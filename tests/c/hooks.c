/* Hooks are called in order, each as often as it should be, and their failures are the job's. */
#include "check.h"

/* What a host's hooks are told to do, and what they saw. */
struct host {
    char called[32]; /* one letter a call: c f t r v */
    const char *fails; /* letters of the hooks that fail */
    const char *message, *second_message; /* for set_error */
    bool sets_error, forgives;
    atomic_int causes_destroyed;
    pthread_t thread;
    bool one_thread;
    backup_job *job; /* what start or run wrote */
    bool job_was_written;
};

static struct host new_host(void) {
    struct host host = {.fails = "", .one_thread = true, .job_was_written = true};
    return host;
}

static int32_t act(struct host *host, char letter, backup_hook *hook) {
    size_t calls = strlen(host->called);
    if (calls == 0) {
        host->thread = pthread_self();
        const char *id = backup_id(backup_hook_job(hook));
        host->job_was_written = host->job && id && strcmp(backup_id(host->job), id) == 0;
    }
    if (!pthread_equal(host->thread, pthread_self())) host->one_thread = false;
    CHECK(calls + 1 < sizeof host->called);
    host->called[calls] = letter;
    if (!strchr(host->fails, letter)) return 0;
    if (host->sets_error) backup_hook_set_error(hook, host->message, &host->causes_destroyed, count);
    if (host->second_message) backup_hook_set_error(hook, host->second_message, &host->causes_destroyed, count);
    return host->forgives ? 0 : 7;
}

static int32_t checkpoint(void *host, backup_hook *hook) { return act(host, 'c', hook); }
static int32_t freeze(void *host, backup_hook *hook) { return act(host, 'f', hook); }
static int32_t thaw(void *host, backup_hook *hook) { return act(host, 't', hook); }
static int32_t release(void *host, backup_hook *hook) { return act(host, 'r', hook); }

static int32_t validate(void *host, const char *staging, backup_hook *hook) {
    struct path directory;
    snprintf(directory.text, sizeof directory.text, "%s", staging);
    CHECK(staging[0] == '/' && exists(in(directory, "snapshot.manifest")));
    return act(host, 'v', hook);
}

static backup_coordinator *open_host(struct host *host) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_checkpoint_hook(options, checkpoint, host, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, freeze, thaw, host, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, release, host, NULL, &error));
    SUCCEEDS(backup_options_set_validate_hook(options, validate, host, NULL, &error));
    return open_with(database(), options);
}

/* Runs a backup of a host one of whose hooks fails. */
static backup_coordinator *run_failing(struct host *host) {
    backup_coordinator *coordinator = open_host(host);
    CHECK(backup_run(coordinator, &host->job, &error) == BACKUP_HOOK_FAILED);
    CHECK(backup_error_code(error) == BACKUP_HOOK_FAILED);
    CHECK(host->job && backup_wait(host->job, 0, NULL) == BACKUP_HOOK_FAILED);
    return coordinator;
}

static void end(backup_coordinator *coordinator, struct host *host) {
    backup_error_free(error);
    error = NULL;
    backup_free(host->job);
    backup_coordinator_close(coordinator);
}

static bool nothing_was_published(backup_coordinator *coordinator) {
    backup_snapshot *snapshot = NULL;
    backup_code code = backup_latest(backup_coordinator_root(coordinator), &snapshot, NULL);
    backup_snapshot_free(snapshot);
    return code == BACKUP_NOT_FOUND;
}

static void start_calls_them_on_one_thread_of_the_library(void) {
    struct host host = new_host();
    backup_coordinator *coordinator = open_host(&host);
    SUCCEEDS(backup_start(coordinator, &host.job, &error));
    SUCCEEDS(backup_wait(host.job, -1, &error));
    CHECK(strcmp(host.called, "cftrv") == 0);
    CHECK(host.one_thread && !pthread_equal(host.thread, pthread_self()));
    CHECK(host.job_was_written);
    end(coordinator, &host);
}

static void run_calls_them_on_the_calling_thread(void) {
    struct host host = new_host();
    backup_coordinator *coordinator = open_host(&host);
    SUCCEEDS(backup_run(coordinator, &host.job, &error));
    CHECK(strcmp(host.called, "cftrv") == 0);
    CHECK(host.one_thread && pthread_equal(host.thread, pthread_self()));
    CHECK(host.job_was_written);
    end(coordinator, &host);
}

static void a_failing_hook_leaves_only_what_is_due(void) {
    static const struct {
        const char *fails, *called;
    } cases[] = {{"c", "c"}, {"f", "cfr"}, {"t", "cftr"}, {"r", "cftr"}, {"v", "cftrv"}, {"tr", "cftr"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct host host = new_host();
        host.fails = cases[i].fails;
        backup_coordinator *coordinator = run_failing(&host);
        CHECK(strcmp(host.called, cases[i].called) == 0);
        CHECK(strstr(backup_error_message(error), "it returned 7"));
        CHECK(!backup_error_cause(error));
        CHECK(nothing_was_published(coordinator));
        end(coordinator, &host);
    }
}

static void the_reason_is_the_message_that_was_set_last(void) {
    struct host host = new_host();
    host.fails = "f";
    host.sets_error = true;
    host.message = "a first reason";
    host.second_message = "the disk\nis on fire";
    backup_coordinator *coordinator = run_failing(&host);
    CHECK(strstr(backup_error_message(error), "freeze"));
    CHECK(strstr(backup_error_message(error), "the disk\\nis on fire"));
    CHECK(!strstr(backup_error_message(error), "a first reason"));
    CHECK(host.causes_destroyed == 1);
    end(coordinator, &host);
    CHECK(host.causes_destroyed == 2);
}

static void the_first_failure_is_the_jobs(void) {
    struct host host = new_host();
    host.fails = "fr";
    backup_coordinator *coordinator = run_failing(&host);
    CHECK(strstr(backup_error_message(error), "freeze"));
    end(coordinator, &host);
}

static void a_cause_lives_as_long_as_any_error_of_its_job(void) {
    struct host host = new_host();
    host.fails = "v";
    host.sets_error = true;
    backup_coordinator *coordinator = run_failing(&host);
    CHECK(backup_error_cause(error) == &host.causes_destroyed);
    CHECK(strstr(backup_error_message(error), "it returned 7"));
    backup_error *again = NULL;
    CHECK(backup_wait(host.job, -1, &again) == BACKUP_HOOK_FAILED);
    backup_free(host.job);
    backup_coordinator_close(coordinator);
    backup_error_free(error);
    error = NULL;
    CHECK(host.causes_destroyed == 0 && backup_error_cause(again) == &host.causes_destroyed);
    backup_error_free(again);
    CHECK(host.causes_destroyed == 1);
}

static void an_error_is_dropped_by_a_hook_that_returns_0(void) {
    struct host host = new_host();
    host.fails = "cftrv";
    host.sets_error = host.forgives = true;
    backup_coordinator *coordinator = open_host(&host);
    SUCCEEDS(backup_run(coordinator, &host.job, &error));
    CHECK(strcmp(host.called, "cftrv") == 0 && host.causes_destroyed == 5);
    end(coordinator, &host);
}

static void without_hooks_a_backup_is_made_too(void) {
    backup_coordinator *coordinator = open_with(database(), NULL);
    CHECK(exists(in(snapshot_of(coordinator), "snapshot.manifest")));
    backup_coordinator_close(coordinator);
}

/* What a progress hook saw and does. */
struct watch {
    int calls, answers;
    uint32_t percent;
    bool fits, sets_error;
};

static int32_t progress(void *user_data, const backup_progress *progress, backup_hook *hook) {
    struct watch *watch = user_data;
    if (progress->size != sizeof *progress || progress->percent < watch->percent || progress->reserved
        || progress->kind != BACKUP_KIND_BACKUP || progress->state != BACKUP_STATE_RUNNING)
        watch->fits = false;
    watch->percent = progress->percent;
    watch->calls++;
    if (watch->sets_error) backup_hook_set_error(hook, "seen enough", NULL, NULL);
    return watch->answers;
}

static backup_code watched(struct watch *watch) {
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_progress_hook(options, progress, watch, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    backup_job *job = NULL;
    backup_code code = backup_run(coordinator, &job, &error);
    CHECK((code == BACKUP_OK) != nothing_was_published(coordinator));
    backup_free(job);
    backup_coordinator_close(coordinator);
    return code;
}

static void progress_is_told_each_phase(void) {
    struct watch watch = {.fits = true};
    SUCCEEDS(watched(&watch));
    CHECK(watch.calls >= 4 && watch.fits);
}

static void progress_cancels_with_any_other_answer_than_0(void) {
    struct watch watch = {.fits = true, .answers = -1};
    FAILS(BACKUP_CANCELLED, watched(&watch));
    CHECK(watch.calls == 1);
}

static void progress_fails_the_job_with_an_error_set(void) {
    struct watch watch = {.fits = true, .answers = 1, .sets_error = true};
    CHECK(watched(&watch) == BACKUP_HOOK_FAILED);
    CHECK(strstr(backup_error_message(error), "seen enough"));
    backup_error_free(error);
    error = NULL;
    watch = (struct watch) {.fits = true, .sets_error = true};
    SUCCEEDS(watched(&watch));
}

static void a_freeze_timeout_of_0_is_none(void) {
    struct host host = new_host();
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_freeze_timeout(options, 0, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, freeze, thaw, &host, NULL, &error));
    backup_coordinator *coordinator = open_with(database(), options);
    SUCCEEDS(backup_run(coordinator, &host.job, &error));
    CHECK(strcmp(host.called, "ft") == 0);
    end(coordinator, &host);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(start_calls_them_on_one_thread_of_the_library);
    TRY(run_calls_them_on_the_calling_thread);
    TRY(a_failing_hook_leaves_only_what_is_due);
    TRY(the_reason_is_the_message_that_was_set_last);
    TRY(the_first_failure_is_the_jobs);
    TRY(a_cause_lives_as_long_as_any_error_of_its_job);
    TRY(an_error_is_dropped_by_a_hook_that_returns_0);
    TRY(without_hooks_a_backup_is_made_too);
    TRY(progress_is_told_each_phase);
    TRY(progress_cancels_with_any_other_answer_than_0);
    TRY(progress_fails_the_job_with_an_error_set);
    TRY(a_freeze_timeout_of_0_is_none);
    return 0;
}
