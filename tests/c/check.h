/* What the C tests share: checks, behaviours, a small database in a scratch directory.
 *
 * A program prints nothing unless something is wrong, and then ends at once. Its first argument is
 * an empty scratch directory. */
#ifndef CHECK_H
#define CHECK_H

#include <hotbackup.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The behaviour that is being tried. */
static const char *behaviour = "";

/* Where calls report, unless a test is about that. */
static backup_error *error;

#define CHECK(condition) \
    do { \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition); \
    } while (0)

static inline void check_failed(const char *file, int line, const char *what) {
    fprintf(stderr, "%s:%d: %s: not so: %s\n", file, line, behaviour, what);
    exit(1);
}

/* A call that reports to `error` and succeeds. */
#define SUCCEEDS(call) check_code(__FILE__, __LINE__, #call, BACKUP_OK, (call))

/* A call that reports to `error` and fails with that code and a proper error. */
#define FAILS(code, call) check_code(__FILE__, __LINE__, #call, (code), (call))

static inline void check_code(const char *file, int line, const char *call, backup_code wanted, backup_code got) {
    const char *message = backup_error_message(error);
    if (got != wanted) {
        fprintf(stderr, "%s:%d: %s: %s is %s, not %s: %s\n", file, line, behaviour, call,
                backup_code_name(got), backup_code_name(wanted), message ? message : "no error");
        exit(1);
    }
    bool reports = wanted != BACKUP_OK && wanted != BACKUP_TIMEOUT;
    if (reports != (error != NULL) || backup_error_code(error) != (reports ? wanted : BACKUP_OK)
        || (reports && (message[0] == '\0' || strpbrk(message, "\n\r\t")))) {
        fprintf(stderr, "%s:%d: %s: %s has the wrong error: %s\n", file, line, behaviour, call,
                message ? message : "none");
        exit(1);
    }
    backup_error_free(error);
    error = NULL;
}

#define TRY(name) (behaviour = #name, name())

struct path {
    char text[512];
};

static struct path scratch;

static inline struct path in(struct path directory, const char *name) {
    struct path path;
    int length = snprintf(path.text, sizeof path.text, "%s/%s", directory.text, name);
    CHECK(length > 0 && (size_t) length < sizeof path.text);
    return path;
}

static inline bool exists(struct path path) {
    struct stat status;
    return lstat(path.text, &status) == 0;
}

static inline void write_file(struct path path, const char *text) {
    FILE *file = fopen(path.text, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static inline bool file_holds(struct path path, const char *text) {
    char found[256] = "";
    FILE *file = fopen(path.text, "r");
    if (!file) return false;
    size_t length = fread(found, 1, sizeof found - 1, file);
    return fclose(file) == 0 && length == strlen(text) && memcmp(found, text, length) == 0;
}

/* A new directory that a database might have. */
static inline struct path database(void) {
    static int number;
    char name[32];
    snprintf(name, sizeof name, "database-%d", ++number);
    struct path directory = in(scratch, name);
    CHECK(mkdir(directory.text, 0700) == 0);
    write_file(in(directory, "data"), "mutable");
    write_file(in(directory, "1.sst"), "immutable");
    return directory;
}

/* Opens a coordinator and frees the options, of which it has a copy. */
static inline backup_coordinator *open_with(struct path directory, backup_options *options) {
    backup_coordinator *coordinator = NULL;
    SUCCEEDS(backup_coordinator_open(directory.text, options, &coordinator, &error));
    CHECK(coordinator);
    backup_options_free(options);
    return coordinator;
}

static inline int32_t do_nothing(void *user_data, backup_hook *hook) {
    (void) user_data, (void) hook;
    return 0;
}

/* Options whose backups need not wait until files written just now prove quiet: the host freezes. */
static inline backup_options *quick_options(void) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_freeze_hook(options, do_nothing, do_nothing, NULL, NULL, &error));
    return options;
}

/* The same for a store of tables, which are copied when it has thawed. */
static inline backup_options *options_of_tables(void) {
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_add_rule(options, "*.sst", BACKUP_FILE_IMMUTABLE, &error));
    return options;
}

static inline backup_coordinator *open_plain(struct path directory) {
    return open_with(directory, quick_options());
}

/* Makes a snapshot and returns where it is. */
static inline struct path snapshot_of(backup_coordinator *coordinator) {
    backup_job *job = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    struct path location;
    snprintf(location.text, sizeof location.text, "%s", backup_location(job));
    backup_free(job);
    return location;
}

/* A door that a hook waits at, so that its job runs for as long as a test wants. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool reached, open;
};

#define GATE {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, false}

static inline void gate_pass(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->reached = true;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open) pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_await(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    while (!gate->reached) pthread_cond_wait(&gate->changed, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}

static inline void gate_open(struct gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->mutex);
}

/* A hook that waits at the gate it is given. */
static inline int32_t hook_at_gate(void *gate, backup_hook *hook) {
    (void) hook;
    gate_pass(gate);
    return 0;
}

static inline int32_t validate_at_gate(void *gate, const char *staging, backup_hook *hook) {
    (void) staging;
    return hook_at_gate(gate, hook);
}

/* A coordinator whose backups wait at the gate in their checkpoint. */
static inline backup_coordinator *open_at(struct path directory, backup_options *options, struct gate *gate) {
    SUCCEEDS(backup_options_set_checkpoint_hook(options, hook_at_gate, gate, NULL, &error));
    return open_with(directory, options);
}

/* A backup that waits at its gate. */
static inline backup_job *started_at(backup_coordinator *coordinator, struct gate *gate) {
    backup_job *job = NULL;
    SUCCEEDS(backup_start(coordinator, &job, &error));
    gate_await(gate);
    return job;
}

/* A restore that waits at its gate, with all in its staging; frees the options. */
static inline backup_job *restoring_at(
    struct path snapshot, struct path target, backup_options *options, struct gate *gate) {
    backup_job *job = NULL;
    SUCCEEDS(backup_options_set_validate_hook(options, validate_at_gate, gate, NULL, &error));
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, options, &job, &error));
    backup_options_free(options);
    gate_await(gate);
    return job;
}

/* Counts its calls. */
static inline void count(void *calls) {
    atomic_fetch_add((atomic_int *) calls, 1);
}

static inline void check_begin(int count_of_arguments, char **arguments) {
    CHECK(count_of_arguments == 2);
    snprintf(scratch.text, sizeof scratch.text, "%s", arguments[1]);
}

#endif
