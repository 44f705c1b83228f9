/*
 * hotbackup in ten minutes: a store that never stops writing backs itself up, is restored into a
 * new directory, and every record in there is compared with what was committed at the freeze.
 *
 *     make -C examples-c run          or: build/quickstart [directory]
 *
 * The store (store.h) is a log-structured one. What matters here is how its files behave:
 *
 *     *.seg   never change once they are there, and are deleted by a compaction
 *     *.log   are only ever appended to, and are deleted once their records are in a segment
 *     INDEX   is rewritten in place; it names the segments and the first log that count
 *     *.tmp   segments being built: not data yet
 *     LOCK    not data at all
 *
 * and that whoever holds its commit lock knows that nothing is committed, and that all files that
 * INDEX names are there and stay. A thread makes commits all through this program; another seals
 * logs into segments and compacts them. Neither is stopped for the backup, except for the
 * moment of the freeze.
 */
#include <hotbackup.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "example.h"
#include "workload.h"

/* A call that fails returns a code other than BACKUP_OK and makes an error, which is ours to free.
 * Its message is one line that says what failed, on which file, and why. */
static int failed(const char *what, backup_error *error)
{
    fprintf(stderr, "%s: %s: %s\n", what, backup_code_name(backup_error_code(error)),
            backup_error_message(error));
    backup_error_free(error);
    return -1;
}

/* --- What the library calls: the hooks. They run on a thread of the job, one at a time. --- */

typedef struct host {
    store *store;
    uint64_t frozen_seq; /* the last commit that the snapshot has to hold */
} host;

/* Stop writing. A host with a cache of its own would also flush it here or, so that the freeze
 * stays short, most of it in a checkpoint hook. Should the library have to try again, because
 * files came and went in the middle, it calls this once more: what the last call says counts. */
static int32_t freeze(void *user_data, backup_hook *hook)
{
    host *h = user_data;
    if (store_freeze(h->store, &h->frozen_seq) == 0)
        return 0;
    backup_hook_set_error(hook, store_error(h->store), NULL, NULL);
    return -1;
}

/* Write on. Called exactly once for each freeze that returned 0, on the same thread, whatever
 * happens: so a mutex may be held from there to here. */
static int32_t thaw(void *user_data, backup_hook *hook)
{
    (void)hook;
    store_thaw(((host *)user_data)->store);
    return 0;
}

static const char *phase_name(uint32_t phase)
{
    switch (phase) {
    case BACKUP_PHASE_CHECKPOINT: return "checkpoint";
    case BACKUP_PHASE_PIN:        return "pin";
    case BACKUP_PHASE_FREEZE:     return "freeze";
    case BACKUP_PHASE_COPY:       return "copy";
    case BACKUP_PHASE_VERIFY:     return "verify";
    case BACKUP_PHASE_PUBLISH:    return "publish";
    case BACKUP_PHASE_SWAP:       return "swap";
    default:                      return ""; /* a later library may know more of them */
    }
}

/* Called at each change of phase and about ten times a second, never inside the freeze.
 * Another result than 0 would cancel the job. */
static int32_t draw_progress(void *user_data, const backup_progress *p, backup_hook *hook)
{
    (void)user_data, (void)hook;
    char bar[26] = ".........................";
    memset(bar, '#', p->percent / 4);
    fprintf(stderr, "\r%s [%s] %3" PRIu32 "%%  %.1f of %.1f MB  %s\033[K",
            p->kind == BACKUP_KIND_RESTORE ? "restore" : "backup", bar, p->percent,
            (double)p->bytes_done / 1e6, (double)p->bytes_total / 1e6, phase_name(p->phase));
    return 0;
}

static void end_progress_line(void)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K");
}

/* --- What we tell the library: the options --- */

/* The first rule that fits a file says what we promise about it. What no rule names is `mutable`,
 * which promises nothing and is copied within the freeze: safe, and the slowest. */
static const struct {
    const char *glob;
    int32_t file_class;
} rules[] = {
    {"*.seg", BACKUP_FILE_IMMUTABLE},   /* copied after the freeze */
    {"*.log", BACKUP_FILE_APPEND_ONLY}, /* copied after it too, up to the length it had then */
    {"INDEX", BACKUP_FILE_MUTABLE},     /* 8 KiB: all that is copied within the freeze */
    {"*.tmp", BACKUP_FILE_EXCLUDED},
    {"LOCK", BACKUP_FILE_EXCLUDED},
};

static backup_code set_options(backup_options *options, const char *root, host *h,
                               backup_error **error)
{
    /* Where the snapshots go. Without this: into <data directory>/.lifecycle/backup. */
    backup_code code = backup_options_set_root(options, root, error);
    for (size_t i = 0; i < sizeof rules / sizeof *rules && code == BACKUP_OK; i++)
        code = backup_options_add_rule(options, rules[i].glob, rules[i].file_class, error);
    if (code == BACKUP_OK)
        code = backup_options_set_freeze_hook(options, freeze, thaw, h, NULL, error);
    if (code == BACKUP_OK && isatty(STDERR_FILENO))
        code = backup_options_set_progress_hook(options, draw_progress, NULL, NULL, error);
    return code; /* NULL above: there is nothing to destroy when the library lets go of a hook */
}

/* --- The backup and the restore --- */

/* What a job did, and how fast. */
static int report(const char *what, const backup_job *job, double seconds)
{
    backup_error *error = NULL;
    backup_progress p;
    if (backup_status(job, &p, sizeof p, &error) != BACKUP_OK)
        return failed("status", error);
    double megabytes = (double)p.bytes_done / 1e6;
    printf("%s of %" PRIu64 " files, %.1f MB in %.3f s: %.0f MB/s\n", what, p.files_done, megabytes,
           seconds, megabytes / seconds);
    if (p.kind == BACKUP_KIND_BACKUP)
        printf("  freeze window: commits were held back for %.0f us\n", (double)p.freeze_ns / 1e3);
    printf("  location: %s\n", backup_location(job));
    return 0;
}

/* Waits for a job, which may be a backup or a restore, reports on it and frees its handle. */
static int finish(const char *what, backup_job *job, double began)
{
    backup_error *error = NULL;
    backup_code code = backup_wait(job, -1, &error); /* for ever; the job's own result */
    double seconds = example_seconds() - began;
    end_progress_line();
    int result = code == BACKUP_OK ? report(what, job, seconds) : failed(what, error);
    backup_free(job);
    return result;
}

static int back_up(backup_coordinator *coordinator)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    double began = example_seconds();
    if (backup_start(coordinator, &job, &error) != BACKUP_OK) /* returns at once */
        return failed("backup", error);
    return finish("backup", job, began);
}

/* Restores the newest snapshot below `root` into `target`, which is not there yet. This needs no
 * coordinator: a database that has lost everything has none. */
static int restore(const char *root, const char *target, const backup_options *options)
{
    backup_error *error = NULL;
    backup_snapshot *newest = NULL;
    if (backup_latest(root, &newest, &error) != BACKUP_OK)
        return failed("finding the newest snapshot", error);
    backup_job *job = NULL;
    double began = example_seconds();
    backup_code code = backup_restore_start(backup_snapshot_location(newest), target, options, &job,
                                            &error);
    backup_snapshot_free(newest);
    if (code != BACKUP_OK)
        return failed("restore", error);
    return finish("restore", job, began);
}

/* --- The store, which has nothing to do with the library --- */

/* Opens what was restored as after any restart, and compares every record. */
static int check(const char *restored, uint64_t frozen_seq)
{
    char why[STORE_ERROR_MAX];
    uint64_t records = 0;
    int result = workload_check_directory(restored, frozen_seq, &records, why);
    if (result != 0)
        fprintf(stderr, "THE RESTORED STORE IS WRONG: %s\n", why);
    else
        printf("check: %" PRIu64 " records compared, each is as it was at commit %" PRIu64
               ", the last one before the freeze\n",
               records, frozen_seq);
    return result;
}

static int run_with(host *h, const char *dir, const char *data, const backup_options *options)
{
    /* One coordinator for each database that is open, as long as it is open. */
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    if (backup_coordinator_open(data, options, &coordinator, &error) != BACKUP_OK)
        return failed("opening the coordinator", error);

    char restored[EXAMPLE_PATH], name[64];
    store_figures before, after;
    example_sleep(0.5); /* by then the writer and the compaction are in full swing */
    store_get_figures(h->store, &before);
    int result = back_up(coordinator);
    store_get_figures(h->store, &after);
    if (result == 0) {
        printf("  meanwhile: %" PRIu64 " commits, %" PRIu64 " segments made, %" PRIu64
               " files deleted\n",
               after.last_seq - before.last_seq, after.merges - before.merges,
               after.deleted - before.deleted);
        snprintf(name, sizeof name, "restored-%" PRIu64, h->frozen_seq);
        example_path(restored, dir, name);
        result = restore(backup_coordinator_root(coordinator), restored, options);
    }
    /* It cancels what still runs. After this no hook is called any more, so the store may go. */
    backup_coordinator_close(coordinator);
    return result == 0 ? check(restored, h->frozen_seq) : -1;
}

static int run(host *h, const char *dir, const char *data)
{
    char root[EXAMPLE_PATH];
    example_path(root, dir, "backups");
    backup_error *error = NULL;
    backup_options *options = backup_options_new();
    backup_code code = set_options(options, root, h, &error);
    int result = code == BACKUP_OK ? run_with(h, dir, data, options) : failed("options", error);
    backup_options_free(options);
    return result;
}

/* So many commits first that there is something to back up. */
static int fill(store *s, uint64_t *last)
{
    char why[STORE_ERROR_MAX];
    store_figures figures;
    store_get_figures(s, &figures);
    for (*last = figures.last_seq; *last < 2 * WORKLOAD_KEYS; ++*last)
        if (workload_commit(s, *last + 1, why) != 0) {
            fprintf(stderr, "filling the store: %s\n", why);
            return -1;
        }
    return 0;
}

int main(int argc, char **argv)
{
    char dir[EXAMPLE_PATH], data[EXAMPLE_PATH], why[STORE_ERROR_MAX];
    if (example_directory(argc, argv, "quickstart", dir) != 0)
        return 1;
    example_path(data, dir, "data");

    host h = {0};
    workload_writer writer;
    uint64_t last = 0;
    if (store_open(data, &h.store, why) != 0) {
        fprintf(stderr, "opening the store: %s\n", why);
        return 1;
    }
    int result = fill(h.store, &last);
    /* Some 20 MB/s, so that the example is kind to the disk it runs on. */
    if (result == 0 && workload_start(&writer, h.store, last + 1, 0.001) != 0) {
        perror("starting the writer");
        result = -1;
    } else if (result == 0) {
        result = run(&h, dir, data);
        if (workload_stop(&writer) != 0) {
            fprintf(stderr, "the writer: %s\n", writer.why);
            result = -1;
        }
    }
    if (store_close(h.store) != 0) {
        fprintf(stderr, "closing the store failed\n");
        result = -1;
    }
    return result == 0 ? 0 : 1;
}
