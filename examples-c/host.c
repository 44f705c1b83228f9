#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- What is written --- */

/* The finalizer of splitmix64: as good as random, and the same each time. */
static uint64_t mix(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* Mostly a few; now and then more than a small cache holds, so that an engine must write pages of
 * a transaction before it is committed. */
unsigned host_changes(uint64_t seq)
{
    return seq % 100 == 1 ? 300 : 1 + (unsigned)(mix(seq) % 8);
}

host_change host_change_of(uint64_t seq, unsigned i)
{
    uint64_t random = mix(seq << 12 | i);
    host_change change = {.key = 1 + (uint32_t)(random % HOST_KEYS)};
    if (random >> 62 != 0) /* a quarter are deletions */
        change.stamp = seq << 12 | i;
    return change;
}

size_t host_value(uint64_t stamp, unsigned char out[HOST_VALUE_MAX])
{
    uint64_t random = mix(stamp ^ 0xABCD);
    size_t length = random >> 60 != 0 ? 1 + random % 600 : 2000 + random % 20000;
    for (size_t i = 0; i < length; i += 8) {
        uint64_t bytes = mix(stamp << 14 | i);
        memcpy(out + i, &bytes, 8); /* up to 7 bytes beyond `length`; there is room */
    }
    return length;
}

int host_gives_up(uint64_t seq)
{
    return seq % 16 == 5 || seq % 400 == 101; /* the latter is one of the large ones */
}

/* --- What must be there --- */

void host_expect(host_model *m, uint64_t seq)
{
    if (seq < m->seq)
        *m = (host_model){0};
    while (m->seq < seq) {
        m->seq++;
        for (unsigned i = 0; i < host_changes(m->seq); i++) {
            host_change change = host_change_of(m->seq, i);
            m->stamps[change.key] = change.stamp;
        }
    }
    memset(m->seen, 0, sizeof m->seen);
    m->compared = 0;
    m->wrong[0] = '\0';
}

static void differs(host_model *m, uint32_t key, const char *how)
{
    if (m->wrong[0] == '\0')
        snprintf(m->wrong, sizeof m->wrong, "key %" PRIu32 " %s at commit %" PRIu64, key, how,
                 m->seq);
}

void host_found(host_model *m, uint32_t key, const void *value, size_t length)
{
    unsigned char expected[HOST_VALUE_MAX];
    if (key == 0 || key > HOST_KEYS || m->stamps[key] == 0)
        differs(m, key, "is there and was not");
    else if (m->seen[key]++)
        differs(m, key, "is there twice and was not");
    else if (length != host_value(m->stamps[key], expected) ||
             memcmp(value, expected, length) != 0)
        differs(m, key, "has another value than it had");
    m->compared++;
}

int host_all_found(host_model *m)
{
    for (uint32_t key = 1; key <= HOST_KEYS; key++)
        if (m->stamps[key] != 0 && !m->seen[key])
            differs(m, key, "is missing and was there");
    return m->wrong[0] == '\0' ? 0 : -1;
}

/* --- How long things take --- */

#define LAST (sizeof((host_times *)0)->last / sizeof(double))

void host_time(host_times *t, double seconds)
{
    t->last[t->count++ % LAST] = seconds;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value at `part` of the sorted ones, from 0 to 1. */
static double at(const host_times *t, double part)
{
    static double sorted[LAST];
    size_t count = t->count < LAST ? (size_t)t->count : LAST;
    if (count == 0)
        return 0;
    memcpy(sorted, t->last, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_size);
    return sorted[(size_t)(part * (double)(count - 1))];
}

double host_median(const host_times *t)
{
    return at(t, 0.5);
}

double host_max(const host_times *t)
{
    return at(t, 1);
}

/* --- The rounds --- */

int host_failed(const char *what, backup_error *error)
{
    const char *path = backup_error_path(error);
    fprintf(stderr, "%s: %s: %s%s%s\n", what, backup_code_name(backup_error_code(error)),
            backup_error_message(error), path != NULL ? "; path: " : "", path != NULL ? path : "");
    backup_error_free(error);
    return -1;
}

int host_wrong(const char *what, const char *why)
{
    fprintf(stderr, "WRONG: %s: %s\n", what, why);
    return -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

int host_remove(const char *dir)
{
    if (access(dir, F_OK) != 0)
        return 0;
    if (nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0)
        return 0;
    fprintf(stderr, "removing %s: %s\n", dir, strerror(errno));
    return -1;
}

int host_parse(int argc, char **argv, const char *name, host_arguments *out)
{
    *out = (host_arguments){.rounds = 20, .broken = ""};
    int i = 1;
    for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
        if (strcmp(argv[i], "--rounds") == 0)
            out->rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0)
            out->only = argv[i + 1];
        else if (strcmp(argv[i], "--break") == 0)
            out->broken = argv[i + 1];
        else
            break;
    }
    if (i < argc && argv[i][0] == '-') {
        fprintf(stderr, "usage: %s [--rounds N] [--only VARIANT] [--break WHAT] [directory]\n",
                argv[0]);
        return -1;
    }
    argv[i - 1] = argv[0];
    return example_directory(argc - i + 1, argv + i - 1, name, out->dir);
}

int host_back_up(backup_coordinator *coordinator, backup_progress *p, char location[EXAMPLE_PATH])
{
    backup_error *error = NULL;
    backup_job *job = NULL;
    if (backup_start(coordinator, &job, &error) != BACKUP_OK)
        return host_failed("starting a backup", error);
    int result = 0;
    if (backup_wait(job, -1, &error) != BACKUP_OK)
        result = host_failed("backup", error);
    else if (backup_status(job, p, sizeof *p, &error) != BACKUP_OK)
        result = host_failed("status", error);
    snprintf(location, EXAMPLE_PATH, "%s", backup_location(job));
    backup_free(job);
    return result;
}

static int back_up(host_rounds *r, backup_coordinator *coordinator)
{
    backup_progress p;
    char location[EXAMPLE_PATH];
    if (host_back_up(coordinator, &p, location) != 0)
        return -1;
    host_time(&r->windows, (double)p.freeze_ns / 1e9);
    r->bytes = p.bytes_done - p.bytes_holes;
    return 0;
}

static int restore(const char *root, const char *target)
{
    backup_error *error = NULL;
    backup_snapshot *newest = NULL;
    if (host_remove(target) != 0)
        return -1;
    if (backup_latest(root, &newest, &error) != BACKUP_OK)
        return host_failed("finding the newest snapshot", error);
    backup_job *job = NULL;
    backup_code code =
        backup_restore_start(backup_snapshot_location(newest), target, NULL, &job, &error);
    if (code == BACKUP_OK)
        code = backup_wait(job, -1, &error);
    backup_snapshot_free(newest);
    backup_free(job);
    return code == BACKUP_OK ? 0 : host_failed("restore", error);
}

static int one_round(host_rounds *r, backup_coordinator *coordinator)
{
    const char *root = backup_coordinator_root(coordinator);
    char restored[EXAMPLE_PATH];
    backup_error *error = NULL;
    uint32_t deleted = 0;
    example_path(restored, r->dir, "restored");
    if (back_up(r, coordinator) != 0 || restore(root, restored) != 0 ||
        r->check(r->engine, restored, r->frozen(r->engine)) != 0)
        return -1;
    if (backup_prune(root, 1, &deleted, &error) != BACKUP_OK)
        return host_failed("prune", error);
    return host_remove(restored);
}

int host_run_rounds(host_rounds *r)
{
    char data[EXAMPLE_PATH];
    backup_error *error = NULL;
    backup_coordinator *coordinator = NULL;
    example_path(data, r->dir, "data");
    if (backup_coordinator_open(data, r->options, &coordinator, &error) != BACKUP_OK)
        return host_failed("opening the coordinator", error);
    int result = 0;
    for (unsigned i = 0; i < r->rounds && result == 0; i++) {
        example_sleep(0.001 * (double)(i % 20)); /* anywhere in what the writers do */
        result = one_round(r, coordinator);
        if (result != 0)
            fprintf(stderr, "%s: round %u of %u failed\n", r->variant, i + 1, r->rounds);
    }
    backup_coordinator_close(coordinator);
    return result;
}

void host_report(const host_rounds *r, const host_times *stops, const host_times *commits,
                 uint64_t meanwhile)
{
    double stopped = host_median(stops), commit = host_median(commits);
    printf("%s: %" PRIu64 " snapshots restored and compared, none wrong; the last has %.1f MB; "
           "%" PRIu64 " commits meanwhile\n",
           r->variant, r->windows.count, (double)r->bytes / 1e6, meanwhile);
    printf("  writes stopped for %.2f ms (at most %.2f; the library's part is %.2f), "
           "a synced commit takes %.2f ms: ratio %.2f\n",
           stopped * 1e3, host_max(stops) * 1e3, host_median(&r->windows) * 1e3, commit * 1e3,
           stopped / commit);
    fflush(stdout);
}
