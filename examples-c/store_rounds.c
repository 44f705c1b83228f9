/*
 * The store of quickstart.c, backed up again and again under a writer that never stops. Each snapshot
 * is restored, opened, and compared record by record with what was committed at its freeze: when it
 * was made, and before it is deleted, which comes to any of those that are there. By then younger
 * ones share its segments, and others that did are gone.
 *
 *     make -C examples-c store_rounds      or: build/store_rounds [--rounds N] [directory]
 *
 * --break freeze lets commits through the freeze, which must then be found.
 */
#include <hotbackup.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "workload.h"

#define KEPT 5u                 /* so many snapshots are there at a time */
#define PAUSE 0.25              /* seconds between backups: only what has aged is shared */
#define REST 0.05               /* of the writer, which so fills a log of 1 MB in a second or two */
#define FIRST_COMMITS 20000u    /* before the first one: some 12 MB */

typedef struct snapshot {
    char location[EXAMPLE_PATH];
    uint64_t seq; /* the last commit before its freeze */
} snapshot;

typedef struct rounds {
    store *store;
    const char *broken;
    uint64_t frozen_seq;
    char data[EXAMPLE_PATH], root[EXAMPLE_PATH], restored[EXAMPLE_PATH];
    snapshot kept[KEPT + 1]; /* the oldest first */
    unsigned count;
    unsigned chance; /* of rand_r */
    uint64_t snapshots, older, linked, records;
} rounds;

/* --- The hooks --- */

static int32_t freeze(void *user_data, backup_hook *hook)
{
    rounds *r = user_data;
    if (store_freeze(r->store, &r->frozen_seq) != 0) {
        backup_hook_set_error(hook, store_error(r->store), NULL, NULL);
        return -1;
    }
    if (strcmp(r->broken, "freeze") == 0) {
        store_thaw(r->store);
        example_sleep(0.02);
    }
    return 0;
}

static int32_t thaw(void *user_data, backup_hook *hook)
{
    rounds *r = user_data;
    (void)hook;
    if (strcmp(r->broken, "freeze") != 0)
        store_thaw(r->store);
    return 0;
}

static backup_code set_options(backup_options *o, rounds *r, backup_error **error)
{
    static const struct {
        const char *glob;
        int32_t file_class;
    } rules[] = {
        {"*.seg", BACKUP_FILE_IMMUTABLE}, {"*.log", BACKUP_FILE_APPEND_ONLY},
        {"INDEX", BACKUP_FILE_MUTABLE},   {"*.tmp", BACKUP_FILE_EXCLUDED},
        {"LOCK", BACKUP_FILE_EXCLUDED},
    };
    backup_code code = backup_options_set_root(o, r->root, error);
    for (size_t i = 0; i < sizeof rules / sizeof *rules && code == BACKUP_OK; i++)
        code = backup_options_add_rule(o, rules[i].glob, rules[i].file_class, error);
    if (code == BACKUP_OK)
        code = backup_options_set_freeze_hook(o, freeze, thaw, r, NULL, error);
    return code;
}

/* --- The rounds --- */

static int back_up(rounds *r, backup_coordinator *coordinator)
{
    backup_progress p;
    snapshot *made = &r->kept[r->count];
    if (host_back_up(coordinator, &p, made->location) != 0)
        return -1;
    made->seq = r->frozen_seq;
    r->linked += p.bytes_linked;
    r->snapshots++;
    r->count++;
    return 0;
}

static int look(rounds *r, const snapshot *at)
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    char why[STORE_ERROR_MAX];
    uint64_t records = 0;
    backup_code code = backup_restore_start(at->location, r->restored, NULL, &job, &error);
    if (code == BACKUP_OK)
        code = backup_wait(job, -1, &error);
    backup_free(job);
    if (code != BACKUP_OK)
        return host_failed("restore", error);
    if (workload_check_directory(r->restored, at->seq, &records, why) != 0) {
        fprintf(stderr, "WRONG: %s, restored to %s: %s\n", at->location, r->restored, why);
        return -1;
    }
    r->records += records;
    return host_remove(r->restored);
}

/* Any of them, once it has proved to be what it was when it was made. */
static int delete_any(rounds *r)
{
    unsigned at = (unsigned)rand_r(&r->chance) % r->count;
    backup_error *error = NULL;
    if (look(r, &r->kept[at]) != 0)
        return -1;
    if (backup_delete(r->root, strrchr(r->kept[at].location, '/') + 1, &error) != BACKUP_OK)
        return host_failed("deleting a snapshot", error);
    r->older += at + 1 < r->count;
    r->count--;
    memmove(&r->kept[at], &r->kept[at + 1], (r->count - at) * sizeof *r->kept);
    return 0;
}

static int run_rounds(rounds *r, backup_coordinator *coordinator, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        example_sleep(PAUSE);
        if (back_up(r, coordinator) != 0 || look(r, &r->kept[r->count - 1]) != 0 ||
            (r->count > KEPT && delete_any(r) != 0))
            return -1;
    }
    while (r->count > 0)
        if (delete_any(r) != 0)
            return -1;
    printf("store: %" PRIu64 " snapshots, 0 wrong: each is the point of its freeze, record by record "
           "(%" PRIu64 " were compared)\n  older ones were restored %" PRIu64 " times, others deleted "
           "in between, 0 wrong; %" PRIu64 " KB were shared\n",
           r->snapshots, r->records, r->older, r->linked >> 10);
    return r->linked > 0 ? 0 : host_wrong("sharing", "nothing was shared, which proves nothing of it");
}

static int run_with(rounds *r, const backup_options *options, unsigned rounds)
{
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    workload_writer writer;
    if (backup_coordinator_open(r->data, options, &coordinator, &error) != BACKUP_OK)
        return host_failed("opening the coordinator", error);
    int result = workload_start(&writer, r->store, FIRST_COMMITS + 1, REST);
    if (result == 0) {
        result = run_rounds(r, coordinator, rounds);
        if (workload_stop(&writer) != 0)
            result = host_wrong("the writer", writer.why);
    } else {
        perror("starting the writer");
    }
    backup_coordinator_close(coordinator);
    return result;
}

static int run(rounds *r, unsigned rounds)
{
    char why[STORE_ERROR_MAX];
    backup_error *error = NULL;
    if (store_open(r->data, &r->store, why) != 0)
        return host_wrong("opening the store", why);
    int result = 0;
    for (uint64_t seq = 1; seq <= FIRST_COMMITS && result == 0; seq++)
        if (workload_commit(r->store, seq, why) != 0)
            result = host_wrong("filling the store", why);
    backup_options *options = backup_options_new();
    if (result == 0 && set_options(options, r, &error) != BACKUP_OK)
        result = host_failed("options", error);
    if (result == 0)
        result = run_with(r, options, rounds);
    backup_options_free(options); /* the coordinator has closed: no hook is called any more */
    if (store_close(r->store) != 0)
        result = host_wrong("the store", "it could not be closed");
    return result;
}

int main(int argc, char **argv)
{
    static rounds r;
    host_arguments arguments;
    if (host_parse(argc, argv, "store_rounds", &arguments) != 0)
        return 1;
    r.broken = arguments.broken;
    example_path(r.data, arguments.dir, "data");
    example_path(r.root, arguments.dir, "backups");
    example_path(r.restored, arguments.dir, "restored");
    return run(&r, arguments.rounds) == 0 ? 0 : 1;
}
