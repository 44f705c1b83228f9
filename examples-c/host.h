/*
 * What the examples with real engines share: what they write, and the rounds of backing up,
 * restoring and comparing.
 *
 * The whole contents of a database follow from one number. Commit number `seq` makes the changes
 * host_change_of(seq, 0), (seq, 1), ... and stores `seq` beside them, in one transaction. So
 * whoever reads it under the writer's lock knows each key that a snapshot must hold, bit for bit.
 */
#ifndef HOST_H
#define HOST_H

#include <hotbackup.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "example.h"

#define HOST_KEYS 4096u /* of which three quarters are there: some 4 MB */
#define HOST_FIRST_COMMITS 2000u /* before the first backup */
#define HOST_VALUE_MAX (24u * 1024u)

/* --- What is written --- */

typedef struct host_change {
    uint32_t key;   /* 1..HOST_KEYS */
    uint64_t stamp; /* what the value follows from; 0: the key is deleted, if it is there */
} host_change;

unsigned host_changes(uint64_t seq); /* how many changes commit number `seq` makes */
host_change host_change_of(uint64_t seq, unsigned i);
size_t host_value(uint64_t stamp, unsigned char out[HOST_VALUE_MAX]); /* its length */

/* Whether commit `seq` is first made, given up, and made again. */
int host_gives_up(uint64_t seq);

/* --- What must be there --- */

typedef struct host_model {
    uint64_t seq; /* the model is that of the commits 1..seq */
    uint64_t stamps[HOST_KEYS + 1];
    unsigned char seen[HOST_KEYS + 1];
    uint64_t compared;
    char wrong[160]; /* the first difference; empty: none */
} host_model;

/* Goes on to commit `seq` (or starts again, for an earlier one), then compares what it is shown. */
void host_expect(host_model *m, uint64_t seq);
void host_found(host_model *m, uint32_t key, const void *value, size_t length);
int host_all_found(host_model *m); /* 0, or -1: m->wrong says what is missing, wrong or too much */

/* --- How long things take --- */

typedef struct host_times { /* the last 8192 of a thread's, in seconds */
    double last[8192];
    uint64_t count;
} host_times;

void host_time(host_times *t, double seconds);
double host_median(const host_times *t);
double host_max(const host_times *t);

/* --- The rounds --- */

/* What to run: --rounds N, --only VARIANT, --break WHAT, and the directory. */
typedef struct host_arguments {
    unsigned rounds;
    const char *only;   /* NULL: all variants */
    const char *broken; /* what to break on purpose, so that the check must find it; "": nothing */
    char dir[EXAMPLE_PATH];
} host_arguments;

int host_parse(int argc, char **argv, const char *name, host_arguments *out);

/* Makes a backup, and says how it ended and where it is. 0, or -1: it has said why. */
int host_back_up(backup_coordinator *coordinator, backup_progress *p, char location[EXAMPLE_PATH]);

typedef struct host_rounds {
    const char *variant;
    unsigned rounds;
    const char *dir;      /* has the data directory `data`, gets `backups` and `restored` */
    backup_options *options;
    void *engine;
    /* What the freeze hook of the round has seen: the last commit before it. */
    uint64_t (*frozen)(void *engine);
    /* Opens a restored directory with the engine and compares; 0, or -1: a message was printed. */
    int (*check)(void *engine, const char *restored, uint64_t seq);
    host_times windows; /* filled in, as is the size of the last snapshot */
    uint64_t bytes;
} host_rounds;

/* Backs up, restores into a fresh directory and checks, `rounds` times. -1: it printed why. */
int host_run_rounds(host_rounds *r);

/* Prints how long writes stopped, beside a synced commit of the same run: from when the freeze hook
 * had the writer's lock to when thaw gave it back (`stops`), and the library's part of that. */
void host_report(const host_rounds *r, const host_times *stops, const host_times *commits,
                 uint64_t meanwhile);

int host_failed(const char *what, backup_error *error); /* prints it, frees it; -1 */
int host_wrong(const char *what, const char *why);      /* prints it; -1 */
int host_remove(const char *dir); /* a directory with all in it, if it is there */

#endif
