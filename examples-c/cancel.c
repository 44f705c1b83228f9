/*
 * Cancelling: a backup that is under way ends at once, leaves nothing behind, and the snapshot
 * before it stays the newest one.
 *
 * The rate limit is here to make the second backup slow enough for that. It also shows what a rate
 * limit is for: a nightly backup that leaves the disk to the queries.
 */
#include <hotbackup.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "example.h"

#define MEGABYTE (1024u * 1024u)

static int failed(const char *what, backup_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, backup_code_name(backup_error_code(error)),
            backup_error_message(error));
    backup_error_free(error);
    return -1;
}

static int wrong(const char *what)
{
    fprintf(stderr, "WRONG: %s\n", what);
    return -1;
}

static int first_backup(backup_coordinator *coordinator)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    if (backup_start(coordinator, &job, &error) != BACKUP_OK)
        return failed("starting the first backup", error);
    /* The limit of the options is for every backup of this coordinator; this one may hurry. */
    int result = 0;
    if (backup_set_rate_limit(job, 0, &error) != BACKUP_OK)
        result = failed("lifting the rate limit", error);
    else if (backup_wait(job, -1, &error) != BACKUP_OK)
        result = failed("the first backup", error);
    else
        printf("first backup: %s\n", backup_location(job));
    backup_free(job);
    return result;
}

/* Polls a job until it has copied something, so that the cancel comes in the middle of a copy. */
static int wait_for_copying(const backup_job *job)
{
    backup_error *error = NULL;
    backup_progress p;
    do {
        example_sleep(0.01);
        if (backup_status(job, &p, sizeof p, &error) != BACKUP_OK)
            return failed("status", error);
        if (p.state != BACKUP_STATE_QUEUED && p.state != BACKUP_STATE_RUNNING)
            return wrong("the second backup ended before it could be cancelled");
    } while (p.phase != BACKUP_PHASE_COPY || p.bytes_copied == 0);
    printf("second backup: %" PRIu64 " of %" PRIu64 " bytes are done, cancelling it\n",
           p.bytes_done, p.bytes_total);
    return 0;
}

static int cancel(const backup_job *job)
{
    backup_error *error = NULL;
    backup_progress p;
    double began = example_seconds();
    if (backup_cancel(job, &error) != BACKUP_OK) /* asks, and returns at once */
        return failed("cancelling", error);
    backup_code code = backup_wait(job, 10000, &error);
    double seconds = example_seconds() - began;
    printf("it ended after %.1f ms with %s: %s\n", seconds * 1e3, backup_code_name(code),
           error != NULL ? backup_error_message(error) : "");
    backup_error_free(error);
    if (code != BACKUP_CANCELLED)
        return wrong("the job should have ended with BACKUP_CANCELLED");
    if (seconds > 1.0) /* the promise is 100 ms; a busy machine gets some more */
        return wrong("that took too long");
    if (backup_status(job, &p, sizeof p, &error) != BACKUP_OK)
        return failed("status", error);
    return p.state == BACKUP_STATE_CANCELLED ? 0 : wrong("its state is not cancelled");
}

static int second_backup(backup_coordinator *coordinator)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    if (backup_start(coordinator, &job, &error) != BACKUP_OK)
        return failed("starting the second backup", error);
    int result = wait_for_copying(job);
    if (result == 0)
        result = cancel(job);
    backup_free(job);
    return result;
}

/* Neither the backup root nor the data directory has anything of the cancelled backup. */
static int look_for_leftovers(const char *root, const char *data)
{
    char lifecycle[EXAMPLE_PATH];
    example_path(lifecycle, data, ".lifecycle");
    int snapshots = example_count(root, "ts-");
    int staging = example_count(root, ".staging-");
    int pins = example_count(lifecycle, "pins-");
    if (snapshots < 0 || staging < 0 || pins < 0)
        return -1;
    printf("on disk: %d snapshot, %d staging directories, %d pin directories\n", snapshots, staging,
           pins);
    return snapshots == 1 && staging == 0 && pins == 0 ? 0 : wrong("something was left behind");
}

static int look_at_latest(const char *root, char out[EXAMPLE_PATH])
{
    backup_error *error = NULL;
    backup_snapshot *newest = NULL;
    if (backup_latest(root, &newest, &error) != BACKUP_OK)
        return failed("finding the newest snapshot", error);
    snprintf(out, EXAMPLE_PATH, "%s", backup_snapshot_location(newest));
    backup_snapshot_free(newest);
    return 0;
}

static int run_with(backup_coordinator *coordinator, const char *data)
{
    char table[EXAMPLE_PATH], first[EXAMPLE_PATH], newest[EXAMPLE_PATH];
    const char *root = backup_coordinator_root(coordinator);
    example_path(table, data, "2.table");
    /* The second backup needs something new to copy: it shares 1.table with the first. */
    if (first_backup(coordinator) != 0 || look_at_latest(root, first) != 0 ||
        example_write(table, 32 * MEGABYTE) != 0 || second_backup(coordinator) != 0 ||
        look_for_leftovers(root, data) != 0 || look_at_latest(root, newest) != 0)
        return -1;
    printf("the newest snapshot is %s\n", newest);
    return strcmp(first, newest) == 0 ? 0 : wrong("that is not the first one");
}

static int run(const char *data)
{
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    backup_options *options = backup_options_new();
    backup_code code = backup_options_add_rule(options, "*.table", BACKUP_FILE_IMMUTABLE, &error);
    if (code == BACKUP_OK)
        code = backup_options_set_rate_limit(options, 2 * MEGABYTE, &error);
    if (code == BACKUP_OK)
        code = backup_coordinator_open(data, options, &coordinator, &error);
    backup_options_free(options); /* the coordinator has a copy */
    if (code != BACKUP_OK)
        return failed("opening the coordinator", error);
    int result = run_with(coordinator, data);
    backup_coordinator_close(coordinator);
    return result;
}

int main(int argc, char **argv)
{
    char dir[EXAMPLE_PATH], data[EXAMPLE_PATH], table[EXAMPLE_PATH];
    if (example_directory(argc, argv, "cancel", dir) != 0)
        return 1;
    example_path(data, dir, "data");
    example_path(table, data, "1.table");
    if (example_mkdir(data) != 0 || example_write(table, 8 * MEGABYTE) != 0)
        return 1;
    return run(data) == 0 ? 0 : 1;
}
